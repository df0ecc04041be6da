//! Trials: storms, and the checks after them.
#![allow(clippy::expect_used, reason = "a test may")]

use std::time::Duration;

use gossip_sim::{Breach, Fault, NodeId, Scenario, Storm, Trial, TrialReport, World};

const MINUTE: Duration = Duration::from_secs(60);

fn run(nodes: usize, seed: u64) -> TrialReport {
    Trial::new(nodes, seed).run(&mut ()).expect("valid")
}

fn assert_all_held(nodes: usize, seeds: impl IntoIterator<Item = u64>) -> Vec<TrialReport> {
    let reports: Vec<_> = seeds.into_iter().map(|seed| run(nodes, seed)).collect();
    for report in &reports {
        assert!(
            report.is_success(),
            "gossip chaos --nodes {nodes} --seed {}: {:?}, {:?}, {:#?}",
            report.seed,
            report.views_s,
            report.blocks_s,
            report.violations
        );
    }
    reports
}

/// Every class of fault took effect, and every state of the coverage occurred.
fn assert_covered(reports: &[TrialReport]) {
    let names = reports.iter().flat_map(|report| report.coverage.keys());
    for name in names {
        let count: u64 = reports.iter().map(|report| report.coverage[name]).sum();
        assert!(count > 0, "{name} never occurred");
    }
}

#[test]
fn three_nodes_recover_from_storms() {
    let reports = assert_all_held(3, 1..9);
    assert_covered(&reports);
    assert!(reports.iter().any(|report| report.partition_s == 3600));
}

#[test]
fn five_nodes_recover_from_storms() {
    assert_covered(&assert_all_held(5, 1..9));
}

#[test]
fn three_nodes_recover_from_a_partition_of_a_day() {
    let reports = assert_all_held(3, [32]);
    assert_eq!(reports[0].partition_s, 24 * 3600);
}

#[test]
fn thirty_nodes_recover_from_storms() {
    assert_covered(&assert_all_held(30, 1..3));
}

/// With this seed peers once relayed members that were gone as alive again and again. Dead members are forgotten
/// sooner than by default, which shortens the test.
#[test]
fn two_hundred_nodes_recover_from_a_storm() {
    let mut trial = Trial::new(200, 6);
    trial.tune = |config| config.membership.forget_after = MINUTE;
    let report = trial.run(&mut ()).expect("valid");
    assert!(report.is_success(), "{report:#?}");
}

/// Seeds in which a node receives a higher, earlier incarnation of a member after the one that runs, or
/// holds the member dead or has forgotten it.
#[test]
fn a_node_with_its_clock_set_back_is_seen_although_peers_relay_its_earlier_incarnation() {
    assert_all_held(3, [39]);
    assert_all_held(5, [2]);
    assert_all_held(30, [31]);
}

#[test]
fn the_same_seed_gives_the_same_trial() {
    let (one, same, other) = (run(3, 1), run(3, 1), run(3, 2));
    assert_eq!(one.trace_hash, same.trace_hash);
    assert_ne!(one.trace_hash, other.trace_hash);
}

fn network() -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, 4, 1).build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    assert!(world.wait(MINUTE, World::views_equal));
    world.run_for(MINUTE);
    (world, nodes)
}

fn breaches(world: &World) -> Vec<(NodeId, Breach)> {
    let violations = world.violations().iter();
    violations
        .map(|violation| (violation.node, violation.breach.clone()))
        .collect()
}

#[test]
fn an_unseen_running_node_is_a_violation() {
    let (mut world, nodes) = network();
    world.audit_views();
    assert_eq!(breaches(&world), []);
    world.inject(&Fault::Partition {
        island: vec![nodes[3]],
    });
    world.run_for(MINUTE);
    world.audit_views();
    let mut unseen: Vec<_> = nodes[..3]
        .iter()
        .flat_map(|node| [(*node, nodes[3]), (nodes[3], *node)])
        .map(|(observer, subject)| (observer, Breach::Unseen { subject }))
        .collect();
    unseen.sort_by_key(|(observer, _)| *observer);
    assert_eq!(breaches(&world), unseen);
}

#[test]
fn a_node_that_is_seen_but_does_not_run_is_a_violation() {
    let (mut world, nodes) = network();
    world.inject(&Fault::Crash { node: nodes[3] });
    world.run_for(Duration::from_secs(1));
    assert!(world.views_complete() && !world.views_equal());
    world.audit_views();
    let subject = nodes[3];
    let held = [0, 1, 2].map(|place| (nodes[place], Breach::HeldAlive { subject }));
    assert_eq!(breaches(&world), held);
}

#[test]
fn a_member_that_is_remembered_for_too_long_is_a_violation() {
    let mut scenario = Scenario::new(1, 4, 1);
    scenario.tune = |config| config.membership.forget_after = 4 * MINUTE;
    let mut world = scenario.build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(MINUTE);
    world.inject(&Fault::Crash { node: nodes[3] });
    world.run_for(2 * MINUTE);
    world.audit_forgotten();
    assert_eq!(breaches(&world), [], "too early to be forgotten");
    // A frozen node forgets no member.
    world.inject(&Fault::Freeze {
        node: nodes[1],
        lasting: 10 * MINUTE,
    });
    world.run_for(5 * MINUTE);
    world.audit_forgotten();
    let subject = nodes[3];
    assert_eq!(
        breaches(&world),
        [(nodes[1], Breach::NotForgotten { subject })]
    );
}

#[test]
fn a_ledger_that_lacks_blocks_is_a_violation() {
    let (mut world, nodes) = network();
    let channel = Scenario::channel();
    world.audit_ledgers(&channel, 1);
    let breach = Breach::Behind {
        channel,
        height: 0,
        due: 1,
    };
    let behind: Vec<_> = nodes.iter().map(|node| (*node, breach.clone())).collect();
    assert_eq!(breaches(&world), behind);
}

#[test]
fn a_storm_without_nodes_has_no_faults() {
    let world = Scenario::new(1, 4, 1).build().expect("valid");
    let plan = Storm::new(1, world.now(), 1).plan(&[]);
    assert!(plan.faults.is_empty() && plan.calm == world.now());
}
