//! Scenarios: whole networks.
#![allow(clippy::expect_used, reason = "a test may")]

use std::process::Command;
use std::time::Duration;

use gossip_sim::{Delay, Phase, Progress, Report, Scenario, ScenarioError};

const CHILD: &str = "GOSSIP_SIM_CHILD";

fn run(scenario: &Scenario) -> Report {
    let report = scenario.run(&mut ()).expect("the scenario is valid");
    assert!(
        report.is_success(),
        "{}",
        serde_json::to_string_pretty(&report).expect("plain")
    );
    report
}

fn small(seed: u64) -> Scenario {
    Scenario::new(3, 4, seed).blocks(20, 512)
}

#[test]
fn organisations_converge_and_commit_a_chain() {
    let report = run(&small(1));
    assert_eq!(report.time_per_copy.count, 20 * 12);
    assert_eq!(report.time_to_all.count, 20);
    assert!(report.redundancy >= 1.0, "{}", report.redundancy);
    assert!(report.missing.is_empty());
    let kinds: Vec<_> = report.messages.iter().map(|kind| kind.kind).collect();
    for kind in ["alive_msg", "conn", "data_msg", "state_info"] {
        assert!(kinds.contains(&kind), "{kind} never sent: {kinds:?}");
    }
}

#[test]
fn sixty_peers_that_share_decoded_messages_commit_a_chain() {
    run(&Scenario::new(3, 20, 1).blocks(20, 1_024));
}

#[test]
fn peers_without_an_external_endpoint_see_their_own_organisation_only() {
    let mut scenario = small(1);
    scenario.external = Some(2);
    let mut world = scenario.build().expect("valid");
    world.run_for(Duration::from_secs(1));
    assert!(world.wait(Duration::from_secs(60), |world| world.views_complete()));
    let mut sizes: Vec<_> = world
        .nodes()
        .filter_map(|node| Some(world.node(node)?.members().len()))
        .collect();
    sizes.sort_unstable();
    // Two of four peers are public: 3 + 2 × 2 members for them, 3 for the others.
    assert_eq!(sizes, [[3; 6], [7; 6]].concat());
    world.audit();
    assert_eq!(world.violations(), []);
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another_one() {
    let (one, same, other) = (run(&small(1)), run(&small(1)), run(&small(2)));
    assert_eq!(one.trace_hash, same.trace_hash);
    assert_eq!(one.events, same.events);
    assert_ne!(one.trace_hash, other.trace_hash);
}

#[test]
fn two_processes_give_the_same_trace() {
    let program = std::env::current_exe().expect("known");
    let child = || {
        let arguments = [
            "--exact",
            "prints_its_trace",
            "--nocapture",
            "--include-ignored",
        ];
        let output = Command::new(&program)
            .args(arguments)
            .env(CHILD, "1")
            .output();
        let output = String::from_utf8(output.expect("runs").stdout).expect("text");
        let line = output
            .lines()
            .find_map(|line| line.split_once("trace="))
            .map(|(_, hash)| hash);
        line.expect("prints its trace").to_owned()
    };
    assert_eq!(child(), child());
    assert_eq!(child(), run(&small(5)).trace_hash.to_string());
}

/// The child process of the test above.
#[test]
#[ignore = "run by two_processes_give_the_same_trace"]
fn prints_its_trace() {
    if std::env::var_os(CHILD).is_some() {
        println!("\ntrace={}", run(&small(5)).trace_hash);
    }
}

#[test]
fn sharing_decoded_messages_changes_no_trace() {
    let (mut encoded, mut shared) = (small(1), small(1));
    encoded.world.encode_below = usize::MAX;
    shared.world.encode_below = 0;
    assert_eq!(run(&encoded).trace_hash, run(&shared).trace_hash);
}

#[test]
fn a_run_over_its_limits_reports_what_is_missing() {
    let mut scenario = small(1).latency(Delay::fixed(Duration::from_millis(10)));
    scenario.convergence_limit = Duration::ZERO;
    scenario.commit_limit = Duration::ZERO;
    scenario.rate = 1_000;
    let report = scenario.run(&mut ()).expect("valid");
    assert!(!report.is_success() && !report.committed && report.convergence_s.is_none());
    assert!(
        report
            .missing
            .iter()
            .any(|line| line.contains("does not see")),
        "{report:?}"
    );
    assert!(report.missing.len() <= 20);
}

#[test]
fn invalid_scenarios_are_refused() {
    let refused = |scenario: Scenario| scenario.run(&mut ()).map(|_| ());
    assert_eq!(
        refused(Scenario::new(0, 4, 1)),
        Err(ScenarioError::Zero("organisations"))
    );
    assert_eq!(
        refused(Scenario::new(4, 0, 1)),
        Err(ScenarioError::Zero("peers"))
    );
    assert_eq!(
        refused(Scenario::new(1_000, 1_000, 1)),
        Err(ScenarioError::TooMany(1_000_000))
    );
    assert_eq!(refused(Scenario::new(1, 1, 1)), Err(ScenarioError::Alone));
    let mut scenario = Scenario::new(1, 2, 1).blocks(5, 10);
    scenario.warm_up = 5;
    let (warm_up, blocks) = (5, 5);
    let nothing_left = ScenarioError::WarmUp { warm_up, blocks };
    assert_eq!(refused(scenario), Err(nothing_left));
    let mut scenario = Scenario::new(1, 2, 1);
    scenario.tune = |config| config.membership.alive_interval = Duration::ZERO;
    assert!(matches!(refused(scenario), Err(ScenarioError::Config(_))));
}

#[test]
fn progress_covers_all_phases_and_never_decreases_within_start_and_blocks() {
    struct Log(Vec<(Phase, f64)>);
    impl Progress for Log {
        fn progress(&mut self, phase: Phase, fraction: f64) {
            self.0.push((phase, fraction));
        }
    }
    let mut log = Log(Vec::new());
    assert!(small(1).run(&mut log).expect("valid").is_success());
    let mut phases: Vec<_> = log.0.iter().map(|(phase, _)| *phase).collect();
    phases.dedup();
    assert_eq!(
        phases,
        [Phase::Start, Phase::Membership, Phase::Blocks, Phase::Done]
    );
    assert!(
        log.0
            .iter()
            .all(|(_, fraction)| (0.0..=1.0).contains(fraction))
    );
    for phase in [Phase::Start, Phase::Blocks] {
        let fractions: Vec<_> = log
            .0
            .iter()
            .filter(|(at, _)| *at == phase)
            .map(|(_, fraction)| *fraction)
            .collect();
        assert!(fractions.is_sorted(), "{phase:?}: {fractions:?}");
    }
}
