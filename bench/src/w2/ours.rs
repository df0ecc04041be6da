use std::time::{Duration, Instant as Wall};

use anyhow::{Result, ensure};
use gossip_core::Instant;
use gossip_sim::{World, WorldConfig, internal_endpoint, node_config};

use crate::measured::Measured;

const ORG: &str = "org";
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn run(nodes: usize, seed: u64) -> Result<Measured> {
    let mut world = World::new(WorldConfig::new(seed));
    for index in 0..nodes {
        let mut config = node_config(ORG, &format!("peer{index}"));
        if index > 0 {
            config.bootstrap = vec![internal_endpoint(ORG, "peer0")];
        }
        let node = world.add(config)?;
        world.start_at(node, Instant::from_millis(index as u64));
    }
    let begun = Wall::now();
    world.run_until(Instant::from_millis(nodes as u64));
    let complete = world.wait(LIMIT, World::views_were_complete);
    ensure!(complete, "not all nodes have seen each other in {LIMIT:?}");
    let traffic = world.stats().traffic();
    let bytes: u64 = traffic.iter().map(|kind| kind.bytes).sum();
    let messages: u64 = traffic.iter().map(|kind| kind.messages).sum();
    let mut measured = Measured::default();
    let last = world.last_discovery().since(Instant::START);
    measured.set("seconds_to_all_pairs", last.as_secs_f64());
    measured.set("kb_sent_per_node", bytes as f64 / 1e3 / nodes as f64);
    measured.set("messages_per_node", messages as f64 / nodes as f64);
    let wall = begun.elapsed().as_secs_f64();
    measured.set("events_per_s", world.stats().events as f64 / wall);
    Ok(measured)
}
