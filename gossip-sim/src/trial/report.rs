use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::Instant;
use serde::Serialize;

use super::Trial;
use crate::{FaultClass, Fingerprint, StormPlan, TraceHash, Wall, World};

const MAX_VIOLATIONS: usize = 20;

/// The result of a [`Trial`]. Everything but `wall` is the same for the same seed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TrialReport {
    /// The seed of every random choice.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// Duration of the longest partition in seconds.
    pub partition_s: u64,
    /// Nodes that did not restart.
    pub gone: usize,
    /// Seconds after the storm until each node saw exactly the running nodes; absent if not within 300 s.
    pub views_s: Option<f64>,
    /// Seconds after the storm until every ledger had every block; absent if not within 300 s.
    pub blocks_s: Option<f64>,
    /// Counts of faults that took effect and of states that occurred.
    pub coverage: BTreeMap<&'static str, u64>,
    /// How often a node held another dead that was running and on its side of the partition.
    pub false_deaths: u64,
    /// Violations, at most 20 lines.
    pub violations: Vec<String>,
    /// The number of all violations.
    pub violation_count: u64,
    /// Events delivered to nodes.
    pub events: u64,
    /// Total virtual time in seconds.
    pub virtual_s: f64,
    /// Hash of all events.
    pub trace_hash: TraceHash,
    /// The fingerprint, if the run was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Real time that the run took.
    pub wall: Wall,
}

impl TrialReport {
    /// Returns whether views became equal and ledgers complete without violations.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.views_s.is_some() && self.blocks_s.is_some() && self.violation_count == 0
    }

    pub(super) fn new(trial: &Trial, world: &World, plan: &StormPlan, wall: Duration) -> Self {
        let stats = world.stats();
        let violations = world.violations().iter().take(MAX_VIOLATIONS);
        Self {
            seed: trial.seed,
            nodes: trial.nodes,
            partition_s: 0,
            gone: plan.gone.len(),
            views_s: None,
            blocks_s: None,
            coverage: coverage(world, plan),
            false_deaths: stats.false_deaths,
            violations: violations.map(ToString::to_string).collect(),
            violation_count: world.violation_count(),
            events: stats.events,
            virtual_s: world.now().since(Instant::START).as_secs_f64(),
            trace_hash: world.trace_hash(),
            fingerprint: world.fingerprint(),
            wall: Wall::new(stats.events, wall),
        }
    }
}

fn coverage(world: &World, plan: &StormPlan) -> BTreeMap<&'static str, u64> {
    let stats = world.stats();
    let faults = FaultClass::ALL.map(|class| (class.as_str(), stats.faults(class)));
    let states = [
        ("frames lost", stats.frames_lost),
        ("dials lost", stats.dials_lost),
        ("ledgers lost", stats.ledgers_lost),
        ("clocks set back", stats.clocks_set_back),
        ("nodes gone", plan.gone.len() as u64),
        ("healthy peers of frozen nodes", stats.suspicions_checked),
        ("members held dead", stats.deaths),
        ("members forgotten", stats.forgotten),
        ("blocks committed by others", stats.copies_needed),
    ];
    faults.into_iter().chain(states).collect()
}
