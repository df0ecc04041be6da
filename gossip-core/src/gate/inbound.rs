//! Routes incoming messages to the checks of their kinds.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, SignedMessage};

use super::admitted::{
    Admitted, AliveSource, AliveWay, ChannelInput, Checked, Inbound, Key, LeadershipItem,
    MemberInput, Sender,
};
use super::alive::Attachments;
use super::block::conclude_block;
use super::rules::{
    NotChecked, Rules, channel_of, conclude, inside_channel_of, is_inside, is_well_formed,
};
use super::{Gate, GateCx};
use crate::cx::Cx;
use crate::out::Out;
use crate::{CryptoOutcome, PeerId};

impl Gate {
    /// A message has arrived on an authenticated link.
    pub(crate) fn on_received(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        message: SignedMessage,
    ) {
        let nonce = message.message().nonce;
        match message.content() {
            Content::Alive(_) => {
                let source = AliveSource {
                    from: sender.peer.clone(),
                    way: AliveWay::Pushed,
                };
                self.alive(cx, sender.link, message, source, &Attachments::default());
            }
            Content::MembershipRequest(request) => {
                self.membership_request(cx, sender, nonce, request);
            }
            Content::MembershipResponse(response) => {
                self.membership_response(cx, &sender, nonce, response);
            }
            Content::StateInfo(_) => self.pushed_state_info(cx, &sender, message),
            Content::StateInfoPull(request) => {
                self.state_info_pull(cx, sender, nonce, request);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, &sender, message.message(), elements);
            }
            Content::Data(payload) => self.pushed_block(cx, sender, &message, payload),
            Content::StateRequest(request) => {
                let request = *request;
                self.from_reader(cx, sender, message.message(), |sender| {
                    ChannelInput::StateRequest {
                        sender,
                        nonce,
                        request,
                    }
                });
            }
            Content::StateResponse(payloads) => {
                // State transfer knows whether the response was requested.
                if let Some(channel) = channel_of(cx, &sender, message.message()) {
                    let payloads = payloads.clone();
                    let input = ChannelInput::StateResponse {
                        sender,
                        nonce,
                        payloads,
                    };
                    cx.raise(Inbound::Channel(channel, input));
                }
            }
            // In any channel.
            Content::Tree(_) if !is_inside(cx, &sender) => cx.metrics().violations += 1,
            Content::Tree(tree) => {
                if let Some(channel) = channel_of(cx, &sender, message.message()) {
                    let tree = *tree;
                    cx.raise(Inbound::Channel(
                        channel,
                        ChannelInput::Tree { sender, tree },
                    ));
                }
            }
            Content::Pulses(pulses) => self.pulses(cx, &sender, pulses, true),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, sender, message),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(told) => {
                if let Some(channel) = inside_channel_of(cx, &sender, message.message()) {
                    let maker = PeerId::new(&told.pki_id);
                    let key = Key::Leadership(sender.link, channel.clone(), maker, told.time);
                    let item = LeadershipItem {
                        channel,
                        message: message.clone(),
                        from: sender.peer,
                    };
                    self.receive(cx, Some(sender.link), (key, item));
                }
            }
            Content::Ack(error) => {
                let (peer, error) = (sender.peer, error.clone());
                cx.raise(Inbound::Ack { peer, nonce, error });
            }
            Content::PrivateRequest(_) | Content::PrivateResponse(_) | Content::PrivateData(_) => {
                cx.raise(Inbound::ForApplications);
            }
            // Authentication is over, and identities are sent by pull.
            Content::Conn(_) | Content::PeerIdentity(_) => cx.metrics().violations += 1,
        }
    }

    /// A signed item has its verdict. One line per kind.
    pub(super) fn conclude_item(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        checked: Checked,
        outcome: CryptoOutcome,
    ) {
        match checked {
            Checked::Alive(copies) => self.conclude_alive(cx, key, copies, outcome),
            Checked::Block(copies) => conclude_block(cx, copies, outcome),
            Checked::StateInfo(copies) => conclude(cx, key, copies, outcome),
            Checked::Relay(copies) => conclude(cx, key, copies, outcome),
            Checked::Leadership(copies) => conclude(cx, key, copies, outcome),
        }
    }

    /// A request about a channel, admitted if its sender may read the channel.
    fn from_reader(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        message: &GossipMessage,
        input: impl FnOnce(Sender) -> ChannelInput,
    ) {
        if let Some(channel) = channel_of(cx, &sender, message) {
            let asked = Inbound::Channel(channel.clone(), input(sender.clone()));
            self.with_access(cx, &sender, channel, asked);
        }
    }
}

/// A proposal or declaration. Both its sender and its author must be of our organisation.
impl Rules for LeadershipItem {
    fn message(&self) -> &SignedMessage {
        &self.message
    }

    fn precheck(&self, cx: &mut GateCx<'_>) -> Result<Bytes, NotChecked> {
        let Content::Leadership(told) = self.message.content() else {
            return Err(NotChecked::Unwanted);
        };
        let identities = &cx.peers.identities;
        let identity = identities
            .get(&told.pki_id)
            .ok_or(NotChecked::Unidentified)?;
        let own = *told.pki_id == *cx.config.identity.peer.as_bytes();
        let inside = |org| identities.is_own_org(org);
        if own || !identity.org.as_ref().is_some_and(inside) || !is_well_formed(cx, &self.message) {
            return Err(NotChecked::Violation);
        }
        let channel = cx.channels.get(&self.channel);
        if !channel.is_some_and(|channel| channel.is_leadership_news(told)) {
            return Err(NotChecked::Known);
        }
        Ok(identity.bytes.clone())
    }

    fn on_unidentified(self, _: &mut Gate, cx: &mut Out<'_>) {
        let from = self.from;
        cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
    }

    fn admit(self) -> Inbound {
        let channel = self.channel.clone();
        Inbound::Channel(channel, ChannelInput::Leadership(Admitted::new(self)))
    }
}
