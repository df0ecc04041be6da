//! Routes incoming messages to the checks of their kinds.

use bytes::Bytes;
use gossip_proto::{
    Content, GossipMessage, Leadership, Payload, SignedMessage, StateRequest, Tree,
};

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
                self.state_request(cx, sender, message.message(), *request);
            }
            Content::StateResponse(payloads) => {
                state_response(cx, sender, message.message(), payloads);
            }
            Content::Tree(control) => tree(cx, sender, message.message(), *control),
            Content::Pulses(pulses) => self.pulses(cx, &sender, pulses, true),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, sender, message),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(told) => self.leadership(cx, sender, &message, told),
            Content::Ack(error) => {
                let (peer, error) = (sender.peer, error.clone());
                cx.raise(Inbound::Ack { peer, nonce, error });
            }
            Content::Application(_) => {
                let named = !message.message().channel.is_empty();
                if !named || channel_of(cx, &sender, message.message()).is_some() {
                    cx.raise(Inbound::Application { sender, message });
                }
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

    fn leadership(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        message: &SignedMessage,
        told: &Leadership,
    ) {
        if let Some(channel) = inside_channel_of(cx, &sender, message.message()) {
            let author = PeerId::new(&told.pki_id);
            let key = Key::Leadership(sender.link, channel.clone(), author, told.time);
            let item = LeadershipItem {
                channel,
                message: message.clone(),
                from: sender.peer,
            };
            self.receive(cx, Some(sender.link), (key, item));
        }
    }

    /// A request for blocks of a channel, admitted if its sender may read the channel.
    fn state_request(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        message: &GossipMessage,
        request: StateRequest,
    ) {
        if let Some(channel) = channel_of(cx, &sender, message) {
            let input = ChannelInput::StateRequest {
                sender: sender.clone(),
                nonce: message.nonce,
                request,
            };
            let asked = Inbound::Channel(channel.clone(), input);
            self.with_access(cx, &sender, channel, asked);
        }
    }
}

/// Blocks sent on request. State transfer knows whether they were requested.
fn state_response(
    cx: &mut GateCx<'_>,
    sender: Sender,
    message: &GossipMessage,
    payloads: &[Payload],
) {
    if let Some(channel) = channel_of(cx, &sender, message) {
        let input = ChannelInput::StateResponse {
            sender,
            nonce: message.nonce,
            payloads: payloads.to_vec(),
        };
        cx.raise(Inbound::Channel(channel, input));
    }
}

/// Control of the tree, from a peer of our organisation only, whatever the channel.
fn tree(cx: &mut GateCx<'_>, sender: Sender, message: &GossipMessage, tree: Tree) {
    if !is_inside(cx, &sender) {
        cx.metrics().violations += 1;
    } else if let Some(channel) = channel_of(cx, &sender, message) {
        cx.raise(Inbound::Channel(
            channel,
            ChannelInput::Tree { sender, tree },
        ));
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
