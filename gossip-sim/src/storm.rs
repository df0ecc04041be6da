//! A storm: every class of fault, including a long partition, and some nodes that never restart.

use std::time::Duration;

use gossip_core::Instant;

use crate::chaos::{pair, sides, temporary};
use crate::rng::{Delay, Draws};
use crate::{Fault, FaultClass, Incarnation, LedgerFate, NodeId};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
/// Time between two freezes in the phase without other faults.
const QUIET: Duration = Duration::from_secs(60);
/// A node that never restarts crashes at least this long before the end of the storm: delayed messages and a raised
/// health multiplier make other nodes detect its death late.
const GONE_BEFORE: Duration = Duration::from_secs(120);
/// Classes drawn in the mixed phases.
const MIXED: [FaultClass; 9] = [
    FaultClass::Cut,
    FaultClass::Stall,
    FaultClass::Slow,
    FaultClass::Crash,
    FaultClass::SlowCrypto,
    FaultClass::SlowLedger,
    FaultClass::OneWay,
    FaultClass::Loss,
    FaultClass::Freeze,
];

/// Plans a storm. First nodes freeze without any other fault, at most a twentieth of them at a time. Then
/// the network is partitioned for a minute, an hour or a day, and whole for a minute before or after that. Meanwhile
/// faults of all other classes begin and end: loss of up to a half, one-way cuts, crashes with and without loss of
/// the ledger, clocks set back. At the end all faults are repaired, but some nodes never restart.
#[derive(Clone, Debug)]
pub struct Storm {
    /// Decides every random choice.
    pub seed: u64,
    /// Begin of the storm.
    pub start: Instant,
    /// Duration of the partition, by seed: of 32 consecutive seeds one has a day, four have an hour, all
    /// others a minute.
    pub partition: Duration,
    /// Number of first nodes that always restart: the others use them to bootstrap.
    pub lasting_nodes: usize,
    /// Whether some nodes restart with a clock that was set back. Default true; switching it off changes nothing
    /// else.
    pub clocks_set_back: bool,
}

/// The plan of a [`Storm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormPlan {
    /// The faults in order of time. Pass each to [`World::schedule`](crate::World::schedule).
    pub faults: Vec<(Instant, Fault)>,
    /// Nodes that never restart.
    pub gone: Vec<NodeId>,
    /// End of the storm.
    pub calm: Instant,
}

impl Storm {
    /// The storm of `seed`.
    #[must_use]
    pub const fn new(seed: u64, start: Instant, lasting_nodes: usize) -> Self {
        let partition = match seed % 32 {
            0 => Duration::from_secs(24 * 3600),
            4 | 12 | 20 | 28 => HOUR,
            _ => MINUTE,
        };
        Self {
            seed,
            start,
            partition,
            lasting_nodes,
            clocks_set_back: true,
        }
    }

    /// The plan for these nodes; without faults for fewer than two.
    #[must_use]
    pub fn plan(&self, nodes: &[NodeId]) -> StormPlan {
        if nodes.len() < 2 {
            return StormPlan {
                faults: Vec::new(),
                gone: Vec::new(),
                calm: self.start,
            };
        }
        let mut draft = Draft::new(self.seed, nodes);
        let at = draft.freezes(self.start + 5 * SECOND);
        let coin = draft.draws.below(2) == 0;
        let (mid, end) = if coin {
            draft.split((at, at + self.partition));
            let mid = at + self.partition;
            (mid, mid + MINUTE)
        } else {
            let mid = at + MINUTE;
            draft.split((mid, mid + self.partition));
            (mid, mid + self.partition)
        };
        draft.choose_gone(self.lasting_nodes, (at, end));
        draft.mixed((at, mid), end);
        draft.mixed((mid, end), end);
        if !self.clocks_set_back {
            draft.remove_clocks_set_back();
        }
        draft.faults.sort_by_key(|(at, _)| *at);
        StormPlan {
            faults: draft.faults,
            gone: draft.gone,
            calm: end,
        }
    }
}

/// An unfinished plan.
struct Draft<'a> {
    nodes: &'a [NodeId],
    draws: Draws,
    faults: Vec<(Instant, Fault)>,
    gone: Vec<NodeId>,
    /// The time until which each node is down or frozen.
    away_until: Vec<Instant>,
    frozen_until: Vec<Instant>,
}

impl<'a> Draft<'a> {
    fn new(seed: u64, nodes: &'a [NodeId]) -> Self {
        Self {
            nodes,
            draws: Draws::new(seed, "storm"),
            faults: Vec::new(),
            gone: Vec::new(),
            away_until: vec![Instant::START; nodes.len()],
            frozen_until: vec![Instant::START; (nodes.len() / 20).max(1)],
        }
    }

    /// Two freezes, the first one longer than the expiration of a silent member; returns the begin of the next phase.
    fn freezes(&mut self, mut at: Instant) -> Instant {
        for shortest in [30, 5] {
            let lasting = self.between(shortest * SECOND, MINUTE);
            for _ in 0..self.frozen_until.len() {
                let node = self.draws.index(self.nodes.len());
                self.freeze(node, (at, at + lasting));
            }
            at = at + lasting + QUIET;
        }
        at
    }

    fn split(&mut self, (at, over): (Instant, Instant)) {
        let (island, _) = self.sides();
        self.faults.push((at, Fault::Partition { island }));
        self.faults.push((over, Fault::Heal));
    }

    /// Two groups of nodes, neither of which is empty.
    fn sides(&mut self) -> (Vec<NodeId>, Vec<NodeId>) {
        let (few, many) = sides(&mut self.draws, self.nodes);
        if !few.is_empty() && !many.is_empty() {
            return (few, many);
        }
        let one = self.nodes[self.draws.index(self.nodes.len())];
        self.nodes.iter().partition(|node| **node == one)
    }

    fn choose_gone(&mut self, lasting: usize, (start, end): (Instant, Instant)) {
        let nodes = self.nodes.len();
        let count = (nodes / 20).max(self.draws.index(2));
        let latest = end.since(start).saturating_sub(GONE_BEFORE);
        for _ in 0..count {
            let index = self.draws.index(nodes);
            let at = start + self.between(Duration::ZERO, latest);
            if index >= lasting && self.away_until[index] < at {
                self.away_until[index] = end + HOUR;
                let node = self.nodes[index];
                self.gone.push(node);
                self.faults.push((at, Fault::Crash { node }));
            }
        }
    }

    /// Faults of all classes. A shorter phase has shorter pauses, a larger network has more nodes per fault.
    fn mixed(&mut self, (start, over): (Instant, Instant), end: Instant) {
        let pause = (over.since(start) / 20).clamp(3 * SECOND, HOUR / 3);
        let width = 1 + self.nodes.len() / 40;
        let mut at = start;
        loop {
            at += self.between(SECOND, 2 * pause);
            if at + SECOND >= over {
                return;
            }
            let class = MIXED[self.draws.index(MIXED.len())];
            let lasting = self.between(SECOND / 2, MINUTE / 2).min(end.since(at));
            match class {
                FaultClass::OneWay => {
                    let (from, to) = self.sides();
                    self.faults.push((at, Fault::OneWay { from, to, lasting }));
                }
                FaultClass::Loss => {
                    let percent = u8::try_from(1 + self.draws.below(50)).unwrap_or(50);
                    self.faults.push((at, Fault::Loss { percent, lasting }));
                }
                FaultClass::Freeze => {
                    let node = self.draws.index(self.nodes.len());
                    self.freeze(node, (at, at + lasting));
                }
                FaultClass::Crash => (0..width).for_each(|_| self.crash(at, end)),
                FaultClass::Cut
                | FaultClass::Partition
                | FaultClass::Stall
                | FaultClass::Slow
                | FaultClass::SlowCrypto
                | FaultClass::SlowLedger => {
                    for _ in 0..width {
                        let (a, b) = pair(&mut self.draws, self.nodes.len());
                        let factor = u32::try_from(2 + self.draws.below(50)).unwrap_or(2);
                        let pair = (self.nodes[a], self.nodes[b]);
                        self.faults
                            .push((at, temporary(class, pair, factor, lasting)));
                    }
                }
            }
        }
    }

    /// Freezes a node that is neither down nor frozen, unless too many are frozen.
    fn freeze(&mut self, index: usize, (at, over): (Instant, Instant)) {
        let free = self.frozen_until.iter_mut().find(|until| **until < at);
        if let (Some(place), true) = (free, self.away_until[index] < at) {
            *place = over;
            self.away_until[index] = over;
            let (node, lasting) = (self.nodes[index], over.since(at));
            self.faults.push((at, Fault::Freeze { node, lasting }));
        }
    }

    /// Crashes a node that is neither down nor frozen, and restarts it soon, or so late that other nodes have
    /// forgotten it.
    fn crash(&mut self, at: Instant, end: Instant) {
        let index = self.draws.index(self.nodes.len());
        let longest = if self.draws.below(4) == 0 {
            20 * MINUTE
        } else {
            MINUTE
        };
        let over = at + self.between(SECOND, longest).min(end.since(at));
        let (lost, back) = (self.draws.below(4) == 0, self.draws.below(4) == 0);
        if self.away_until[index] >= at {
            return;
        }
        self.away_until[index] = over;
        let node = self.nodes[index];
        self.faults.push((at, Fault::Crash { node }));
        let restart = Fault::Restart {
            node,
            ledger: if lost {
                LedgerFate::Lost
            } else {
                LedgerFate::Kept
            },
            incarnation: if back {
                Incarnation::Backwards
            } else {
                Incarnation::Next
            },
        };
        self.faults.push((over, restart));
    }

    fn remove_clocks_set_back(&mut self) {
        for (_, fault) in &mut self.faults {
            if let Fault::Restart { incarnation, .. } = fault {
                *incarnation = Incarnation::Next;
            }
        }
    }

    fn between(&mut self, min: Duration, max: Duration) -> Duration {
        self.draws.delay(Delay::between(min, max))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn nodes(count: u32) -> Vec<NodeId> {
        (0..count).map(NodeId::new).collect()
    }

    #[test]
    fn at_the_end_all_faults_are_repaired_but_nodes_that_are_gone() {
        for (seed, count) in (0..64).flat_map(|seed| [2, 3, 5, 30, 200].map(|n| (seed, n))) {
            let nodes = nodes(count);
            let storm = Storm::new(seed, Instant::from_millis(100), 1);
            let plan = storm.plan(&nodes);
            let (mut down, mut split) = (BTreeSet::new(), false);
            for (at, fault) in &plan.faults {
                assert!(*at <= plan.calm);
                match fault {
                    Fault::Crash { node } => assert!(down.insert(*node), "crashed twice"),
                    Fault::Restart { node, .. } => assert!(down.remove(node), "was not down"),
                    Fault::Partition { .. } => split = true,
                    Fault::Heal => split = false,
                    Fault::Cut { .. } => {}
                    Fault::Slow { lasting, .. }
                    | Fault::Stall { lasting, .. }
                    | Fault::OneWay { lasting, .. }
                    | Fault::Loss { lasting, .. }
                    | Fault::Freeze { lasting, .. }
                    | Fault::SlowCrypto { lasting, .. }
                    | Fault::SlowLedger { lasting, .. } => assert!(*at + *lasting <= plan.calm),
                }
            }
            assert_eq!(down, plan.gone.iter().copied().collect());
            assert!(!split && !down.contains(&nodes[0]));
            assert_eq!(plan, storm.plan(&nodes));
        }
    }

    #[test]
    fn at_least_one_node_and_at_most_a_twentieth_are_frozen_at_a_time() {
        for (seed, count) in (0..64).flat_map(|seed| [3, 30, 200].map(|n| (seed, n))) {
            let nodes = nodes(count);
            let plan = Storm::new(seed, Instant::START, 1).plan(&nodes);
            let mut frozen: Vec<Instant> = Vec::new();
            let mut most = 0;
            for (at, fault) in &plan.faults {
                if let Fault::Freeze { lasting, .. } = fault {
                    frozen.retain(|until| until > at);
                    frozen.push(*at + *lasting);
                    most = most.max(frozen.len());
                }
            }
            assert!((1..=nodes.len().div_ceil(20)).contains(&most), "{most}");
        }
    }

    #[test]
    fn without_clocks_set_back_the_rest_of_a_storm_is_the_same() {
        let nodes = nodes(30);
        let is_back = |fault: &Fault| {
            let back = Incarnation::Backwards;
            matches!(fault, Fault::Restart { incarnation, .. } if *incarnation == back)
        };
        let mut differing = 0;
        for seed in 0..32 {
            let mut storm = Storm::new(seed, Instant::START, 1);
            let with = storm.plan(&nodes);
            storm.clocks_set_back = false;
            let without = storm.plan(&nodes);
            assert_eq!(with.faults.len(), without.faults.len());
            for ((at, fault), other) in with.faults.iter().zip(&without.faults) {
                assert!(!is_back(&other.1));
                differing += u32::from(is_back(fault));
                assert!(is_back(fault) || (*at, fault) == (other.0, &other.1));
            }
        }
        assert!(differing > 0);
    }

    #[test]
    fn of_32_consecutive_seeds_one_has_a_partition_of_a_day_and_four_of_an_hour() {
        let lengths: Vec<_> = (7..39)
            .map(|seed| Storm::new(seed, Instant::START, 1).partition)
            .collect();
        let count = |length| lengths.iter().filter(|held| **held == length).count();
        assert_eq!((count(24 * HOUR), count(HOUR), count(MINUTE)), (1, 4, 27));
    }
}
