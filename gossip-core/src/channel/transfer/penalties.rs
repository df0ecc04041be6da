//! Penalties: peers that are not asked for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::rng::ModuleRng;
use crate::{Instant, PeerId};

/// The most peers remembered. Beyond that, the one whose penalty ends first is forgotten.
const MAX_PEERS: usize = 1024;

/// The longest penalty.
const LONGEST: Duration = Duration::from_secs(60);

/// A back-off per peer: doubled by each fault, halved by each good block.
#[derive(Debug, Default)]
pub(super) struct Penalties {
    peers: BTreeMap<PeerId, Penalty>,
}

#[derive(Debug)]
struct Penalty {
    until: Instant,
    wait: Duration,
}

impl Penalties {
    /// Returns whether the peer must not be asked now.
    pub(super) fn holds(&self, peer: &PeerId, now: Instant) -> bool {
        self.peers
            .get(peer)
            .is_some_and(|penalty| penalty.until > now)
    }

    /// Penalises the peer for `base`, or for twice its last penalty, plus or minus a quarter.
    pub(super) fn punish(
        &mut self,
        peer: &PeerId,
        now: Instant,
        base: Duration,
        rng: &mut ModuleRng,
    ) {
        let wait = match self.peers.get(peer) {
            Some(before) => before.wait.saturating_mul(2).min(LONGEST).max(base),
            None => base,
        };
        if !self.peers.contains_key(peer) && self.peers.len() >= MAX_PEERS {
            self.forget_one();
        }
        let until = now + rng.jitter(wait).min(LONGEST);
        self.peers.insert(peer.clone(), Penalty { until, wait });
    }

    /// The peer has sent a good block. A running penalty is not shortened.
    pub(super) fn reward(&mut self, peer: &PeerId, now: Instant, base: Duration) {
        let Some(penalty) = self.peers.get_mut(peer) else {
            return;
        };
        penalty.wait /= 2;
        if penalty.wait < base && penalty.until <= now {
            self.peers.remove(peer);
        }
    }

    /// The time when the next penalty ends of a peer for which `counts` holds.
    pub(super) fn next_end(
        &self,
        now: Instant,
        counts: impl Fn(&PeerId) -> bool,
    ) -> Option<Instant> {
        self.peers
            .iter()
            .filter(|(peer, penalty)| penalty.until > now && counts(peer))
            .map(|(_, penalty)| penalty.until)
            .min()
    }

    fn forget_one(&mut self) {
        let first = self
            .peers
            .iter()
            .min_by_key(|(_, penalty)| penalty.until)
            .map(|(peer, _)| peer.clone());
        if let Some(first) = first {
            self.peers.remove(&first);
        }
    }
}
