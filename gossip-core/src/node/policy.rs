//! The reader policies of channels, when they change.

use super::{Node, cx};
use crate::gate::Verdict;
use crate::{ChannelId, CryptoError, PeerId};

impl Node {
    /// Goes on looking whether those who take part in a channel may still read it.
    pub(super) fn review_readers(&mut self, id: &ChannelId) {
        loop {
            let Some(channel) = self.channels.get_mut(id) else {
                return;
            };
            let Some(peer) = channel.readers.next() else {
                return;
            };
            let identity = self.identities.get(peer.as_bytes());
            let (Some((time, envelope)), Some(identity)) = (channel.told_by(&peer), identity)
            else {
                channel.readers.on_done();
                self.evict_reader(id, &peer);
                continue;
            };
            let verdict = Verdict {
                channel: id.clone(),
                revision: channel.revision(),
                peer,
                time,
            };
            let identity = identity.bytes.clone();
            self.gate
                .check_reader(cx!(self), identity, envelope, verdict);
        }
    }

    /// A participant's state info was held against the policy of a configuration of its channel.
    pub(super) fn on_reviewed(&mut self, verdict: &Verdict, result: Result<(), CryptoError>) {
        let Some(channel) = self.channels.get_mut(&verdict.channel) else {
            return;
        };
        if !channel.is_current(verdict.revision) {
            // Of an earlier participation, or of a configuration that is not in force any more: then
            // the peer is looked at again.
            if channel.has_had(verdict.revision) {
                channel.readers.on_done();
            }
            self.review_readers(&verdict.channel);
            return;
        }
        channel.readers.on_done();
        match result {
            Ok(()) => {}
            Err(CryptoError::Overloaded) => channel.readers.postpone(verdict.peer.clone()),
            Err(error) => {
                let told = channel.told_by(&verdict.peer);
                if told.is_some_and(|(time, _)| time == verdict.time) {
                    tracing::debug!(peer = %verdict.peer, channel = %verdict.channel, %error,
                        "takes no part any more");
                    self.evict_reader(&verdict.channel, &verdict.peer);
                }
            }
        }
        self.review_readers(&verdict.channel);
    }

    /// A newer state info of a peer is genuine, and the policy of this configuration does not admit it.
    pub(super) fn on_not_admitted(&mut self, id: &ChannelId, revision: u64, peer: &PeerId) {
        let channel = self.channels.get(id);
        if channel.is_some_and(|channel| channel.is_current(revision)) {
            self.evict_reader(id, peer);
        }
    }

    /// A peer takes no part any more, whatever it has told.
    pub(super) fn evict_reader(&mut self, id: &ChannelId, peer: &PeerId) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if channel.told_by(peer).is_none() {
            return;
        }
        channel.forget(peer);
        let effects = channel.transfer.on_peer_gone(cx!(self), peer);
        self.on_transfer_effects(id, effects);
    }
}
