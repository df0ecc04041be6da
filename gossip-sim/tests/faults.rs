//! Faults of a world, and recovery from them.
#![allow(clippy::expect_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{CryptoError, Notification, Request, RequestError};
use gossip_sim::{
    Chaos, Fault, FaultClass, FaultMask, Incarnation, LedgerFate, NodeId, Publication, Scenario,
    World,
};

const MINUTE: Duration = Duration::from_secs(60);
const LONG: Duration = Duration::from_secs(300);

/// A network whose nodes see each other.
fn network(scenario: &Scenario) -> (World, Vec<NodeId>) {
    let mut world = scenario.build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(Duration::from_secs(1));
    assert!(
        world.wait(MINUTE, |world| world.views_complete()),
        "{:?}",
        world.missing_views(9)
    );
    (world, nodes)
}

fn blocks(world: &World, count: u64) -> Arc<[Bytes]> {
    let channel = Scenario::channel();
    (0..count)
        .map(|number| world.orderer().block(&channel, number, b"payload"))
        .collect()
}

fn publish(world: &mut World, node: NodeId, blocks: Arc<[Bytes]>, interval: Duration) {
    let (channel, start) = (Scenario::channel(), world.now());
    world.publish(Publication {
        node,
        channel,
        blocks,
        first: 0,
        start,
        interval,
    });
}

fn assert_sound(world: &mut World) {
    world.audit();
    let violations: Vec<_> = world.violations().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn a_crashed_node_catches_up_with_or_without_its_ledger() {
    for ledger in [LedgerFate::Kept, LedgerFate::Lost] {
        let (mut world, nodes) = network(&Scenario::new(2, 4, 1));
        let (victim, channel) = (nodes[5], Scenario::channel());
        let made = blocks(&world, 30);
        for leader in &nodes[..2] {
            publish(&mut world, *leader, made.clone(), Duration::from_millis(50));
        }
        assert!(world.wait(MINUTE, |world| world.ledger(victim).height(&channel) >= 10));
        assert!(world.inject(&Fault::Crash { node: victim }));
        assert!(world.node(victim).is_none());
        world.run_for(Duration::from_secs(1));
        let restart = Fault::Restart {
            node: victim,
            ledger,
            incarnation: Incarnation::Next,
        };
        assert!(world.inject(&restart));
        let held = world.ledger(victim).height(&channel);
        assert_eq!(held >= 10, ledger == LedgerFate::Kept);
        let done = world.wait(MINUTE, |world| {
            world.ledgers_complete(&channel, 30) && world.views_complete()
        });
        assert!(
            done,
            "{ledger:?}: height {}",
            world.ledger(victim).height(&channel)
        );
        assert_sound(&mut world);
    }
}

#[test]
fn a_crash_during_a_commit_and_a_plain_start_break_no_rule() {
    let (mut world, nodes) = network(&Scenario::new(1, 3, 1));
    let (victim, channel) = (nodes[2], Scenario::channel());
    world.inject(&Fault::SlowLedger {
        node: victim,
        factor: 1_000,
        lasting: MINUTE,
    });
    let made = blocks(&world, 3);
    publish(&mut world, nodes[0], made, Duration::from_millis(50));
    // The victim's first commit has begun and is not complete.
    assert!(world.wait(MINUTE, |world| world.ledger(nodes[1]).height(&channel) == 3));
    assert_eq!(world.ledger(victim).height(&channel), 0);
    world.inject(&Fault::Crash { node: victim });
    world.start(victim);
    let done = world.wait(LONG, |world| {
        world.ledgers_complete(&channel, 3) && world.views_complete()
    });
    assert!(done, "height {}", world.ledger(victim).height(&channel));
    assert_sound(&mut world);
}

#[test]
fn views_and_ledgers_are_complete_after_a_partition() {
    let (mut world, nodes) = network(&Scenario::new(2, 3, 1));
    let channel = Scenario::channel();
    world.inject(&Fault::Partition {
        island: vec![nodes[2], nodes[4]],
    });
    let made = blocks(&world, 10);
    for leader in &nodes[..2] {
        publish(&mut world, *leader, made.clone(), Duration::from_millis(50));
    }
    world.run_for(MINUTE);
    assert_eq!(world.ledger(nodes[2]).height(&channel), 0);
    assert!(!world.views_complete());
    world.inject(&Fault::Heal);
    let done = world.wait(LONG, |world| {
        world.ledgers_complete(&channel, 10) && world.views_complete()
    });
    assert!(done, "{:?}", world.missing_views(9));
    assert_sound(&mut world);
}

#[test]
fn a_node_whose_clock_was_set_back_is_seen_by_all_again_and_revives_no_dead_member() {
    let (mut world, nodes) = network(&Scenario::new(1, 5, 1));
    world.audit();
    world.inject(&Fault::Crash { node: nodes[3] });
    world.run_for(Duration::from_secs(2));
    let (ledger, incarnation) = (LedgerFate::Kept, Incarnation::Backwards);
    world.inject(&Fault::Restart {
        node: nodes[3],
        ledger,
        incarnation,
    });
    for _ in 0..20 {
        world.run_for(Duration::from_secs(3));
        world.audit();
    }
    assert!(world.views_complete());
    assert_sound(&mut world);
}

#[test]
fn dead_members_stay_dead() {
    let (mut world, nodes) = network(&Scenario::new(1, 5, 1));
    world.inject(&Fault::Crash { node: nodes[4] });
    let dead = world.identity(nodes[4]).peer.clone();
    world.take_notifications(nodes[0]);
    let mut notifications = Vec::new();
    let gone = world.wait(LONG, |world| {
        notifications.extend(world.take_notifications(nodes[0]));
        notifications.contains(&Notification::MemberDead(dead.clone()))
    });
    assert!(gone);
    world.run_for(MINUTE);
    assert!(world.views_complete());
    assert_sound(&mut world);
}

#[test]
fn a_bad_block_is_neither_committed_nor_forwarded() {
    let (mut world, nodes) = network(&Scenario::new(1, 4, 1));
    let channel = Scenario::channel();
    let mut block = world.orderer().block(&channel, 0, b"payload").to_vec();
    block[20] ^= 1;
    let request = Request::Publish {
        channel: channel.clone(),
        seq: 0,
        block: block.into(),
    };
    let id = world.request(nodes[0], request);
    world.run_for(Duration::from_secs(10));
    let refused = world.take_reply(id);
    assert_eq!(
        refused,
        Some(Err(RequestError::BadBlock(CryptoError::BadBlock)))
    );
    assert!(
        nodes
            .iter()
            .all(|node| world.ledger(*node).height(&channel) == 0)
    );
    assert!(
        world
            .stats()
            .traffic()
            .iter()
            .all(|kind| kind.kind != "data_msg")
    );
}

#[test]
fn a_stalled_peer_delays_no_other_peer() {
    let (mut world, nodes) = network(&Scenario::new(1, 6, 1));
    let (channel, stuck) = (Scenario::channel(), nodes[5]);
    for from in &nodes[..5] {
        world.inject(&Fault::Stall {
            from: *from,
            to: stuck,
            lasting: Duration::from_secs(20),
        });
    }
    let made: Arc<[Bytes]> = (0..30)
        .map(|number| world.orderer().block(&channel, number, &[0; 100_000]))
        .collect();
    publish(&mut world, nodes[0], made, Duration::from_millis(50));
    world.run_for(Duration::from_secs(5));
    for node in &nodes[..5] {
        assert_eq!(world.ledger(*node).height(&channel), 30, "node {node}");
    }
    assert_eq!(world.ledger(stuck).height(&channel), 0);
    assert!(world.wait(LONG, |world| world.ledgers_complete(&channel, 30)));
    assert_sound(&mut world);
}

#[test]
fn after_chaos_views_and_ledgers_converge() {
    for seed in 1..=4 {
        let (mut world, nodes) = network(&Scenario::new(2, 5, seed));
        let channel = Scenario::channel();
        let made = blocks(&world, 200);
        for leader in &nodes[..2] {
            publish(
                &mut world,
                *leader,
                made.clone(),
                Duration::from_millis(100),
            );
        }
        let chaos = Chaos::new(seed, world.now(), Duration::from_secs(30));
        let end = world.now() + chaos.lasting;
        for (at, fault) in chaos.plan(&nodes) {
            world.schedule(at, fault);
        }
        while world.now() < end {
            world.run_for(Duration::from_secs(2));
            world.audit();
        }
        let done = world.wait(LONG, |world| {
            world.ledgers_complete(&channel, 200) && world.views_complete()
        });
        let behind: Vec<_> = world.incomplete_ledgers(&channel, 200).collect();
        assert!(
            done,
            "seed {seed}: behind {behind:?}, {:?}",
            world.missing_views(9)
        );
        assert_sound(&mut world);
        assert_eq!(world.violation_count(), 0);
    }
}

#[test]
fn a_masked_class_changes_nothing_but_its_own_faults() {
    let run = |mask: FaultMask| {
        let mut scenario = Scenario::new(1, 4, 3);
        scenario.world.faults = mask;
        let (mut world, nodes) = network(&scenario);
        let start = world.now();
        world.schedule(
            start,
            Fault::Cut {
                a: nodes[0],
                b: nodes[1],
            },
        );
        world.run_for(Duration::from_secs(5));
        world.trace_hash()
    };
    let all = FaultMask::ALL;
    assert_eq!(run(all), run(all.without(FaultClass::Crash)));
    assert_ne!(run(all), run(all.without(FaultClass::Cut)));
}

#[test]
fn a_peer_with_an_expired_identity_is_not_seen() {
    let scenario = Scenario::new(1, 4, 1);
    let mut world = scenario.build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    let expires = world.now() + Duration::from_secs(20);
    world.expire_identity(nodes[2], expires);
    world.run_for(Duration::from_secs(10));
    assert!(world.views_complete());
    world.run_for(LONG);
    let expired = world.identity(nodes[2]).peer.clone();
    for node in [nodes[0], nodes[1], nodes[3]] {
        let members = world
            .node(node)
            .map(gossip_core::Node::members)
            .unwrap_or_default();
        let seen = members
            .iter()
            .any(|member| member.peer == expired && member.alive);
        assert!(!seen, "node {node}");
    }
}
