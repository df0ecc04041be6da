//! After calm all views are equal soon, however long the network was in parts.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use gossip_sim::{Fault, NodeId, Scenario, World};

const MINUTE: Duration = Duration::from_secs(60);
/// How long the parts of a network may take to see each other again once they can.
const BOUND: Duration = Duration::from_secs(15);

fn network(nodes: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, nodes, seed).build().unwrap();
    assert!(world.wait(MINUTE, World::views_complete));
    world.run_for(MINUTE);
    let nodes = world.nodes().collect();
    (world, nodes)
}

/// Separates every third node from the others for this long, and returns how long it took until
/// everybody saw everybody again.
fn healing(nodes: usize, seed: u64, lasting: Duration) -> Duration {
    let (mut world, all) = network(nodes, seed);
    let offset = usize::try_from(seed).unwrap() % 3;
    let island = all.iter().copied().skip(offset).step_by(3).collect();
    world.inject(&Fault::Partition { island });
    world.run_for(lasting);
    world.inject(&Fault::Heal);
    let healed = world.now();
    let whole = world.wait(2 * MINUTE, World::views_complete);
    let taken = world.now().since(healed);
    assert!(
        whole,
        "{nodes} nodes, seed {seed}: {:?}",
        world.missing_views(9)
    );
    world.run_for(MINUTE);
    assert!(
        world.views_complete(),
        "{nodes} nodes, seed {seed}: and stay so"
    );
    world.audit();
    assert_eq!(world.violations(), []);
    taken
}

fn assert_heals(nodes: usize, seeds: u64, lasting: Duration) {
    let times: Vec<_> = (0..seeds)
        .map(|seed| healing(nodes, seed, lasting))
        .collect();
    assert!(
        times.iter().all(|taken| *taken <= BOUND),
        "{nodes} nodes apart for {lasting:?}: {times:?}"
    );
}

#[test]
fn a_network_apart_for_a_minute_sees_itself_whole_within_15_s() {
    for (nodes, seeds) in [(3, 12), (5, 12), (30, 4)] {
        assert_heals(nodes, seeds, MINUTE);
    }
}

#[test]
fn a_network_apart_for_less_than_it_takes_to_hold_somebody_dead_is_whole_within_15_s() {
    for (nodes, seeds) in [(3, 6), (5, 6), (30, 2)] {
        assert_heals(nodes, seeds, Duration::from_secs(20));
        assert_heals(nodes, seeds, Duration::from_secs(30));
    }
}

#[test]
fn a_network_apart_for_longer_than_it_remembers_sees_itself_whole_within_15_s() {
    for (nodes, seeds) in [(3, 8), (5, 8), (30, 1)] {
        assert_heals(nodes, seeds, Duration::from_secs(700));
    }
}

#[test]
fn a_network_apart_for_an_hour_or_a_day_sees_itself_whole_within_15_s() {
    for (nodes, seeds) in [(3, 4), (5, 2)] {
        assert_heals(nodes, seeds, Duration::from_secs(3_600));
    }
    assert_heals(3, 1, Duration::from_secs(86_400));
}
