//! Pull as the only way to get blocks, and its cost beside push.
#![allow(clippy::expect_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Config, Instant, JoinChannel, Metrics, OrgId, Request};
use gossip_sim::{NodeId, Publication, World, WorldConfig, internal_endpoint, node_config};

const MINUTE: Duration = Duration::from_secs(60);

/// A network of one organisation, in one channel.
fn network(size: usize, adjust: impl Fn(&mut Config)) -> (World, Vec<NodeId>) {
    let mut world = World::new(WorldConfig::new(11));
    for index in 0..size {
        let mut config = node_config("org", &format!("peer{index}"));
        if index > 0 {
            config.bootstrap = vec![internal_endpoint("org", "peer0")];
        }
        adjust(&mut config);
        let node = world.add(config).expect("valid");
        world.start_at(node, Instant::from_millis(index as u64));
    }
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    for node in &nodes {
        let members = BTreeMap::from([(OrgId::new(b"org"), Vec::new())]);
        let request = Request::JoinChannel {
            channel: channel(),
            config: JoinChannel {
                sequence: 1,
                members,
            },
        };
        world.request(*node, request);
    }
    assert!(world.wait(2 * MINUTE, |world| world.views_complete()));
    (world, nodes)
}

fn channel() -> ChannelId {
    ChannelId::new("main")
}

fn publish(world: &mut World, node: NodeId, count: u64) {
    let block = |number| world.orderer().block(&channel(), number, &[7; 1000]);
    let blocks: Arc<[Bytes]> = (0..count).map(block).collect();
    world.publish(Publication {
        node,
        channel: channel(),
        blocks,
        first: 0,
        start: world.now(),
        interval: Duration::from_millis(50),
    });
}

fn sum(world: &World, of: impl Fn(&Metrics) -> u64) -> u64 {
    let nodes = world.nodes().filter_map(|node| world.node(node));
    nodes.map(|node| of(node.metrics())).sum()
}

#[test]
fn without_push_and_state_transfer_all_blocks_reach_all_peers_by_pull() {
    let (mut world, nodes) = network(6, |config| {
        config.push.fanout = 0;
        config.push.tree = false;
        config.state_transfer.gap_timeout = Duration::from_secs(3600);
    });
    publish(&mut world, nodes[0], 10);
    let complete = |world: &mut World| world.ledgers_complete(&channel(), 10);
    assert!(world.wait(2 * MINUTE, complete));
    assert_eq!(sum(&world, |metrics| metrics.blocks_pulled), 50);
    let not_pulled = |metrics: &Metrics| metrics.blocks_pushed + metrics.blocks_transferred;
    assert_eq!(sum(&world, not_pulled), 0);
    world.audit();
    assert!(world.violations().is_empty());
}

#[test]
fn with_push_peers_other_than_legacy_peers_never_pull() {
    let (mut world, nodes) = network(12, |_| {});
    publish(&mut world, nodes[0], 10);
    world.run_for(5 * MINUTE);
    assert!(world.ledgers_complete(&channel(), 10));
    let pulls = |metrics: &Metrics| metrics.pull_rounds + metrics.pull_items_sent;
    assert_eq!(sum(&world, pulls), 0);
}

/// Messages and bytes of a kind sent so far.
fn sent(world: &World, kind: &str) -> (u64, u64) {
    let traffic = world.stats().traffic().into_iter();
    let mut of_kind = traffic.filter(|one| one.kind == kind);
    let one = of_kind.next();
    one.map_or((0, 0), |one| (one.messages, one.bytes))
}

#[test]
fn in_an_idle_channel_state_info_requests_cost_eight_bytes_per_held_one_and_get_no_answer() {
    let size = 24;
    let (mut world, nodes) = network(size, |_| {});
    publish(&mut world, nodes[0], 10);
    world.run_for(2 * MINUTE);
    let (answers, requests) = (
        sent(&world, "state_snapshot"),
        sent(&world, "state_info_pull_req"),
    );
    world.run_for(5 * MINUTE);
    assert_eq!(
        sent(&world, "state_snapshot"),
        answers,
        "no new state infos"
    );
    let now = sent(&world, "state_info_pull_req");
    let (requests, bytes) = (now.0 - requests.0, now.1 - requests.1);
    // Three requests per sixteen seconds.
    let expected = size as u64 * 3 * 300 / 16;
    assert!(
        (expected / 2..expected * 2).contains(&requests),
        "{requests}"
    );
    let held = 8 * (size as u64 - 1);
    assert!(
        (held..held + 70).contains(&(bytes / requests)),
        "{bytes} in {requests}"
    );
}
