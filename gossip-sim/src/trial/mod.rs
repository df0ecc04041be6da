//! A network in a storm and in the calm after it; `gossip chaos` runs it.

mod report;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{Config, Instant};

pub use self::report::TrialReport;
use crate::scenario::fraction;
use crate::{
    NodeId, Phase, Progress, Publication, Scenario, ScenarioError, Storm, StormPlan, World,
};

/// Limit for equal views after all nodes have seen each other for the first time.
const SETTLED: Duration = Duration::from_secs(60);
/// Limit after the storm for equal views: each node sees exactly the running nodes.
const EQUAL_AFTER: Duration = Duration::from_secs(15);
/// The times of equal views and of complete ledgers are measured up to this time after the storm.
const LONGEST_MEASURED: Duration = Duration::from_secs(300);
/// Limit after the storm for complete ledgers.
const COMPLETE_AFTER: Duration = Duration::from_secs(60);
/// Time from the last publication to the end of the storm.
const LAST_BLOCK: Duration = Duration::from_secs(5);
/// Number of audits during the storm: more would take longer than the nodes themselves.
const AUDITS: u32 = 50;
/// Longer than any node needs to forget a member after the horizon.
const GRACE: Duration = Duration::from_secs(30);

/// Runs a network through the storm of a seed while blocks are published, and checks that after it
/// * all views are equal within 15 s: each node sees exactly the running nodes,
/// * every ledger has every block within a minute,
/// * no node lists a member that does not run, once its time to be forgotten is over;
///
/// and that at no time a node holds a healthy peer dead because it was frozen itself, or another check of
/// [`World`] fails.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Nodes: one organisation of fewer than six, two of fewer than 30, three of fewer than 100, otherwise four.
    pub nodes: usize,
    /// Decides every random choice.
    pub seed: u64,
    /// Blocks published during the storm. Default 100.
    pub blocks: u64,
    /// Payload bytes of each block. Default 1,024.
    pub block_size: usize,
    /// Whether some nodes restart with a clock that was set back. Default true.
    pub clocks_set_back: bool,
    /// Whether the report has a fingerprint; see [`WorldConfig::record`](crate::WorldConfig). Default false.
    pub record: bool,
    /// Changes each node's configuration. Default: no change.
    pub tune: fn(&mut Config),
}

impl Trial {
    /// The trial of `seed` with `nodes` nodes.
    #[must_use]
    pub const fn new(nodes: usize, seed: u64) -> Self {
        Self {
            nodes,
            seed,
            blocks: 100,
            block_size: 1_024,
            clocks_set_back: true,
            record: false,
            tune: |_| {},
        }
    }

    /// Runs the trial to its end. Violations are in the report.
    ///
    /// # Errors
    /// Fewer than two nodes, too many nodes, or [`Trial::tune`] gives an invalid configuration.
    pub fn run(&self, progress: &mut impl Progress) -> Result<TrialReport, ScenarioError> {
        #[allow(
            clippy::disallowed_types,
            reason = "only to measure the real time of the run"
        )]
        let begun = std::time::Instant::now();
        let scenario = self.scenario()?;
        let mut world = scenario.build()?;
        scenario.converge(&mut world, progress);
        if !world.wait(SETTLED, World::views_equal) {
            world.audit_views();
        }
        let mut storm = Storm::new(self.seed, world.now(), scenario.orgs);
        storm.clocks_set_back = self.clocks_set_back;
        let nodes: Vec<_> = world.nodes().collect();
        let plan = storm.plan(&nodes);
        self.publish(&mut world, &scenario, &plan);
        self.run_storm(&mut world, &plan, progress);
        let (views, blocks) = self.calm(&mut world, plan.calm, progress);
        progress.progress(Phase::Done, 1.0);
        let mut report = TrialReport::new(self, &world, &plan, begun.elapsed());
        report.partition_s = storm.partition.as_secs();
        report.views_s = views.map(|at| at.since(plan.calm).as_secs_f64());
        report.blocks_s = blocks.map(|at| at.since(plan.calm).as_secs_f64());
        Ok(report)
    }

    fn scenario(&self) -> Result<Scenario, ScenarioError> {
        if self.nodes < 2 {
            return Err(ScenarioError::Alone);
        }
        let most = match self.nodes {
            0..=5 => 1,
            6..=29 => 2,
            30..=99 => 3,
            _ => 4,
        };
        let orgs = (1..=most)
            .rev()
            .find(|orgs| self.nodes.is_multiple_of(*orgs));
        let orgs = orgs.unwrap_or(1);
        let mut scenario = Scenario::new(orgs, self.nodes / orgs, self.seed);
        scenario.tune = self.tune;
        scenario.world.record = self.record;
        Ok(scenario)
    }

    /// Each organisation's first peer publishes all blocks.
    fn publish(&self, world: &mut World, scenario: &Scenario, plan: &StormPlan) {
        let (channel, payload) = (Scenario::channel(), vec![0x5a; self.block_size]);
        let block = |number| world.orderer().block(&channel, number, &payload);
        let blocks: Arc<[Bytes]> = (0..self.blocks).map(block).collect();
        let (start, count) = (world.now(), u32::try_from(self.blocks).unwrap_or(u32::MAX));
        let time = plan.calm.since(start).saturating_sub(LAST_BLOCK);
        let leaders: Vec<NodeId> = world.nodes().take(scenario.orgs).collect();
        for node in leaders {
            world.publish(Publication {
                node,
                channel: channel.clone(),
                blocks: blocks.clone(),
                first: 0,
                start,
                interval: time / count.max(1),
            });
        }
    }

    fn run_storm(&self, world: &mut World, plan: &StormPlan, progress: &mut impl Progress) {
        for (at, fault) in &plan.faults {
            world.schedule(*at, fault.clone());
        }
        let start = world.now();
        let all = plan.calm.since(start);
        for audit in 1..=AUDITS {
            world.run_until(start + (all / AUDITS).saturating_mul(audit));
            world.audit();
            progress.progress(Phase::Storm, fraction(u64::from(audit), u64::from(AUDITS)));
        }
        world.run_until(plan.calm);
    }

    /// Runs the calm; returns the times at which views were equal and ledgers complete.
    fn calm(
        &self,
        world: &mut World,
        calm: Instant,
        progress: &mut impl Progress,
    ) -> (Option<Instant>, Option<Instant>) {
        let channel = Scenario::channel();
        let horizon = calm + horizon(world) + GRACE;
        let (mut views, mut blocks) = (None, None);
        let checks = [calm + EQUAL_AFTER, calm + COMPLETE_AFTER];
        let mut next = 0;
        while next < checks.len()
            || world.now() < calm + LONGEST_MEASURED && (views.is_none() || blocks.is_none())
        {
            let now = world.now();
            if views.is_none() && world.views_equal() {
                views = Some(now);
            }
            if blocks.is_none() && world.ledgers_complete(&channel, self.blocks) {
                blocks = Some(now);
            }
            if checks.get(next).is_some_and(|at| now >= *at) {
                match next {
                    0 => world.audit_views(),
                    _ => world.audit_ledgers(&channel, self.blocks),
                }
                next += 1;
            }
            world.run_for(Duration::from_millis(100));
        }
        progress.progress(Phase::Calm, 0.2);
        world.run_until(horizon);
        progress.progress(Phase::Calm, 1.0);
        world.audit();
        world.audit_views();
        world.audit_forgotten();
        world.audit_ledgers(&channel, self.blocks);
        (views, blocks)
    }
}

/// The time after which a member that does not run is forgotten.
fn horizon(world: &World) -> Duration {
    let configs = world.nodes().map(|node| &world.config(node).membership);
    let horizons = configs.map(|config| config.alive_expiration + config.forget_after);
    horizons.max().unwrap_or_default()
}
