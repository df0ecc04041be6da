//! The lists of runs.

use std::time::Duration;

use gossip_core::Config;
use gossip_sim::{Scenario, Trial};

use crate::Outcome;
use crate::scenes;

/// A run and its name.
pub(crate) struct Run {
    pub(crate) name: String,
    pub(crate) go: Box<dyn Fn() -> Outcome + Send + Sync>,
}

impl Run {
    fn new(name: impl Into<String>, go: impl Fn() -> Outcome + Send + Sync + 'static) -> Self {
        Self {
            name: name.into(),
            go: Box::new(go),
        }
    }
}

/// The runs of the gate, the longest first.
pub(crate) fn short() -> Vec<Run> {
    // Of 32 consecutive seeds one (seed 0) has a partition of a day. With 30 nodes it takes as long as all other
    // runs, so only the small networks run it.
    let storms = [(30, 1..17), (5, 0..16), (3, 0..16)];
    let storms = storms
        .into_iter()
        .flat_map(|(nodes, seeds)| seeds.map(move |seed| chaos("chaos", nodes, seed)));
    let scenes = scenes::ALL
        .into_iter()
        .map(|(name, scene)| Run::new(format!("scene/{name}"), scene));
    storms.chain(networks()).chain(scenes).collect()
}

/// Runs that take too long for each change.
pub(crate) fn long() -> Vec<Run> {
    let mut runs = vec![Run::new("long/sim/10-orgs-of-100", || {
        run(Scenario::new(10, 100, 1).blocks(100, 1_000))
    })];
    runs.extend([1, 2, 4, 5].map(|seed| chaos("long/chaos", 200, seed)));
    runs
}

/// A network in the storm of a seed, as `gossip chaos` runs it.
fn chaos(list: &str, nodes: usize, seed: u64) -> Run {
    Run::new(format!("{list}/{nodes}-nodes/seed-{seed}"), move || {
        let mut trial = Trial::new(nodes, seed);
        trial.record = true;
        let report = trial.run(&mut ()).map_err(|error| error.to_string())?;
        if !report.is_success() {
            return Err(format!("violations: {:?}", report.violations));
        }
        report.fingerprint.ok_or_else(|| "no recording".to_owned())
    })
}

const SMALL: usize = 1_000;
const MIDDLE: usize = 2_000;
const LARGE: usize = 64 << 10;
const HUGE: usize = 256 << 10;

/// Networks that commit a chain, as `gossip sim` runs them.
fn networks() -> Vec<Run> {
    let no_pulses: fn(&mut Config) = |config| config.membership.pulses = false;
    let no_tree: fn(&mut Config) = |config| config.push.tree = false;
    let pull_only: fn(&mut Config) = |config| {
        config.push.fanout = 0;
        config.push.tree = false;
        config.state_transfer.gap_timeout = Duration::from_secs(3600);
    };
    let default: fn(&mut Config) = |_| {};
    let paced = |name: &str, orgs, peers, (blocks, size), rate, tune| {
        let mut scenario = Scenario::new(orgs, peers, 1).blocks(blocks, size);
        // In addition to a minute in which the network settles.
        scenario.idle = Duration::from_secs(20);
        scenario.rate = rate;
        scenario.tune = tune;
        Run::new(format!("sim/{name}"), move || run(scenario.clone()))
    };
    let network = |name, orgs, peers, blocks, tune| paced(name, orgs, peers, blocks, 20, tune);
    vec![
        network("1-org/small-blocks", 1, 60, (100, SMALL), default),
        network("4-orgs/small-blocks", 4, 8, (100, MIDDLE), default),
        network("10-orgs/small-blocks", 10, 4, (100, SMALL), default),
        network("1-org/large-blocks", 1, 20, (40, LARGE), default),
        network("4-orgs/large-blocks", 4, 5, (20, HUGE), default),
        network("10-orgs/large-blocks", 10, 3, (20, LARGE), default),
        network("1-org/no-pulses", 1, 20, (50, MIDDLE), no_pulses),
        network("4-orgs/no-pulses", 4, 5, (50, SMALL), no_pulses),
        network("10-orgs/no-pulses", 10, 2, (20, LARGE), no_pulses),
        network("1-org/no-tree", 1, 20, (50, SMALL), no_tree),
        network("4-orgs/no-tree", 4, 5, (20, LARGE), no_tree),
        network("10-orgs/no-tree", 10, 2, (50, SMALL), no_tree),
        // A digest has the last ten blocks and is sent every four seconds.
        paced("1-org/pull-only", 1, 8, (30, SMALL), 1, pull_only),
    ]
}

fn run(mut scenario: Scenario) -> Outcome {
    scenario.world.record = true;
    let report = scenario.run(&mut ()).map_err(|error| error.to_string())?;
    if !report.is_success() {
        let (missing, violations) = (&report.missing, &report.violations);
        return Err(format!("missing: {missing:?}, violations: {violations:?}"));
    }
    report.fingerprint.ok_or_else(|| "no recording".to_owned())
}
