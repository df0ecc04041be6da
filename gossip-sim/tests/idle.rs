//! The cost of an idle network.
#![allow(clippy::expect_used, reason = "a test may")]

use std::time::Duration;

use gossip_core::Instant;
use gossip_sim::{Fault, World, WorldConfig, internal_endpoint, node_config};

const NODES: usize = 24;
const MINUTES: u64 = 20;

/// A network of one organisation; the first `without_pulses` nodes use no pulses, like Fabric's peers.
fn network(without_pulses: usize) -> World {
    let mut world = World::new(WorldConfig::new(5));
    for index in 0..NODES {
        let mut config = node_config("org", &format!("peer{index}"));
        config.membership.pulses = index >= without_pulses;
        if index > 0 {
            config.bootstrap = vec![internal_endpoint("org", "peer0")];
        }
        let node = world.add(config).expect("valid");
        world.start_at(node, Instant::from_millis(index as u64));
    }
    world.run_for(Duration::from_secs(30));
    assert!(world.views_complete(), "{:?}", world.missing_views(9));
    world
}

fn checks(world: &World) -> u64 {
    let nodes = world.nodes();
    nodes
        .filter_map(|node| world.node(node))
        .map(|node| node.metrics().verifications)
        .sum()
}

/// Verifications per node and member.
fn checks_in(world: &mut World, time: Duration) -> f64 {
    let before = checks(world);
    world.run_for(time);
    assert!(world.views_complete(), "{:?}", world.missing_views(9));
    assert_eq!(world.stats().false_deaths, 0);
    (checks(world) - before) as f64 / (NODES * (NODES - 1)) as f64
}

#[test]
fn members_with_pulses_verify_a_signature_every_ten_minutes() {
    let mut world = network(0);
    let checks = checks_in(&mut world, Duration::from_secs(60 * MINUTES));
    let heartbeats = (60 * MINUTES / 5) as f64;
    assert!((1.0..heartbeats / 60.0).contains(&checks), "{checks}");
}

#[test]
fn a_member_without_pulses_receives_signed_heartbeats_of_all() {
    let mut world = network(1);
    let checks = checks_in(&mut world, Duration::from_secs(60));
    assert!((8.0..14.0).contains(&checks), "{checks}");
    let without_pulses = world.nodes().next().expect("there are nodes");
    world.inject(&Fault::Crash {
        node: without_pulses,
    });
    world.run_for(Duration::from_secs(60));
    let checks = checks_in(&mut world, Duration::from_secs(60));
    assert!(checks < 1.0, "{checks}");
}
