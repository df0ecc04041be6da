use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use cpu_time::ProcessTime;
use gossip_sim::{Delay, NodeId, Publication, Scenario, World};

use crate::measure::resident_bytes;
use crate::measured::Measured;

const BLOCKS: u64 = 100;
const SIZE: usize = 1_024;
/// Of one hop. All are alike, so that a copy's age tells how many it took.
const HOP: Duration = Duration::from_millis(10);
/// Views are exchanged in a hurry until then.
const SETTLE: Duration = Duration::from_secs(2);
/// Short beside a hop.
const WORK: Duration = Duration::from_micros(20);
const INTERVAL: Duration = Duration::from_millis(10);
/// More than the last block takes.
const AFTER: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(120);
/// State infos so seldom that they do not cover the blocks.
const SELDOM: Duration = Duration::from_secs(60);

/// What the world had done, and what that had cost.
struct Mark {
    cpu: Duration,
    events: u64,
    bytes: u64,
}

pub(super) fn run(orgs: usize, peers: usize) -> Result<Measured> {
    let nodes = orgs * peers;
    ensure!(nodes >= 2, "a network has at least two nodes: --nodes 2");
    let before = resident_bytes();
    let clock = ProcessTime::now();
    let mut world = scenario(orgs, peers).build()?;
    let starting = Duration::from_millis(nodes as u64);
    world.run_for(starting);
    let seen = world.wait(LIMIT, World::views_were_complete);
    ensure!(seen, "not all nodes have seen each other in {LIMIT:?}");
    let cold = Mark::now(&clock, &world);
    let memory = resident_bytes().saturating_sub(before);
    let (pairs, _) = world.views();
    world.run_for(SETTLE);
    let calm = Mark::now(&clock, &world);
    // As long as the blocks will take, so that what goes on besides can be taken off.
    let period = INTERVAL * u32::try_from(BLOCKS)? + AFTER;
    world.run_for(period);
    let idle = Mark::now(&clock, &world);
    publish(&mut world, orgs);
    world.run_for(period);
    let done = Mark::now(&clock, &world);

    let stats = world.stats();
    let copies = stats.copies_needed as f64;
    let rest = (idle.cpu - calm.cpu).as_secs_f64();
    let spreading = (done.cpu - idle.cpu).as_secs_f64();
    let expected = (BLOCKS as usize * (nodes - orgs)) as f64;
    let hops = |millis: f64| (millis / HOP.as_secs_f64() / 1e3).floor();
    let mut measured = Measured::default();
    let own = (spreading - rest).max(0.0);
    measured.set("cpu_us_per_copy", own * 1e6 / copies);
    measured.set(
        "cpu_us_per_received_copy",
        own * 1e6 / stats.block_copies as f64,
    );
    measured.set("share_of_copies", copies / expected);
    measured.set("redundancy", stats.block_copies as f64 / copies);
    measured.set("hops_p50", hops(world.time_per_copy().p50_ms));
    measured.set("hops_p99", hops(world.time_per_copy().p99_ms));
    measured.set("kb_memory_per_node", memory as f64 / 1e3 / nodes as f64);
    measured.set("bytes_memory_per_pair", memory as f64 / pairs as f64);
    measured.set(
        "cold_start_s",
        world.last_discovery().as_nanos() as f64 / 1e9,
    );
    measured.set(
        "cold_start_us_per_pair",
        cold.cpu.as_secs_f64() * 1e6 / pairs as f64,
    );
    measured.set("bytes_sent_per_pair", cold.bytes as f64 / pairs as f64);
    measured.set("pairs", pairs as f64);
    measured.set("events_per_s", done.events as f64 / done.cpu.as_secs_f64());
    measured.set("cpu_s", done.cpu.as_secs_f64());
    Ok(measured)
}

/// Everything takes the same time everywhere, and nothing but blocks and heartbeats goes on.
fn scenario(orgs: usize, peers: usize) -> Scenario {
    let mut scenario = Scenario::new(orgs, peers, 1).latency(Delay::fixed(HOP));
    scenario.world.crypto = Delay::fixed(WORK);
    scenario.world.ledger = Delay::fixed(WORK);
    scenario.tune = |config| {
        config.channel.publish_interval = SELDOM;
        config.push.burst_latency = Duration::ZERO;
    };
    scenario
}

/// Each organisation's first peer publishes the same chain, as if an orderer had sent it.
fn publish(world: &mut World, orgs: usize) {
    let channel = Scenario::channel();
    let orderer = world.orderer();
    let payload = vec![0x5a; SIZE];
    let blocks: Arc<[Bytes]> = (0..BLOCKS)
        .map(|number| orderer.block(&channel, number, &payload))
        .collect();
    let leaders: Vec<NodeId> = world.nodes().take(orgs).collect();
    for node in leaders {
        world.publish(Publication {
            node,
            channel: channel.clone(),
            blocks: Arc::clone(&blocks),
            first: 0,
            start: world.now(),
            interval: INTERVAL,
        });
    }
}

impl Mark {
    fn now(clock: &ProcessTime, world: &World) -> Self {
        let traffic = world.stats().traffic();
        Self {
            cpu: clock.elapsed(),
            events: world.stats().events,
            bytes: traffic.iter().map(|kind| kind.bytes).sum(),
        }
    }
}
