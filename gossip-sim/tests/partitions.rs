//! After a partition of any duration all views are complete within 15 s.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use gossip_sim::{Fault, NodeId, Scenario, World};

const MINUTE: Duration = Duration::from_secs(60);
/// Limit for complete views after the end of a partition.
const BOUND: Duration = Duration::from_secs(15);

fn network(nodes: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, nodes, seed).build().unwrap();
    assert!(world.wait(MINUTE, World::views_complete));
    world.run_for(MINUTE);
    let nodes = world.nodes().collect();
    (world, nodes)
}

/// Separates every third node from the others for `lasting`, and returns the time from the end of the partition
/// until all views were complete.
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
        "{nodes} nodes, seed {seed}: not a minute later"
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
        "{nodes} nodes, partition of {lasting:?}: {times:?}"
    );
}

#[test]
fn views_are_complete_within_15_s_after_a_partition_of_a_minute() {
    for (nodes, seeds) in [(3, 12), (5, 12), (30, 4)] {
        assert_heals(nodes, seeds, MINUTE);
    }
}

#[test]
fn views_are_complete_within_15_s_after_a_partition_shorter_than_the_expiration() {
    for (nodes, seeds) in [(3, 6), (5, 6), (30, 2)] {
        assert_heals(nodes, seeds, Duration::from_secs(20));
        assert_heals(nodes, seeds, Duration::from_secs(30));
    }
}

#[test]
fn views_are_complete_within_15_s_after_a_partition_longer_than_members_are_remembered() {
    for (nodes, seeds) in [(3, 8), (5, 8), (30, 1)] {
        assert_heals(nodes, seeds, Duration::from_secs(700));
    }
}

#[test]
fn views_are_complete_within_15_s_after_a_partition_of_an_hour_or_a_day() {
    for (nodes, seeds) in [(3, 4), (5, 2)] {
        assert_heals(nodes, seeds, Duration::from_secs(3_600));
    }
    assert_heals(3, 1, Duration::from_secs(86_400));
}
