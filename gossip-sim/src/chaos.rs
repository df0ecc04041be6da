//! Random faults that are all repaired at the end.

use std::time::Duration;

use gossip_core::Instant;

use crate::rng::{Delay, Draws};
use crate::{Fault, FaultClass, Incarnation, LedgerFate, NodeId};

/// Plans random faults. All of them are repaired before the end, so the network must converge afterwards.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// Decides every random choice.
    pub seed: u64,
    /// Time of the first fault at the earliest.
    pub start: Instant,
    /// Duration of all faults.
    pub lasting: Duration,
    /// The mean pause between two faults. Default 500 ms.
    pub pause: Duration,
    /// The longest duration of one fault. Default 5 s.
    pub longest: Duration,
}

impl Chaos {
    /// Faults between `start` and `start + lasting`.
    #[must_use]
    pub const fn new(seed: u64, start: Instant, lasting: Duration) -> Self {
        let (pause, longest) = (Duration::from_millis(500), Duration::from_secs(5));
        Self {
            seed,
            start,
            lasting,
            pause,
            longest,
        }
    }

    /// The faults for `nodes`, in order of time. Pass each to [`World::schedule`](crate::World::schedule).
    #[must_use]
    pub fn plan(&self, nodes: &[NodeId]) -> Vec<(Instant, Fault)> {
        let mut plan = Vec::new();
        if nodes.len() < 2 {
            return plan;
        }
        let end = self.start + self.lasting;
        let mut draws = Draws::new(self.seed, "chaos");
        let pauses = Delay::between(Duration::ZERO, self.pause.saturating_mul(2));
        let lengths = Delay::between(self.longest / 20, self.longest);
        let mut down_until = vec![Instant::START; nodes.len()];
        let mut frozen_until = Instant::START;
        let mut at = self.start + draws.delay(pauses);
        while at < end {
            let class = FaultClass::ALL[draws.index(FaultClass::ALL.len())];
            let lasting = draws.delay(lengths).min(end.since(at));
            let (a, b) = pair(&mut draws, nodes.len());
            let coin = draws.below(4);
            let factor = u32::try_from(2 + draws.below(50)).unwrap_or(2);
            let over = at + lasting;
            match class {
                FaultClass::Crash if down_until[a] >= at => {}
                FaultClass::Crash => {
                    down_until[a] = over;
                    crash(&mut plan, nodes[a], (at, over), coin);
                }
                FaultClass::Partition => {
                    let (island, _) = sides(&mut draws, nodes);
                    plan.push((at, Fault::Partition { island }));
                    plan.push((over, Fault::Heal));
                }
                FaultClass::OneWay => {
                    let (from, to) = sides(&mut draws, nodes);
                    plan.push((at, Fault::OneWay { from, to, lasting }));
                }
                FaultClass::Freeze if frozen_until >= at => {}
                FaultClass::Cut
                | FaultClass::Stall
                | FaultClass::Slow
                | FaultClass::SlowCrypto
                | FaultClass::SlowLedger
                | FaultClass::Loss
                | FaultClass::Freeze => {
                    if class == FaultClass::Freeze {
                        frozen_until = over;
                    }
                    plan.push((at, temporary(class, (nodes[a], nodes[b]), factor, lasting)));
                }
            }
            at += draws.delay(pauses) + Duration::from_nanos(1);
        }
        plan.push((end, Fault::Heal));
        plan.sort_by_key(|(at, _)| *at);
        plan
    }
}

/// About a third of the nodes, and the others.
pub(crate) fn sides(draws: &mut Draws, nodes: &[NodeId]) -> (Vec<NodeId>, Vec<NodeId>) {
    nodes.iter().partition(|_| draws.below(3) == 0)
}

pub(crate) fn pair(draws: &mut Draws, nodes: usize) -> (usize, usize) {
    let a = draws.index(nodes);
    let b = (a + 1 + draws.index(nodes - 1)) % nodes;
    (a, b)
}

fn crash(plan: &mut Vec<(Instant, Fault)>, node: NodeId, span: (Instant, Instant), coin: u64) {
    let ledger = if coin == 0 {
        LedgerFate::Lost
    } else {
        LedgerFate::Kept
    };
    plan.push((span.0, Fault::Crash { node }));
    plan.push((
        span.1,
        Fault::Restart {
            node,
            ledger,
            incarnation: Incarnation::Next,
        },
    ));
}

/// A fault of a pair of nodes that ends by itself; a cut for classes that need more.
pub(crate) fn temporary(
    class: FaultClass,
    (a, b): (NodeId, NodeId),
    factor: u32,
    lasting: Duration,
) -> Fault {
    match class {
        FaultClass::Stall => Fault::Stall {
            from: a,
            to: b,
            lasting,
        },
        FaultClass::Slow => Fault::Slow {
            a,
            b,
            factor,
            lasting,
        },
        FaultClass::SlowCrypto => Fault::SlowCrypto {
            node: a,
            factor,
            lasting,
        },
        FaultClass::SlowLedger => Fault::SlowLedger {
            node: a,
            factor,
            lasting,
        },
        FaultClass::Loss => Fault::Loss {
            percent: u8::try_from(factor.min(50)).unwrap_or(50),
            lasting,
        },
        FaultClass::Freeze => Fault::Freeze { node: a, lasting },
        FaultClass::Cut | FaultClass::Partition | FaultClass::Crash | FaultClass::OneWay => {
            Fault::Cut { a, b }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_repaired_before_the_end() {
        let nodes: Vec<_> = (0..5).map(NodeId::new).collect();
        for seed in 0..20 {
            let chaos = Chaos::new(seed, Instant::from_millis(100), Duration::from_secs(60));
            let plan = chaos.plan(&nodes);
            let end = Instant::from_millis(60_100);
            let mut down = std::collections::BTreeSet::new();
            let mut split = false;
            for (at, fault) in &plan {
                assert!(*at <= end);
                match fault {
                    Fault::Crash { node } => assert!(down.insert(*node), "crashed twice"),
                    Fault::Restart { node, .. } => assert!(down.remove(node), "was not down"),
                    Fault::Partition { .. } => split = true,
                    Fault::Heal => split = false,
                    Fault::Cut { a, b } | Fault::Slow { a, b, .. } => assert_ne!(a, b),
                    Fault::Stall { lasting, .. }
                    | Fault::OneWay { lasting, .. }
                    | Fault::Loss { lasting, .. }
                    | Fault::Freeze { lasting, .. }
                    | Fault::SlowCrypto { lasting, .. }
                    | Fault::SlowLedger { lasting, .. } => assert!(*at + *lasting <= end),
                }
            }
            assert!(down.is_empty() && !split);
            assert_eq!(plan, chaos.plan(&nodes));
        }
    }

    #[test]
    fn a_minute_of_chaos_has_every_class() {
        let nodes: Vec<_> = (0..5).map(NodeId::new).collect();
        let plan = Chaos::new(1, Instant::START, Duration::from_secs(60)).plan(&nodes);
        for class in FaultClass::ALL {
            assert!(
                plan.iter().any(|(_, fault)| fault.class() == class),
                "{class:?}"
            );
        }
    }
}
