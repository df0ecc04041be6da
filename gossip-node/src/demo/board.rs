//! Where all peers note what they have committed, and when.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The heights of all ledgers, and the way of each block from publication to the last peer.
///
/// Notes come from the ledgers themselves, so none can be lost. Memory: 24 bytes per block on its
/// way and 8 per block that has arrived everywhere; the number of blocks of a run is bounded.
#[derive(Debug)]
pub(crate) struct Board {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    heights: Vec<u64>,
    /// Blocks published and not yet everywhere: when, and how many peers lack it.
    under_way: VecDeque<(Instant, usize)>,
    /// Time from publication to the last peer, by block number.
    arrived: Vec<Duration>,
    first_published: Option<Instant>,
    last_commit: Option<Instant>,
}

impl Board {
    /// A board for `peers` peers with empty ledgers.
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

    /// A leader is about to publish block `seq`. Only the first leader to do so counts.
    pub(crate) fn published(&self, seq: u64, now: Instant) {
        let mut state = self.lock();
        if seq == state.known_blocks() {
            let peers = state.heights.len();
            state.under_way.push_back((now, peers));
            state.first_published.get_or_insert(now);
        }
    }

    /// Peer number `peer` has committed block `seq`.
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
        // Each peer commits in order, so blocks arrive everywhere in order too.
        while let Some((published, 0)) = state.under_way.front().copied() {
            state.under_way.pop_front();
            state.arrived.push(now.saturating_duration_since(published));
        }
    }

    /// The height of each ledger.
    pub(crate) fn heights(&self) -> Vec<u64> {
        self.lock().heights.clone()
    }

    /// The figures of the run so far.
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

/// How long blocks took.
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
        let board = Board::new(2);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        board.published(0, at(0));
        board.published(1, at(10));
        board.published(0, at(11));
        board.committed(0, 0, at(20));
        board.committed(0, 1, at(21));
        assert_eq!(board.timing().max, Duration::ZERO);
        board.committed(1, 0, at(30));
        board.committed(1, 1, at(110));
        assert_eq!(board.heights(), [2, 2]);
        let timing = board.timing();
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
