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
/// Latency of a hop. It is constant, so that the age of a copy gives its number of hops.
const HOP: Duration = Duration::from_millis(10);
/// Until then membership views are exchanged at short intervals.
const SETTLE: Duration = Duration::from_secs(2);
/// Time of a crypto or ledger operation; short compared with a hop.
const WORK: Duration = Duration::from_micros(20);
const INTERVAL: Duration = Duration::from_millis(10);
/// Longer than the last block takes.
const AFTER: Duration = Duration::from_millis(500);
const LIMIT: Duration = Duration::from_secs(120);
/// State infos are so rare that their cost does not hide that of the blocks.
const RARELY: Duration = Duration::from_secs(60);

/// Events, traffic and processor time so far.
struct Snapshot {
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
    let cold = Snapshot::now(&clock, &world);
    let memory = resident_bytes().saturating_sub(before);
    let (pairs, _) = world.views();
    world.run_for(SETTLE);
    let calm = Snapshot::now(&clock, &world);
    // As long as the blocks will take, to subtract the cost of everything else.
    let period = INTERVAL * u32::try_from(BLOCKS)? + AFTER;
    world.run_for(period);
    let idle = Snapshot::now(&clock, &world);
    publish(&mut world, orgs);
    world.run_for(period);
    let done = Snapshot::now(&clock, &world);

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

/// All delays are constant, and nothing but blocks and heartbeats is sent.
fn scenario(orgs: usize, peers: usize) -> Scenario {
    let mut scenario = Scenario::new(orgs, peers, 1).latency(Delay::fixed(HOP));
    scenario.world.crypto = Delay::fixed(WORK);
    scenario.world.ledger = Delay::fixed(WORK);
    scenario.tune = |config| {
        config.channel.publish_interval = RARELY;
        config.push.burst_latency = Duration::ZERO;
    };
    scenario
}

/// The first peer of each organisation publishes the same chain, as if it came from an orderer.
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

impl Snapshot {
    fn now(clock: &ProcessTime, world: &World) -> Self {
        let traffic = world.stats().traffic();
        Self {
            cpu: clock.elapsed(),
            events: world.stats().events,
            bytes: traffic.iter().map(|kind| kind.bytes).sum(),
        }
    }
}
