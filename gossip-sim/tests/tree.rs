//! Each peer receives each block about once, and all blocks reach all peers despite crashes and broken links.
#![allow(clippy::expect_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_sim::{Delay, Fault, NodeId, Publication, Scenario, World};

const MINUTE: Duration = Duration::from_secs(60);

fn network(peers: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, peers, seed).build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    assert!(world.wait(MINUTE, |world| world.views_complete()));
    world.run_for(Duration::from_secs(10));
    (world, nodes)
}

/// Publishes `count` blocks at `node`, 20 per second; returns the time until all ledgers have them.
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
fn once_the_tree_has_grown_each_peer_receives_each_block_about_once() {
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
fn crashed_peers_do_not_cut_off_other_peers() {
    for seed in 0..8 {
        let (mut world, nodes) = network(40, seed);
        publish(&mut world, nodes[0], 0, 20);
        let mut next = 20;
        for crashed in nodes[1..].chunks(4).take(4) {
            for node in crashed {
                world.inject(&Fault::Crash { node: *node });
            }
            let time = publish(&mut world, nodes[0], next, 20);
            assert!(time < Duration::from_millis(2_000), "seed {seed}: {time:?}");
            next += 20;
        }
    }
}

#[test]
fn links_that_break_repeatedly_cost_copies_but_no_block() {
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

/// Payload bytes sent per payload byte delivered.
fn cost(world: &World, block: u64) -> f64 {
    let carries = ["data", "state_response", "data_update"];
    let traffic = world.stats().traffic().into_iter();
    let sent = traffic.filter(|of| carries.iter().any(|kind| of.kind.starts_with(kind)));
    let bytes: u64 = sent.map(|of| of.bytes).sum();
    bytes as f64 / (world.stats().copies_needed * block) as f64
}

/// A network of `peers` peers with this latency, whose views are complete.
fn distant(peers: usize, seed: u64, latency: Delay) -> (World, Vec<NodeId>) {
    let scenario = Scenario::new(1, peers, seed).latency(latency);
    let mut world = scenario.build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    assert!(world.wait(MINUTE, |world| world.views_complete()));
    world.run_for(Duration::from_secs(10));
    (world, nodes)
}

fn publish_blocks(world: &mut World, node: NodeId, count: u64, size: usize, interval: Duration) {
    let channel = Scenario::channel();
    let payload = vec![7; size];
    let block = |number| world.orderer().block(&channel, number, &payload);
    let blocks: Arc<[Bytes]> = (0..count).map(block).collect();
    world.publish(Publication {
        node,
        channel: channel.clone(),
        blocks,
        first: 0,
        start: world.now(),
        interval,
    });
    let complete = world.wait(MINUTE, |world| world.ledgers_complete(&channel, count));
    assert!(complete, "the blocks did not reach all");
}

#[test]
fn large_blocks_reach_a_hundred_peers_once_each_within_400_ms_even_while_the_tree_grows() {
    let millis = Duration::from_millis;
    let (mut world, nodes) = distant(100, 1, Delay::between(millis(10), millis(50)));
    publish_blocks(&mut world, nodes[5], 50, 1_000_000, millis(200));
    let (cost, time) = (cost(&world, 1_000_000), world.time_to_all());
    assert!(cost <= 1.15, "{cost} bytes sent for each byte delivered");
    assert!(time.p99_ms <= 400.0, "{time:?}");
}

#[test]
fn the_first_large_block_reaches_a_hundred_peers_once_each() {
    let millis = Duration::from_millis;
    for seed in 1..4 {
        let (mut world, nodes) = distant(100, seed, Delay::between(millis(10), millis(50)));
        publish_blocks(&mut world, nodes[5], 1, 1_000_000, millis(200));
        let (cost, time) = (cost(&world, 1_000_000), world.time_to_all());
        assert!(
            cost <= 1.05,
            "seed {seed}: {cost} bytes sent for each byte delivered"
        );
        assert!(time.max_ms <= 300.0, "seed {seed}: {time:?}");
    }
}

#[test]
fn on_a_local_network_small_blocks_wait_for_no_timer() {
    let millis = Duration::from_millis;
    for peers in [8, 16, 32] {
        for seed in 0..3 {
            let (mut world, nodes) = distant(peers, seed, Delay::between(millis(1), millis(1)));
            publish_blocks(&mut world, nodes[1], 200, 1_000, millis(50));
            let time = world.time_per_copy();
            // The bound holds for every copy.
            let late = "waited for a timer";
            assert!(
                time.max_ms <= 100.0,
                "{peers} peers, seed {seed}: {late}, {time:?}"
            );
        }
    }
}

/// Publishes a block; returns the time until all nodes but `except` have it.
fn time_to_others(world: &mut World, node: NodeId, number: u64, except: NodeId) -> Duration {
    let channel = Scenario::channel();
    let block = world.orderer().block(&channel, number, &[7; 20_000]);
    let begun = world.now();
    world.publish(Publication {
        node,
        channel: channel.clone(),
        blocks: [block].into(),
        first: number,
        start: begun,
        interval: Duration::ZERO,
    });
    let reached = world.wait(MINUTE, |world| {
        let mut nodes = world.nodes().filter(|node| *node != except);
        nodes.all(|node| world.ledger(node).height(&channel) > number)
    });
    assert!(reached);
    world.now().since(begun)
}

#[test]
fn a_peer_with_slow_links_does_not_slow_down_the_others() {
    for seed in 0..4 {
        let (mut world, nodes) = network(24, seed);
        let (publisher, slow) = (nodes[0], nodes[1]);
        let mut number = 0;
        let mut next = |world: &mut World| {
            let time = time_to_others(world, publisher, number, slow);
            number += 1;
            world.run_for(Duration::from_millis(300));
            time
        };
        let healthy = (0..20)
            .map(|_| next(&mut world))
            .skip(10)
            .max()
            .expect("ten");
        for other in nodes.iter().filter(|node| **node != slow) {
            world.inject(&Fault::Slow {
                a: slow,
                b: *other,
                factor: 40,
                lasting: MINUTE * 10,
            });
        }
        let later: Vec<_> = (0..30).map(|_| next(&mut world)).collect();
        let settled = later[15..].iter().max().expect("fifteen");
        assert!(
            *settled <= healthy * 2,
            "seed {seed}: {healthy:?}, then {later:?}"
        );
    }
}

#[test]
fn trees_become_faster_over_time() {
    let millis = Duration::from_millis;
    for seed in 1..4 {
        let latency = Delay::between(millis(10), millis(50));
        let mut scenario = Scenario::new(1, 100, seed).latency(latency);
        scenario = scenario.blocks(120, 20_000);
        (scenario.warm_up, scenario.rate) = (70, 4);
        let report = scenario.run(&mut ()).expect("valid");
        let warm = report.warm.expect("asked for");
        assert!(
            warm.time_to_all.p99_ms <= 190.0 && warm.payload_ratio <= 1.03,
            "seed {seed}: {warm:?}"
        );
    }
}

#[test]
fn a_peer_with_a_slow_ledger_receives_few_redundant_copies() {
    for seed in 0..4 {
        let (mut world, nodes) = network(12, seed);
        publish(&mut world, nodes[0], 0, 20);
        for node in &nodes[1..] {
            world.inject(&Fault::SlowLedger {
                node: *node,
                factor: 30,
                lasting: MINUTE * 10,
            });
        }
        let before = copies(&world);
        let channel = Scenario::channel();
        let block = |number| world.orderer().block(&channel, number, &[7; 1000]);
        let blocks: Arc<[Bytes]> = (20..420).map(block).collect();
        world.publish(Publication {
            node: nodes[0],
            channel: channel.clone(),
            blocks,
            first: 20,
            start: world.now(),
            interval: Duration::from_millis(2),
        });
        assert!(world.wait(MINUTE * 5, |world| world.ledgers_complete(&channel, 420)));
        let after = copies(&world);
        let redundancy = (after.0 - before.0) / (after.1 - before.1);
        assert!(redundancy < 1.05, "seed {seed}: {redundancy}");
    }
}
