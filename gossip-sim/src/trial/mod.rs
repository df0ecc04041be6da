//! A network in a storm, then calm: what `gossip chaos` runs.

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

/// After everybody has seen everybody for the first time, views must be equal within this.
const SETTLED: Duration = Duration::from_secs(60);
/// Everybody must see exactly those who run so long after the storm.
const EQUAL_AFTER: Duration = Duration::from_secs(15);
/// It is noted when they are if that takes longer, up to this.
const PATIENCE: Duration = Duration::from_secs(300);
/// Every block must be everywhere so long after the storm.
const COMPLETE_AFTER: Duration = Duration::from_secs(60);
/// Blocks are published until so long before the storm is over.
const LAST_BLOCK: Duration = Duration::from_secs(5);
/// How often the storm is looked at: more often would cost more than the nodes.
const LOOKS: u32 = 50;
/// Longer than any member is forgotten after its horizon.
const GRACE: Duration = Duration::from_secs(30);

/// Puts a network through the storm of a seed, publishing blocks all the while. In the calm after it
/// * all views are equal within 15 s: everybody sees everybody who runs, and nobody else,
/// * every block is at every peer within a minute,
/// * nobody knows anybody who does not run once such a member must be forgotten;
///
/// and throughout no node holds a healthy one dead because it was frozen itself, and all holds that any
/// [`World`] checks.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Nodes: one organisation of less than six, two of less than 30, three of less than 100, else four.
    pub nodes: usize,
    /// Decides every random choice.
    pub seed: u64,
    /// Blocks published during the storm. Default 100.
    pub blocks: u64,
    /// Payload bytes of each block. Default 1,024.
    pub block_size: usize,
    /// Some nodes start with a clock that has been set back. Default true.
    pub clocks_set_back: bool,
    /// The report has a fingerprint; see [`WorldConfig::record`](crate::WorldConfig). Default false.
    pub record: bool,
    /// Changes each node's configuration. Default: nothing.
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

    /// Runs it to its end. What did not hold is in the report.
    ///
    /// # Errors
    /// Less than two nodes, too many, or [`Trial::tune`] makes no sense.
    pub fn run(&self, progress: &mut impl Progress) -> Result<TrialReport, ScenarioError> {
        #[allow(
            clippy::disallowed_types,
            reason = "only to tell what the run has cost"
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
        self.weather(&mut world, &plan, progress);
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

    fn weather(&self, world: &mut World, plan: &StormPlan, progress: &mut impl Progress) {
        for (at, fault) in &plan.faults {
            world.schedule(*at, fault.clone());
        }
        let start = world.now();
        let all = plan.calm.since(start);
        for look in 1..=LOOKS {
            world.run_until(start + (all / LOOKS).saturating_mul(look));
            world.audit();
            progress.progress(Phase::Storm, fraction(u64::from(look), u64::from(LOOKS)));
        }
        world.run_until(plan.calm);
    }

    /// When views were equal and when every block was everywhere.
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
            || world.now() < calm + PATIENCE && (views.is_none() || blocks.is_none())
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

/// After this a member that does not run is forgotten.
fn horizon(world: &World) -> Duration {
    let configs = world.nodes().map(|node| &world.config(node).membership);
    let horizons = configs.map(|config| config.alive_expiration + config.forget_after);
    horizons.max().unwrap_or_default()
}
