//! Recorded runs, legacy peers and validators.
#![allow(clippy::expect_used, reason = "a test may")]

use std::collections::BTreeMap;
use std::time::Duration;

use gossip_core::{ChannelId, JoinChannel, OrgId, Request, RequestError, RequestId, Verdict};
use gossip_sim::{
    Fingerprint, NodeId, SubmittedBlock, Trial, World, WorldConfig, internal_endpoint, node_config,
};

const MINUTE: Duration = Duration::from_secs(60);

fn channel() -> ChannelId {
    ChannelId::new("main")
}

/// Three peers that see each other in a channel; the last one may be a legacy peer.
fn network(config: WorldConfig, with_legacy: bool) -> (World, Vec<NodeId>) {
    let mut world = World::new(config);
    for index in 0..3 {
        let mut config = node_config("org", &format!("peer{index}"));
        config.bootstrap = vec![internal_endpoint("org", "peer0")];
        let node = if with_legacy && index == 2 {
            world.add_legacy(config)
        } else {
            world.add(config)
        };
        let node = node.expect("valid");
        let members = BTreeMap::from([(OrgId::new(b"org"), Vec::new())]);
        let config = JoinChannel {
            sequence: 1,
            members,
        };
        let channel = channel();
        world.request(node, Request::JoinChannel { channel, config });
        world.start(node);
    }
    assert!(world.wait(MINUTE, World::views_complete));
    world.run_for(MINUTE);
    let nodes = world.nodes().collect();
    (world, nodes)
}

fn recorded(seed: u64) -> WorldConfig {
    let mut config = WorldConfig::new(seed);
    config.record = true;
    config
}

fn publish(world: &mut World, node: NodeId, seq: u64) -> RequestId {
    let (channel, block) = (channel(), world.orderer().block(&channel(), seq, b"block"));
    let request = Request::Publish {
        channel,
        seq,
        block,
    };
    world.request(node, request)
}

#[test]
fn equal_runs_have_equal_fingerprints_and_others_differ_in_each_hash() {
    let print = |seed| {
        network(recorded(seed), false)
            .0
            .fingerprint()
            .expect("recorded")
    };
    let (first, other): (Fingerprint, Fingerprint) = (print(1), print(2));
    assert_eq!(first, print(1));
    assert_ne!(first.events, other.events);
    assert_ne!(first.commands, other.commands);
    assert_ne!(first.counters, other.counters);
}

#[test]
fn recording_changes_no_run_and_is_off_by_default() {
    let (plain, _) = network(WorldConfig::new(1), false);
    let (with, _) = network(recorded(1), false);
    assert_eq!(plain.trace_hash(), with.trace_hash());
    assert!(plain.fingerprint().is_none());
    let mut trial = Trial::new(3, 1);
    trial.blocks = 5;
    let absent = trial.run(&mut ()).expect("runs").fingerprint;
    trial.record = true;
    let present = trial.run(&mut ()).expect("runs").fingerprint;
    assert!(absent.is_none() && present.is_some());
}

#[test]
fn a_fingerprint_includes_the_counters_of_crashed_nodes() {
    let counters = |node: usize| {
        let (mut world, nodes) = network(recorded(1), false);
        world.inject(&gossip_sim::Fault::Crash { node: nodes[node] });
        world.fingerprint().expect("recorded").counters
    };
    let (running, _) = network(recorded(1), false);
    let running = running.fingerprint().expect("recorded").counters;
    // The first node's counters come first either way.
    assert_eq!(counters(0), running);
    assert_ne!(counters(1), running);
}

#[test]
fn links_with_a_legacy_peer_have_no_capabilities() {
    let (world, nodes) = network(WorldConfig::new(1), true);
    let legacy = world.identity(nodes[2]).peer.to_string();
    for node in &nodes {
        let links = world.node(*node).expect("runs").snapshot().links;
        assert!(!links.is_empty());
        for link in links {
            let without = *node == nodes[2] || link.peer.as_ref() == Some(&legacy);
            assert_eq!(link.capabilities == 0, without, "{link:?}");
        }
    }
    // With a legacy peer heartbeats are signed and peers pull.
    let metrics = world.node(nodes[0]).expect("runs").metrics();
    assert!(metrics.pull_rounds > 0);
    assert_eq!(metrics.pulses, 0);
}

fn rejects_the_second(block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    let verdict = match block.seq {
        0 => Verdict::Accept,
        1 => Verdict::Reject,
        _ => return None,
    };
    Some((verdict, Duration::from_secs(2)))
}

#[test]
fn an_application_returns_its_verdict_after_its_delay_or_never() {
    let (mut world, nodes) = network(WorldConfig::new(1), false);
    world.validate_with(nodes[0], rejects_the_second);
    let (channel, on) = (channel(), true);
    world.request(nodes[0], Request::ValidateBlocks { channel, on });
    let ids = [0, 1, 2].map(|seq| publish(&mut world, nodes[0], seq));
    world.run_for(Duration::from_secs(1));
    assert!(ids.iter().all(|id| world.take_reply(*id).is_none()));
    world.run_for(Duration::from_secs(2));
    assert!(matches!(world.take_reply(ids[0]), Some(Ok(_))));
    assert_eq!(world.take_reply(ids[1]), Some(Err(RequestError::Rejected)));
    assert_eq!(world.take_reply(ids[2]), None);
    world.run_for(MINUTE);
    assert_eq!(world.take_reply(ids[2]), Some(Err(RequestError::Ignored)));
}
