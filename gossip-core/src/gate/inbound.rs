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
        news: &mut Vec<News>,
    ) {
        let nonce = message.message().nonce;
        match &message.message().content {
            Content::Alive(_) => {
                let source = AliveSource::Pushed {
                    from: sender.peer.clone(),
                };
                let with = Companions::default();
                self.alive(cx, known, &sender, message, source, &with, news);
            }
            Content::MembershipRequest(request) => {
                self.membership_request(cx, known, sender, nonce, request, news);
            }
            Content::MembershipResponse(response) => {
                self.membership_response(cx, known, &sender, nonce, response, news);
            }
            Content::StateInfo(_) => self.pushed_state_info(cx, known, &sender, message, news),
            Content::StateInfoPull(request) => {
                self.state_info_pull(cx, known, &sender, nonce, request, news);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, known, &sender, message.message(), elements, news);
            }
            Content::Data(payload) => self.pushed_block(cx, known, sender, &message, payload, news),
            Content::StateRequest(request) => {
                self.state_request(cx, known, &sender, message.message(), *request, news);
            }
            Content::StateResponse(payloads) => {
                self.state_response(cx, known, sender, message.message(), payloads, news);
            }
            Content::Tree(tree) => self.tree(cx, known, sender, message.message(), *tree, news),
            Content::Pulses(pulses) => self.pulses(cx, known, &sender, pulses, true, news),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, known, sender, message, news),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(_) => self.leadership(cx, known, &sender, message, news),
            Content::Ack(error) => {
                let (peer, error) = (sender.peer, error.clone());
                news.push(News::Ack { peer, nonce, error });
            }
            Content::PrivateRequest(_) | Content::PrivateResponse(_) | Content::PrivateData(_) => {
                news.push(News::ForApplications);
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
