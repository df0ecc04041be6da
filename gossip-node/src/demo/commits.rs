//! The commits of all peers, with their times.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The heights of all ledgers, and the time of each block from publication to the last peer.
///
/// The ledgers themselves record commits, so none can be lost. Memory: 24 bytes per block under
/// way and 8 per block that all peers have committed; the number of blocks of a run is bounded.
#[derive(Debug)]
pub(crate) struct Commits {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    heights: Vec<u64>,
    /// Blocks that not all peers have committed: time of publication and number of peers that lack it.
    under_way: VecDeque<(Instant, usize)>,
    /// Time from publication to the last peer, by block number.
    arrived: Vec<Duration>,
    first_published: Option<Instant>,
    last_commit: Option<Instant>,
}

impl Commits {
    /// No commits, for `peers` peers with empty ledgers.
    pub(crate) fn new(peers: usize) -> Self {
        let state = State {
            heights: vec![0; peers],
            under_way: VecDeque::new(),
            arrived: Vec::new(),
            first_published: None,
            last_commit: None,
        };
        Self {
            state: Mutex::new(state),
        }
    }

    /// Records that a leader publishes block `seq`. Only the first leader counts.
    pub(crate) fn published(&self, seq: u64, now: Instant) {
        let mut state = self.lock();
        if seq == state.known_blocks() {
            let peers = state.heights.len();
            state.under_way.push_back((now, peers));
            state.first_published.get_or_insert(now);
        }
    }

    /// Records that peer number `peer` has committed block `seq`.
    pub(crate) fn committed(&self, peer: usize, seq: u64, now: Instant) {
        let mut state = self.lock();
        state.heights[peer] = seq + 1;
        state.last_commit = Some(now);
        let place = usize::try_from(seq)
            .ok()
            .and_then(|seq| seq.checked_sub(state.arrived.len()));
        if let Some((_, lacking)) = place.and_then(|place| state.under_way.get_mut(place)) {
            *lacking = lacking.saturating_sub(1);
        }
        // Each peer commits in order, so blocks reach the last peer in order too.
        while let Some((published, 0)) = state.under_way.front().copied() {
            state.under_way.pop_front();
            state.arrived.push(now.saturating_duration_since(published));
        }
    }

    /// The height of each ledger.
    pub(crate) fn heights(&self) -> Vec<u64> {
        self.lock().heights.clone()
    }

    /// The times of the run so far.
    pub(crate) fn timing(&self) -> Timing {
        let state = self.lock();
        let mut arrived = state.arrived.clone();
        let spread = state.first_published.zip(state.last_commit);
        drop(state);
        arrived.sort_unstable();
        Timing {
            spread: spread
                .map(|(from, to)| to.saturating_duration_since(from))
                .unwrap_or_default(),
            p50: percentile(&arrived, 50),
            p99: percentile(&arrived, 99),
            max: percentile(&arrived, 100),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn known_blocks(&self) -> u64 {
        (self.arrived.len() + self.under_way.len()) as u64
    }
}

/// Times of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// From the first publication to the last commit.
    pub(crate) spread: Duration,
    /// Median time from the publication of a block to its commit at the last peer.
    pub(crate) p50: Duration,
    /// The same for the slowest hundredth.
    pub(crate) p99: Duration,
    /// The same for the slowest block.
    pub(crate) max: Duration,
}

/// The nearest-rank percentile of sorted values, zero if there are none.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_arrived_when_the_last_peer_has_committed_it() {
        let commits = Commits::new(2);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        commits.published(0, at(0));
        commits.published(1, at(10));
        commits.published(0, at(11));
        commits.committed(0, 0, at(20));
        commits.committed(0, 1, at(21));
        assert_eq!(commits.timing().max, Duration::ZERO);
        commits.committed(1, 0, at(30));
        commits.committed(1, 1, at(110));
        assert_eq!(commits.heights(), [2, 2]);
        let timing = commits.timing();
        assert_eq!(timing.p50, Duration::from_millis(30));
        assert_eq!(timing.max, Duration::from_millis(100));
        assert_eq!(timing.spread, Duration::from_millis(110));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&values, 50), Duration::from_millis(100));
        assert_eq!(percentile(&values, 99), Duration::from_millis(198));
        assert_eq!(percentile(&values, 100), Duration::from_millis(200));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }
}
