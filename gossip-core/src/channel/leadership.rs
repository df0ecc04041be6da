//! Who proposed or declared itself last, and when.

use std::collections::BTreeMap;

use gossip_proto::{Leadership, PeerTime};

use crate::PeerId;

/// The time of each peer's latest message about leadership, kept as long as the peer is known: a declaration
/// that is replayed after its maker has died must not count. At most `max` peers.
#[derive(Debug)]
pub(crate) struct LatestLeadership {
    times: BTreeMap<PeerId, PeerTime>,
    max: usize,
}

impl LatestLeadership {
    pub(super) fn new(max: usize) -> Self {
        Self {
            times: BTreeMap::new(),
            max,
        }
    }

    /// Is it newer than what its maker said before?
    pub(crate) fn is_news(&self, told: &Leadership) -> bool {
        self.times
            .get(&told.pki_id[..])
            .is_none_or(|latest| told.time > *latest)
    }

    /// Takes a verified message in. Returns whether it is news and there was room.
    pub(crate) fn take(&mut self, told: &Leadership) -> bool {
        let peer = PeerId::new(&told.pki_id);
        let room = self.times.len() < self.max || self.times.contains_key(&peer);
        let taken = room && self.is_news(told);
        if taken {
            self.times.insert(peer, told.time);
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn forget(&mut self, peer: &PeerId) {
        self.times.remove(peer);
    }
}
