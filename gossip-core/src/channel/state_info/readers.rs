//! Whether participants may still read the channel under the configuration in force.

use std::collections::BTreeSet;

use crate::channel::{Channel, ChannelCx};
use crate::gate::admitted::Review;
use crate::{CryptoError, PeerId};

/// Peers whose state infos are still to be checked against the channel's reader policy. Bounded by the state infos
/// held.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    pending: BTreeSet<PeerId>,
    /// Peers whose check was shed. Tried again with the next request for state infos.
    postponed: BTreeSet<PeerId>,
    outstanding: usize,
}

/// Checks of one channel at a time, so that a new configuration of a large channel does not crowd out checks of new
/// messages.
const MAX_OUTSTANDING: usize = 32;

impl Readers {
    /// The configuration has changed, so all must be checked.
    pub(crate) fn review<'a>(&mut self, peers: impl Iterator<Item = &'a PeerId>) {
        self.postponed.clear();
        self.pending = peers.cloned().collect();
    }

    /// The next peer to check, if fewer than the maximum are being checked.
    fn next(&mut self) -> Option<PeerId> {
        if self.outstanding >= MAX_OUTSTANDING {
            return None;
        }
        let peer = self.pending.pop_first()?;
        self.outstanding += 1;
        Some(peer)
    }

    /// A peer has been checked.
    fn on_done(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// The check was shed.
    fn postpone(&mut self, peer: PeerId) {
        self.postponed.insert(peer);
    }

    /// Takes up the postponed checks.
    pub(crate) fn resume(&mut self) {
        self.pending.append(&mut self.postponed);
    }
}

impl Channel {
    /// Continues to check whether the participants may still read the channel.
    pub(crate) fn review_readers(&mut self, cx: &mut ChannelCx<'_>) {
        while let Some(peer) = self.readers.next() {
            let identity = cx.peers.identities.get(peer.as_bytes());
            let (Some((time, envelope)), Some(identity)) =
                (self.participants.published_by(&peer), identity)
            else {
                self.readers.on_done();
                self.evict(cx, &peer);
                continue;
            };
            let identity = identity.bytes.clone();
            let revision = self.revision();
            let review = Review {
                revision,
                peer,
                time,
            };
            cx.cx.check_reader(&self.id, identity, envelope, review);
        }
    }

    /// A participant's state info has been checked against the policy of a configuration of the channel.
    pub(crate) fn on_reviewed(
        &mut self,
        cx: &mut ChannelCx<'_>,
        review: &Review,
        result: Result<(), CryptoError>,
    ) {
        let Review {
            revision,
            peer,
            time,
        } = review;
        if self.has_had(*revision) {
            self.readers.on_done();
        }
        // A verdict under an older configuration does not count: the peer is still on the list to check.
        if self.is_current(*revision) {
            match result {
                Ok(()) => {}
                Err(CryptoError::Overloaded) => self.readers.postpone(peer.clone()),
                Err(error) => {
                    let told = self.participants.published_by(peer);
                    if told.is_some_and(|(told, _)| told == *time) {
                        tracing::debug!(%peer, channel = %self.id, %error, "participant refused");
                        self.evict(cx, peer);
                    }
                }
            }
        }
        self.review_readers(cx);
    }

    /// A newer state info of a peer is genuine, and the policy of this configuration does not admit it.
    pub(crate) fn on_not_admitted(&mut self, cx: &mut ChannelCx<'_>, revision: u64, peer: &PeerId) {
        if self.is_current(revision) {
            self.evict(cx, peer);
        }
    }

    /// A peer no longer takes part, regardless of its state infos.
    fn evict(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        if self.participants.published_by(peer).is_some() {
            self.forget(peer);
            self.on_peer_gone(cx, peer);
        }
    }
}
