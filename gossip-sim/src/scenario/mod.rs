//! A network of several organisations that commits a chain; `gossip sim` runs it.

mod measure;
mod report;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Config, Endpoint, Instant, JoinChannel, OrgId, Request};
use thiserror::Error;

use self::measure::Payload;
pub use self::measure::{Idle, Warm};
pub use self::report::{Report, Wall};
use crate::rng::Draws;
use crate::{
    Delay, NodeId, Publication, World, WorldConfig, external_endpoint, internal_endpoint,
    node_config,
};

const CHANNEL: &str = "main";
/// Time between the starts of two nodes.
const STAGGER: Duration = Duration::from_millis(1);
/// Time after convergence until the traffic of heartbeats and view exchanges is constant.
const SETTLE: Duration = Duration::from_secs(60);
/// Virtual time between two reports of progress.
const STRIDE: Duration = Duration::from_millis(50);
const MAX_NODES: usize = 100_000;

/// Organisations whose peers find each other, then commit a chain that each organisation's first
/// peer publishes.
///
/// All peers join one channel, whose anchors are the first peers of all organisations. Each peer
/// bootstraps to one or two peers of its own organisation that started before it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Organisations. Default 2.
    pub orgs: usize,
    /// Peers of each organisation. Default 4.
    pub peers: usize,
    /// Blocks to publish. Default 100.
    pub blocks: u64,
    /// Payload bytes of each block. Default 1,024.
    pub block_size: usize,
    /// Blocks published per second. Default 20.
    pub rate: u32,
    /// Number of first blocks that grow the tree. The other blocks are published when every ledger has these, and
    /// their cost is reported separately. Fewer than `blocks`, or 0. Default 0.
    pub warm_up: u64,
    /// Time before the first block in which the traffic of the idle network is measured. Default 0.
    pub idle: Duration,
    /// Peers of each organisation that have an external endpoint, at least one; `None` is
    /// all. The others know only their own organisation. Default 2.
    pub external: Option<usize>,
    /// The world: seed, latency and the rest.
    pub world: WorldConfig,
    /// Limit of virtual time for the membership to converge. Default 2 minutes.
    pub convergence_limit: Duration,
    /// Limit of virtual time for the last block. Default 2 minutes.
    pub commit_limit: Duration,
    /// Changes each node's configuration. Default: no change.
    pub tune: fn(&mut Config),
}

/// Phase of a scenario or trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nodes start.
    Start,
    /// Nodes find each other.
    Membership,
    /// Blocks are published and committed.
    Blocks,
    /// Faults begin and end.
    Storm,
    /// All faults are repaired.
    Calm,
    /// The run has ended.
    Done,
}

/// Receives the progress of a scenario.
pub trait Progress {
    /// Called several times per phase, the last time with 1.
    fn progress(&mut self, phase: Phase, fraction: f64);
}

/// Ignores progress.
impl Progress for () {
    fn progress(&mut self, _phase: Phase, _fraction: f64) {}
}

/// Reason for which a scenario cannot be run.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A number is zero.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// There is only one node.
    #[error("at least 2 nodes are needed")]
    Alone,
    /// The warm-up leaves no blocks to measure.
    #[error("a warm-up of {warm_up} blocks leaves none of {blocks} to measure")]
    WarmUp {
        /// [`Scenario::warm_up`].
        warm_up: u64,
        /// [`Scenario::blocks`].
        blocks: u64,
    },
    /// There are too many nodes.
    #[error("{0} nodes are too many: at most {MAX_NODES} can be simulated")]
    TooMany(usize),
    /// A node's configuration contradicts itself.
    #[error("the nodes' configuration cannot be used: {0}")]
    Config(#[from] gossip_core::ConfigError),
}

impl Scenario {
    /// The defaults with `orgs` organisations of `peers` peers each.
    #[must_use]
    pub fn new(orgs: usize, peers: usize, seed: u64) -> Self {
        Self {
            orgs,
            peers,
            blocks: 100,
            block_size: 1_024,
            rate: 20,
            warm_up: 0,
            idle: Duration::ZERO,
            external: Some(2),
            world: WorldConfig::new(seed),
            convergence_limit: Duration::from_secs(120),
            commit_limit: Duration::from_secs(120),
            tune: |_| {},
        }
    }

    /// The same with `blocks` blocks of `block_size` payload bytes.
    #[must_use]
    pub fn blocks(mut self, blocks: u64, block_size: usize) -> Self {
        self.blocks = blocks;
        self.block_size = block_size;
        self
    }

    /// The same with this latency between nodes.
    #[must_use]
    pub fn latency(mut self, latency: Delay) -> Self {
        self.world.latency = latency;
        self
    }

    /// The channel that all nodes join.
    #[must_use]
    pub fn channel() -> ChannelId {
        ChannelId::new(CHANNEL)
    }

    /// Runs the scenario to its end or a limit; see [`Report::is_success`].
    ///
    /// # Errors
    /// A number is zero or too large, or [`Scenario::tune`] gives an invalid configuration.
    pub fn run(&self, progress: &mut impl Progress) -> Result<Report, ScenarioError> {
        #[allow(
            clippy::disallowed_types,
            reason = "only to measure the real time of the run"
        )]
        let begun = std::time::Instant::now();
        if self.warm_up > 0 && self.warm_up >= self.blocks {
            return Err(ScenarioError::WarmUp {
                warm_up: self.warm_up,
                blocks: self.blocks,
            });
        }
        let mut world = self.build()?;
        let converged = self.converge(&mut world, progress);
        let idle = self.measure_idle(&mut world);
        let warm_up = self.warm_up;
        let mut committed = self.commit(&mut world, (0, warm_up), progress);
        let before = self.payload(&world);
        if committed.is_some() {
            committed = self.commit(&mut world, (warm_up, self.blocks), progress);
        }
        world.audit();
        progress.progress(Phase::Done, 1.0);
        let mut report = Report::new(self, &mut world, (converged, committed), begun.elapsed());
        report.idle = idle;
        report.warm =
            (warm_up > 0).then(|| Warm::new(&world, warm_up, before, self.payload(&world)));
        Ok(report)
    }

    /// The world with all nodes added and their joins and starts planned, for tests that do more with it.
    ///
    /// # Errors
    /// As [`Scenario::run`].
    pub fn build(&self) -> Result<World, ScenarioError> {
        let nodes = self.orgs.saturating_mul(self.peers);
        for (what, value) in [
            ("organisations", self.orgs as u64),
            ("peers", self.peers as u64),
            ("rate", u64::from(self.rate)),
        ] {
            if value == 0 {
                return Err(ScenarioError::Zero(what));
            }
        }
        if nodes < 2 {
            return Err(ScenarioError::Alone);
        }
        if nodes > MAX_NODES {
            return Err(ScenarioError::TooMany(nodes));
        }
        let mut world = World::new(self.world.clone());
        let mut draws = Draws::new(self.world.seed, "scenario");
        let join = JoinChannel {
            sequence: 1,
            members: self.members(),
        };
        for peer in 0..self.peers {
            for org in 0..self.orgs {
                let node = world.add(self.node(org, peer, &mut draws))?;
                let at = STAGGER.saturating_mul(node.index());
                let request = Request::JoinChannel {
                    channel: Self::channel(),
                    config: join.clone(),
                };
                world.request(node, request);
                world.start_at(node, Instant::START + at);
            }
        }
        Ok(world)
    }

    fn node(&self, org: usize, peer: usize, draws: &mut Draws) -> Config {
        let (org_name, peer_name) = (org_name(org), peer_name(peer));
        let mut config = node_config(&org_name, &peer_name);
        if self.is_external(peer) {
            config.external_endpoint = Some(external_endpoint(&org_name, &peer_name));
        }
        if peer > 0 {
            let seeds = [0, draws.index(peer)];
            let mut bootstrap: Vec<Endpoint> = seeds
                .map(|seed| internal_endpoint(&org_name, &crate::scenario::peer_name(seed)))
                .into();
            bootstrap.dedup();
            config.bootstrap = bootstrap;
        }
        (self.tune)(&mut config);
        config
    }

    fn members(&self) -> BTreeMap<OrgId, Vec<Endpoint>> {
        let anchor = |org: usize| {
            let name = org_name(org);
            let endpoint = external_endpoint(&name, &peer_name(0));
            (OrgId::new(name.as_bytes()), vec![endpoint])
        };
        (0..self.orgs).map(anchor).collect()
    }

    fn is_external(&self, peer: usize) -> bool {
        peer == 0 || self.external.is_none_or(|external| peer < external)
    }

    /// Waits until the membership has converged; returns the last discovery, or `None` if it was not in time.
    pub(crate) fn converge(
        &self,
        world: &mut World,
        progress: &mut impl Progress,
    ) -> Option<Instant> {
        let last = world.nodes().last().map_or(0, NodeId::index);
        let started = Instant::START + STAGGER.saturating_mul(last);
        while world.now() < started {
            world.run_for(STRIDE.min(started.since(world.now())));
            let done = world.now().since(Instant::START).as_secs_f64();
            progress.progress(
                Phase::Start,
                done / started.since(Instant::START).as_secs_f64(),
            );
        }
        progress.progress(Phase::Start, 1.0);
        let mut next = world.now();
        let complete = world.wait(self.convergence_limit, |world| {
            if world.now() >= next {
                next = world.now() + STRIDE;
                let (due, seen) = world.views();
                progress.progress(Phase::Membership, fraction(seen, due));
            }
            world.views_were_complete()
        });
        progress.progress(Phase::Membership, 1.0);
        complete.then(|| world.last_discovery())
    }

    /// Measures the idle network.
    fn measure_idle(&self, world: &mut World) -> Option<Idle> {
        if self.idle.is_zero() {
            return None;
        }
        world.run_for(SETTLE);
        let before = world.stats().clone();
        world.run_for(self.idle);
        let nodes = self.orgs * self.peers;
        Some(Idle::new(&before, world.stats(), nodes, self.idle))
    }

    /// Payload bytes sent so far, and delivered to peers that lacked them.
    fn payload(&self, world: &World) -> Payload {
        let stats = world.stats();
        Payload {
            sent: stats.block_bytes_sent(),
            delivered: stats.copies_needed * self.block_size as u64,
        }
    }

    /// Publishes these blocks; returns the time at which all ledgers had them, or `None` if not in time.
    fn commit(
        &self,
        world: &mut World,
        (first, end): (u64, u64),
        progress: &mut impl Progress,
    ) -> Option<Instant> {
        let channel = Self::channel();
        let payload = vec![0x5a; self.block_size];
        let orderer = world.orderer();
        let blocks: Arc<[Bytes]> = (first..end)
            .map(|number| orderer.block(&channel, number, &payload))
            .collect();
        let interval = Duration::from_secs(1) / self.rate.max(1);
        let leaders: Vec<NodeId> = world.nodes().take(self.orgs).collect();
        for node in leaders {
            world.publish(Publication {
                node,
                channel: channel.clone(),
                blocks: blocks.clone(),
                first,
                start: world.now(),
                interval,
            });
        }
        let count = u32::try_from(end - first).unwrap_or(u32::MAX);
        let publishing = interval.saturating_mul(count);
        let needed = self.blocks * (self.orgs * self.peers) as u64;
        let mut next = world.now();
        let complete = world.wait(publishing + self.commit_limit, |world| {
            if world.now() >= next {
                next = world.now() + STRIDE;
                progress.progress(Phase::Blocks, fraction(world.time_per_copy().count, needed));
            }
            world.ledgers_complete(&channel, end)
        });
        if end == self.blocks {
            progress.progress(Phase::Blocks, 1.0);
        }
        complete.then(|| world.now())
    }
}

fn org_name(org: usize) -> String {
    format!("org{}", org + 1)
}

fn peer_name(peer: usize) -> String {
    format!("peer{peer}")
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a progress bar needs few digits"
)]
pub(crate) fn fraction(done: u64, all: u64) -> f64 {
    if all == 0 {
        1.0
    } else {
        done as f64 / all as f64
    }
}
