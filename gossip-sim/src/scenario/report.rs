use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::Instant;
use serde::Serialize;

use super::Scenario;
use super::measure::{Idle, Warm, ratio};
use crate::{Fingerprint, KindTraffic, Percentiles, TraceHash, World};

const MAX_MISSING: usize = 20;

/// The result of a [`Scenario`]. Everything but `wall` is the same for the same seed.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The seed of every random choice.
    pub seed: u64,
    /// Organisations.
    pub orgs: usize,
    /// Peers of each organisation.
    pub peers: usize,
    /// Blocks published.
    pub blocks: u64,
    /// Payload bytes of each block.
    pub block_size: usize,
    /// Peers that each message is pushed to.
    pub fanout: usize,
    /// Seconds of virtual time until every node had seen all nodes that it may see; absent if not in time.
    pub convergence_s: Option<f64>,
    /// How often a node held another dead that was running and reachable.
    pub false_deaths: u64,
    /// Whether every ledger got every block in time.
    pub committed: bool,
    /// Time from a block's publication to the last ledger.
    pub time_to_all: Percentiles,
    /// Time from a block's publication to each ledger.
    pub time_per_copy: Percentiles,
    /// Copies of blocks received per copy needed; 1 is the minimum.
    pub redundancy: f64,
    /// Payload bytes sent per payload byte delivered to a peer that lacked it, whole blocks only.
    pub payload_ratio: f64,
    /// The same for the blocks after [`Scenario::warm_up`], if there is one.
    pub warm: Option<Warm>,
    /// The traffic of the idle network, if [`Scenario::idle`] is not 0.
    pub idle: Option<Idle>,
    /// Messages sent, by kind.
    pub messages: Vec<KindTraffic>,
    /// Bytes sent per node.
    pub bytes_per_node: f64,
    /// Sums of the counters of all nodes, without zeros.
    pub counters: BTreeMap<&'static str, u64>,
    /// Events delivered to nodes.
    pub events: u64,
    /// Total virtual time in seconds.
    pub virtual_s: f64,
    /// Hash of all events.
    pub trace_hash: TraceHash,
    /// The fingerprint, if the run was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
    /// Nodes that do not see another, and ledgers that lack blocks at the end, at most 20 lines.
    pub missing: Vec<String>,
    /// Violations, at most 20 lines.
    pub violations: Vec<String>,
    /// The number of all violations.
    pub violation_count: u64,
    /// Real time that the run took.
    pub wall: Wall,
}

/// Real time that a run took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Wall {
    /// Seconds.
    pub seconds: f64,
    /// Events delivered per second.
    pub events_per_second: f64,
}

impl Wall {
    pub(crate) fn new(events: u64, wall: Duration) -> Self {
        Self {
            seconds: wall.as_secs_f64(),
            events_per_second: per_second(events, wall),
        }
    }
}

impl Report {
    /// Returns whether the network converged and committed in time without violations.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.convergence_s.is_some() && self.committed && self.violation_count == 0
    }

    pub(super) fn new(
        scenario: &Scenario,
        world: &mut World,
        (converged, committed): (Option<Instant>, Option<Instant>),
        wall: Duration,
    ) -> Self {
        let stats = world.stats();
        let (events, needed) = (stats.events, stats.copies_needed);
        let redundancy = ratio(stats.block_copies, needed);
        let false_deaths = stats.false_deaths;
        let stats_bytes = stats.block_bytes_sent();
        let messages = stats.traffic();
        let bytes: u64 = messages.iter().map(|kind| kind.bytes).sum();
        let nodes = world.nodes().count() as u64;
        Self {
            seed: scenario.world.seed,
            orgs: scenario.orgs,
            peers: scenario.peers,
            blocks: scenario.blocks,
            block_size: scenario.block_size,
            fanout: world.fanout(),
            convergence_s: converged.map(seconds),
            false_deaths,
            committed: committed.is_some(),
            time_to_all: world.time_to_all(),
            time_per_copy: world.time_per_copy(),
            redundancy,
            payload_ratio: ratio(stats_bytes, needed * scenario.block_size as u64),
            warm: None,
            idle: None,
            messages,
            bytes_per_node: ratio(bytes, nodes),
            counters: counters(world),
            events,
            virtual_s: seconds(world.now()),
            trace_hash: world.trace_hash(),
            fingerprint: world.fingerprint(),
            missing: missing(scenario, world),
            violations: world
                .violations()
                .iter()
                .take(MAX_MISSING)
                .map(ToString::to_string)
                .collect(),
            violation_count: world.violation_count(),
            wall: Wall::new(events, wall),
        }
    }
}

fn counters(world: &World) -> BTreeMap<&'static str, u64> {
    let mut sums = BTreeMap::new();
    for node in world.nodes() {
        let Some(core) = world.node(node) else {
            continue;
        };
        for (name, value) in core.metrics().counters() {
            *sums.entry(name).or_insert(0) += value;
        }
    }
    sums.retain(|_, sum| *sum > 0);
    sums
}

fn missing(scenario: &Scenario, world: &mut World) -> Vec<String> {
    let mut lines = Vec::new();
    for (observer, subject) in world.missing_views(MAX_MISSING) {
        lines.push(format!(
            "{} does not see {}",
            name(world, observer),
            name(world, subject)
        ));
    }
    let channel = Scenario::channel();
    for node in world.incomplete_ledgers(&channel, scenario.blocks) {
        let height = world.ledger(node).height(&channel);
        let blocks = scenario.blocks;
        lines.push(format!(
            "{} holds {height} of {blocks} blocks",
            name(world, node)
        ));
    }
    lines.truncate(MAX_MISSING);
    lines
}

fn name(world: &World, node: crate::NodeId) -> String {
    String::from_utf8_lossy(&world.identity(node).bytes).into_owned()
}

fn seconds(at: Instant) -> f64 {
    at.since(Instant::START).as_secs_f64()
}

#[allow(clippy::cast_precision_loss, reason = "a report needs few digits")]
fn per_second(events: u64, wall: Duration) -> f64 {
    events as f64 / wall.as_secs_f64().max(1e-9)
}
