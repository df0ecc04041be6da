//! Messages coming in: to the check that their kind needs.

use gossip_proto::{Content, GossipMessage, SignedMessage};

use super::alive::Companions;
use super::news::{AliveSource, News, Sender};
use super::{Gate, Known};
use crate::ChannelId;
use crate::cx::Cx;

impl Gate {
    /// A message has come on an authenticated link.
    pub(crate) fn on_received(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: SignedMessage,
    ) {
        let nonce = message.message().nonce;
        match &message.message().content {
            Content::Alive(_) => {
                let source = AliveSource::Pushed {
                    from: sender.peer.clone(),
                };
                let with = Companions::default();
                self.alive(cx, known, &sender, message, source, &with);
            }
            Content::MembershipRequest(request) => {
                self.membership_request(cx, known, sender, nonce, request);
            }
            Content::MembershipResponse(response) => {
                self.membership_response(cx, known, &sender, nonce, response);
            }
            Content::StateInfo(_) => self.pushed_state_info(cx, known, &sender, message),
            Content::StateInfoPull(request) => {
                self.state_info_pull(cx, known, &sender, nonce, request);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, known, &sender, message.message(), elements);
            }
            Content::Data(payload) => self.pushed_block(cx, known, sender, &message, payload),
            Content::StateRequest(request) => {
                self.state_request(cx, known, &sender, message.message(), *request);
            }
            Content::StateResponse(payloads) => {
                self.state_response(cx, known, sender, message.message(), payloads);
            }
            Content::Tree(tree) => self.tree(cx, known, sender, message.message(), *tree),
            Content::Pulses(pulses) => self.pulses(cx, known, &sender, pulses, true),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, known, sender, message),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(_) => self.leadership(cx, known, &sender, message),
            Content::Ack(error) => {
                let (peer, error) = (sender.peer, error.clone());
                cx.raise(News::Ack { peer, nonce, error });
            }
            Content::PrivateRequest(_) | Content::PrivateResponse(_) | Content::PrivateData(_) => {
                cx.raise(News::ForApplications);
            }
            // Authentication is over, and identities are told by pull.
            Content::Conn(_) | Content::PeerIdentity(_) => cx.metrics().violations += 1,
        }
    }

    /// The channel that a message names, if we are in it and the sender's organisation too.
    pub(super) fn channel_of(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &GossipMessage,
    ) -> Option<ChannelId> {
        let channel = known.channels.by_name(&message.channel)?;
        if sender.org.as_ref().is_some_and(|org| channel.has_org(org)) {
            return Some(channel.id().clone());
        }
        cx.metrics().violations += 1;
        None
    }
}
