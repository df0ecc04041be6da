//! The heights that the peers of a channel claim.

use std::collections::{BTreeMap, BTreeSet};

use crate::PeerId;

/// The heights that peers claim. A claim proves nothing: the peer may have the block.
#[derive(Debug, Default)]
pub(super) struct Claims {
    peers: BTreeMap<PeerId, HeightClaim>,
    by_height: BTreeSet<(u64, PeerId)>,
}

/// A peer that may have a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeightClaim {
    /// The number of blocks that it claims.
    pub(super) height: u64,
    /// A link to it is up.
    pub(super) connected: bool,
}

impl Claims {
    pub(super) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Records a claim. Returns false if the peer is new and `max` are recorded already.
    #[must_use]
    pub(super) fn set(&mut self, peer: &PeerId, claim: HeightClaim, max: usize) -> bool {
        let mut place = (claim.height, peer.clone());
        if let Some(known) = self.peers.get_mut(peer) {
            let before = std::mem::replace(known, claim).height;
            if before == claim.height {
                return true;
            }
            place.0 = before;
            self.by_height.remove(&place);
            place.0 = claim.height;
        } else if self.peers.len() >= max {
            return false;
        } else {
            self.peers.insert(peer.clone(), claim);
        }
        self.by_height.insert(place);
        true
    }

    /// Records whether a link to the peer is up, if the peer has a claim.
    pub(super) fn set_connected(&mut self, peer: &PeerId, connected: bool) {
        if let Some(claim) = self.peers.get_mut(peer) {
            claim.connected = connected;
        }
    }

    pub(super) fn remove(&mut self, peer: &PeerId) {
        if let Some(claim) = self.peers.remove(peer) {
            self.by_height.remove(&(claim.height, peer.clone()));
        }
    }

    pub(super) fn clear(&mut self) {
        self.peers.clear();
        self.by_height.clear();
    }

    pub(super) fn height(&self, peer: &PeerId) -> Option<u64> {
        self.peers.get(peer).map(|claim| claim.height)
    }

    /// The greatest height claimed by a peer for which `counts` holds.
    pub(super) fn highest(&self, counts: impl Fn(&PeerId) -> bool) -> Option<u64> {
        self.by_height
            .iter()
            .rev()
            .find(|(_, peer)| counts(peer))
            .map(|(height, _)| *height)
    }

    /// The peers that may have block `seq`, in order of their claims.
    pub(super) fn having(&self, seq: u64) -> impl Iterator<Item = (&PeerId, HeightClaim)> {
        let from = (seq.saturating_add(1), PeerId::new(&[]));
        self.by_height
            .range(from..)
            .filter_map(|(_, peer)| Some((peer, *self.peers.get(peer)?)))
    }
}
