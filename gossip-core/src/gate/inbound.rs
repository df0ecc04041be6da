//! Messages coming in: to the check that their kind needs.

use gossip_proto::{Content, GossipMessage, SignedMessage};

use super::admitted::{AliveSource, AliveWay, ChannelInput, Inbound, Key, LeadershipItem, Sender};
use super::alive::Companions;
use super::rules::is_inside;
use super::{Gate, View};
use crate::cx::Cx;
use crate::out::Out;
use crate::{ChannelId, PeerId};

impl Gate {
    /// A message has come on an authenticated link.
    pub(crate) fn on_received(
        &mut self,
        cx: &mut Cx<'_>,
        view: View<'_>,
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
                self.alive(
                    cx,
                    view,
                    sender.link,
                    message,
                    source,
                    &Companions::default(),
                );
            }
            Content::MembershipRequest(request) => {
                self.membership_request(cx, view, sender, nonce, request);
            }
            Content::MembershipResponse(response) => {
                self.membership_response(cx, view, &sender, nonce, response);
            }
            Content::StateInfo(_) => self.pushed_state_info(cx, view, &sender, message),
            Content::StateInfoPull(request) => {
                self.state_info_pull(cx, view, sender, nonce, request);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, view, &sender, message.message(), elements);
            }
            Content::Data(payload) => self.pushed_block(cx, view, sender, &message, payload),
            Content::StateRequest(request) => {
                let request = *request;
                self.from_reader(cx, view, sender, message.message(), |sender| {
                    ChannelInput::StateRequest {
                        sender,
                        nonce,
                        request,
                    }
                });
            }
            Content::StateResponse(payloads) => {
                // Whether they were asked for is known where they were asked for.
                if let Some(channel) = channel_of(cx, view, &sender, message.message()) {
                    let payloads = payloads.clone();
                    let input = ChannelInput::StateResponse {
                        sender,
                        nonce,
                        payloads,
                    };
                    cx.raise(Inbound::Channel(channel, input));
                }
            }
            // Whatever the channel.
            Content::Tree(_) if !is_inside(view, &sender) => cx.metrics().violations += 1,
            Content::Tree(tree) => {
                if let Some(channel) = channel_of(cx, view, &sender, message.message()) {
                    let tree = *tree;
                    cx.raise(Inbound::Channel(
                        channel,
                        ChannelInput::Tree { sender, tree },
                    ));
                }
            }
            Content::Pulses(pulses) => self.pulses(cx, view, &sender, pulses, true),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, view, sender, message),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(told) => {
                if let Some(channel) = inside_channel_of(cx, view, &sender, message.message()) {
                    let maker = PeerId::new(&told.pki_id);
                    let key = Key::Leadership(sender.link, channel.clone(), maker, told.time);
                    let item = LeadershipItem {
                        channel,
                        message: message.clone(),
                        from: sender.peer,
                    };
                    self.receive(cx, view, Some(sender.link), (key, item));
                }
            }
            Content::Ack(error) => {
                let (peer, error) = (sender.peer, error.clone());
                cx.raise(Inbound::Ack { peer, nonce, error });
            }
            Content::PrivateRequest(_) | Content::PrivateResponse(_) | Content::PrivateData(_) => {
                cx.raise(Inbound::ForApplications);
            }
            // Authentication is over, and identities are told by pull.
            Content::Conn(_) | Content::PeerIdentity(_) => cx.metrics().violations += 1,
        }
    }

    /// A question about a channel, which is let through if its sender may read the channel.
    fn from_reader(
        &mut self,
        cx: &mut Cx<'_>,
        view: View<'_>,
        sender: Sender,
        message: &GossipMessage,
        input: impl FnOnce(Sender) -> ChannelInput,
    ) {
        if let Some(channel) = channel_of(cx, view, &sender, message) {
            let asked = Inbound::Channel(channel.clone(), input(sender.clone()));
            self.with_access(cx, view, &sender, channel, asked);
        }
    }
}

/// The channel that a message names, if we are in it and the sender's organisation too.
pub(super) fn channel_of(
    cx: &mut Out<'_>,
    view: View<'_>,
    sender: &Sender,
    message: &GossipMessage,
) -> Option<ChannelId> {
    let channel = view.channels.by_name(&message.channel)?;
    if sender.org.as_ref().is_some_and(|org| channel.has_org(org)) {
        return Some(channel.id().clone());
    }
    cx.metrics().violations += 1;
    None
}

/// The same, if the sender is of our own organisation.
pub(super) fn inside_channel_of(
    cx: &mut Out<'_>,
    view: View<'_>,
    sender: &Sender,
    message: &GossipMessage,
) -> Option<ChannelId> {
    let channel = channel_of(cx, view, sender, message)?;
    if is_inside(view, sender) {
        return Some(channel);
    }
    cx.metrics().violations += 1;
    None
}
