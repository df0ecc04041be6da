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
        match &message.message().content {
            Content::Alive(_) => {
                let source = AliveSource::Pushed {
                    from: sender.peer.clone(),
                };
                let with = Companions::default();
                self.alive(cx, known, &sender, message, source, &with, news);
            }
            Content::MembershipRequest(request) => {
                let nonce = message.message().nonce;
                self.membership_request(cx, known, sender, nonce, request, news);
            }
            Content::MembershipResponse(response) => {
                let nonce = message.message().nonce;
                self.membership_response(cx, known, &sender, nonce, response, news);
            }
            Content::StateInfo(info) => {
                let macs = &mut self.macs;
                let channel = macs.channel(known.channels, &info.pki_id, &info.channel_mac);
                let Some(channel) = channel else {
                    self.relay(cx, known, &sender, info, &message);
                    return;
                };
                self.state_info(cx, known, &sender, channel, message, true, news);
            }
            Content::StateInfoPull(request) => {
                let nonce = message.message().nonce;
                self.state_info_pull(cx, known, &sender, nonce, request, news);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, known, &sender, message.message(), elements, news);
            }
            Content::Data(payload) => self.pushed_block(cx, known, sender, &message, payload, news),
            Content::StateRequest(request) => {
                let asked = |channel| News::StateRequest {
                    sender: sender.clone(),
                    channel,
                    nonce: message.message().nonce,
                    request: *request,
                };
                if let Some(channel) = self.channel_of(cx, known, &sender, message.message()) {
                    self.with_access(cx, known, &sender, channel.clone(), asked(channel), news);
                }
            }
            Content::StateResponse(payloads) => {
                if let Some(channel) = self.channel_of(cx, known, &sender, message.message()) {
                    let nonce = message.message().nonce;
                    let payloads = payloads.clone();
                    news.push(News::StateResponse {
                        sender,
                        channel,
                        nonce,
                        payloads,
                    });
                }
            }
            Content::Tree(tree) => {
                let own_org = sender.org.as_ref();
                if !own_org.is_some_and(|org| known.identities.is_own_org(org)) {
                    cx.metrics().violations += 1;
                } else if let Some(channel) = self.channel_of(cx, known, &sender, message.message())
                {
                    let tree = *tree;
                    news.push(News::Tree {
                        sender,
                        channel,
                        tree,
                    });
                }
            }
            Content::Pulses(pulses) => self.pulses(cx, known, &sender, pulses, true, news),
            Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_) => self.pull(cx, known, sender, message, news),
            Content::Empty => cx.metrics().empty_messages += 1,
            Content::Leadership(_) => self.leadership(cx, known, &sender, message, news),
            Content::Ack(error) => {
                let nonce = message.message().nonce;
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
