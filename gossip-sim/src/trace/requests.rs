//! The hashed content of rare requests.

use gossip_core::proto::{GossipMessage, SignedMessage};
use gossip_core::{ChannelId, Coverage, PeerId, Request, SendCriteria};

use super::Trace;

impl Trace {
    /// Hashes all requests that [`Trace::request`] does not hash itself.
    #[allow(clippy::too_many_lines, reason = "a flat match")]
    pub(super) fn rare_request(&mut self, request: &Request) {
        match request {
            Request::JoinChannel { .. }
            | Request::LeaveChannel { .. }
            | Request::Publish { .. }
            | Request::UpdateMetadata { .. }
            | Request::UpdateChaincodes { .. }
            | Request::Stop => {}
            Request::AwaitCoverage {
                channel,
                seq,
                coverage,
                timeout,
            } => {
                self.kind(0, *seq);
                self.channel(channel);
                match coverage {
                    Coverage::One => self.batch.push(0),
                    Coverage::Count(count) => self.kind(1, count.get() as u64),
                    Coverage::AllOfOrg => self.batch.push(2),
                }
                self.duration(*timeout);
            }
            Request::ValidateBlocks { channel, on } => {
                self.batch.extend([1, u8::from(*on)]);
                self.channel(channel);
            }
            Request::UpdateLedgerHeight { channel, height } => {
                self.kind(2, *height);
                self.channel(channel);
            }
            Request::UpdateEndpoint { external } => {
                self.batch.push(3);
                let external = external.as_ref().map_or("", |endpoint| endpoint.as_str());
                self.bytes(external.as_bytes());
            }
            Request::Send { message, peers } => {
                self.batch.push(4);
                self.unsigned(message);
                self.peers(peers);
            }
            Request::SendByCriteria { message, criteria } => {
                self.batch.push(5);
                self.unsigned(message);
                self.criteria(criteria);
            }
            Request::Respond { link, message } => {
                self.kind(6, link.0);
                self.unsigned(message);
            }
            Request::Gossip { message } => {
                self.batch.push(7);
                self.unsigned(message);
            }
            Request::Listen(interest) => {
                let (accepted, raw) = (interest.accepted, interest.raw);
                self.batch.extend([8, u8::from(accepted), u8::from(raw)]);
            }
            Request::Snapshot => self.batch.push(9),
            Request::SuspectPeers { peers } => {
                self.batch.extend([10, u8::from(peers.is_some())]);
                self.peers(peers.as_deref().unwrap_or_default());
            }
            Request::Identities => self.batch.push(11),
            Request::IsInMyOrg { peer } => {
                self.batch.push(12);
                self.bytes(peer.as_bytes());
            }
        }
    }

    fn criteria(&mut self, criteria: &SendCriteria) {
        self.duration(criteria.timeout);
        self.number(criteria.min_acks as u64);
        self.number(criteria.max_peers as u64);
        let channel = criteria.channel.as_ref().map_or("", ChannelId::as_str);
        self.bytes(channel.as_bytes());
        self.batch.push(u8::from(criteria.eligible.is_some()));
        let eligible = criteria.eligible.iter().flatten();
        let eligible: Vec<PeerId> = eligible.cloned().collect();
        self.peers(&eligible);
    }

    fn unsigned(&mut self, message: &GossipMessage) {
        self.message(&SignedMessage::unsigned(message.clone()));
    }
}
