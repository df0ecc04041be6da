//! Blocks travel to each peer about once, and reach all of them whatever breaks.
#![allow(clippy::expect_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_sim::{Fault, NodeId, Publication, Scenario, World};

const MINUTE: Duration = Duration::from_secs(60);

fn network(peers: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, peers, seed).build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    assert!(world.wait(MINUTE, |world| world.views_complete()));
    world.run_for(Duration::from_secs(10));
    (world, nodes)
}

/// Has `node` publish so many more blocks, at 20 per second.
fn publish(world: &mut World, node: NodeId, from: u64, count: u64) -> Duration {
    let (channel, interval) = (Scenario::channel(), Duration::from_millis(50));
    let block = |number| world.orderer().block(&channel, number, &[7; 1000]);
    let blocks: Arc<[Bytes]> = (from..from + count).map(block).collect();
    world.publish(Publication {
        node,
        channel: channel.clone(),
        blocks,
        first: from,
        start: world.now(),
        interval,
    });
    let begun = world.now();
    let complete = world.wait(MINUTE, |world| {
        world.ledgers_complete(&channel, from + count)
    });
    assert!(complete, "blocks from {from} on did not reach all");
    world.now().since(begun)
}

fn copies(world: &World) -> (f64, f64) {
    let stats = world.stats();
    (stats.block_copies as f64, stats.copies_needed as f64)
}

#[test]
fn once_the_tree_has_grown_each_peer_gets_each_block_about_once() {
    for seed in 0..4 {
        let (mut world, nodes) = network(60, seed);
        publish(&mut world, nodes[3], 0, 20);
        let before = copies(&world);
        publish(&mut world, nodes[3], 20, 200);
        let after = copies(&world);
        let redundancy = (after.0 - before.0) / (after.1 - before.1);
        assert!(
            (0.99..1.05).contains(&redundancy),
            "seed {seed}: {redundancy}"
        );
        publish(&mut world, nodes[17], 220, 100);
        let last = copies(&world);
        let redundancy = (last.0 - after.0) / (last.1 - after.1);
        assert!(
            redundancy < 1.2,
            "seed {seed}: another publisher, {redundancy}"
        );
    }
}

#[test]
fn peers_that_crash_cut_nobody_off() {
    for seed in 0..8 {
        let (mut world, nodes) = network(40, seed);
        publish(&mut world, nodes[0], 0, 20);
        let mut next = 20;
        for victims in nodes[1..].chunks(4).take(4) {
            for node in victims {
                world.inject(&Fault::Crash { node: *node });
            }
            let time = publish(&mut world, nodes[0], next, 20);
            assert!(time < Duration::from_millis(2_000), "seed {seed}: {time:?}");
            next += 20;
        }
    }
}

#[test]
fn links_that_break_all_the_time_cost_copies_but_no_block() {
    let (mut world, nodes) = network(30, 9);
    let mut next = 0;
    for round in 0..20_usize {
        for pair in nodes.chunks_exact(2) {
            let other = nodes[(round * 7 + 3) % nodes.len()];
            world.inject(&Fault::Cut {
                a: pair[0],
                b: other,
            });
        }
        publish(&mut world, nodes[round % nodes.len()], next, 10);
        next += 10;
    }
    world.audit();
    assert!(world.violations().is_empty());
}
