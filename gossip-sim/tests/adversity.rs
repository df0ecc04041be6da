//! Loss, one-way cuts and freezes, each without other faults.
#![allow(clippy::expect_used, reason = "a test may")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::Notification;
use gossip_sim::{
    Breach, Fault, FaultClass, Incarnation, LedgerFate, NodeId, Publication, Scenario, World,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn network(peers: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, peers, seed).build().expect("valid");
    let nodes: Vec<_> = world.nodes().collect();
    world.run_for(SECOND);
    assert!(world.wait(MINUTE, World::views_equal));
    world.run_for(30 * SECOND);
    (world, nodes)
}

fn publish(world: &mut World, node: NodeId, from: u64, count: u64) {
    let channel = Scenario::channel();
    let block = |number| world.orderer().block(&channel, number, b"payload");
    let blocks: Arc<[Bytes]> = (from..from + count).map(block).collect();
    world.publish(Publication {
        node,
        channel,
        blocks,
        first: from,
        start: world.now(),
        interval: Duration::from_millis(100),
    });
}

fn holds(world: &mut World, blocks: u64) -> bool {
    world.wait(MINUTE, |world| {
        world.ledgers_complete(&Scenario::channel(), blocks)
    })
}

fn assert_sound(world: &mut World) {
    world.audit();
    let violations: Vec<_> = world.violations().iter().map(ToString::to_string).collect();
    assert!(violations.is_empty(), "{violations:#?}");
}

fn deaths(world: &mut World, node: NodeId) -> usize {
    let notifications = world.take_notifications(node);
    let dead = |notification: &&Notification| matches!(notification, Notification::MemberDead(_));
    notifications.iter().filter(dead).count()
}

#[test]
fn the_given_percentage_of_frames_is_lost_and_the_network_recovers() {
    let (mut world, nodes) = network(6, 1);
    let sent = |world: &World| -> u64 {
        let traffic = world.stats().traffic();
        traffic.iter().map(|kind| kind.messages).sum()
    };
    let before = sent(&world);
    let (percent, lasting) = (50, 20 * SECOND);
    world.inject(&Fault::Loss { percent, lasting });
    publish(&mut world, nodes[0], 0, 50);
    world.run_for(lasting);
    let lost = world.stats().frames_lost as f64 / (sent(&world) - before) as f64;
    assert!((0.35..0.65).contains(&lost), "{lost}");
    world.run_for(MINUTE);
    let after = world.stats().frames_lost;
    assert!(holds(&mut world, 50), "blocks are missing");
    assert!(world.wait(MINUTE, World::views_equal));
    assert_eq!(
        world.stats().frames_lost,
        after,
        "frames lost after the fault"
    );
    assert_sound(&mut world);
}

#[test]
fn if_all_frames_are_lost_dials_fail_and_no_link_comes_up() {
    let (mut world, nodes) = network(4, 1);
    let (percent, lasting) = (100, MINUTE);
    world.inject(&Fault::Loss { percent, lasting });
    world.inject(&Fault::Crash { node: nodes[3] });
    world.inject(&Fault::Restart {
        node: nodes[3],
        ledger: LedgerFate::Kept,
        incarnation: Incarnation::Next,
    });
    world.run_for(30 * SECOND);
    assert!(world.stats().dials_lost > 2);
    let metrics = world.node(nodes[3]).expect("runs").metrics();
    assert_eq!(metrics.links_established, 0);
    world.run_for(MINUTE);
    assert!(world.wait(2 * MINUTE, World::views_equal));
    assert_sound(&mut world);
}

#[test]
fn a_one_way_cut_blocks_one_direction_and_new_links() {
    let (mut world, nodes) = network(6, 1);
    let channel = Scenario::channel();
    let (from, to) = (nodes[..3].to_vec(), nodes[3..].to_vec());
    let lasting = 20 * SECOND;
    world.inject(&Fault::OneWay { from, to, lasting });
    publish(&mut world, nodes[5], 0, 10);
    world.run_for(5 * SECOND);
    assert!(
        world.ledgers_complete(&channel, 10),
        "blocks in the open direction"
    );
    publish(&mut world, nodes[0], 10, 10);
    world.run_for(5 * SECOND);
    for (index, node) in nodes.iter().enumerate() {
        let height = world.ledger(*node).height(&channel);
        assert_eq!(height, if index < 3 { 20 } else { 10 }, "node {node}");
    }
    world.inject(&Fault::Crash { node: nodes[2] });
    world.start(nodes[2]);
    world.run_for(5 * SECOND);
    let members = world.node(nodes[2]).expect("runs").members();
    let connected = members.iter().filter(|member| member.connected);
    for member in connected {
        let other = world.find(&member.peer).expect("known");
        assert!(nodes[..3].contains(&other), "a link to node {other}");
    }
    world.run_for(10 * SECOND);
    assert!(holds(&mut world, 20));
    assert!(world.wait(MINUTE, World::views_equal));
    assert_sound(&mut world);
}

#[test]
fn overlapping_one_way_cuts_end_independently() {
    let (mut world, nodes) = network(2, 1);
    let (from, to) = (vec![nodes[0]], vec![nodes[1]]);
    for seconds in [10, 5] {
        world.inject(&Fault::OneWay {
            from: from.clone(),
            to: to.clone(),
            lasting: seconds * SECOND,
        });
    }
    publish(&mut world, nodes[0], 0, 1);
    world.run_for(8 * SECOND);
    assert_eq!(world.ledger(nodes[1]).height(&Scenario::channel()), 0);
    world.run_for(3 * SECOND);
    assert_eq!(world.ledger(nodes[1]).height(&Scenario::channel()), 1);
}

#[test]
fn a_frozen_node_handles_nothing_keeps_its_links_and_then_catches_up() {
    let (mut world, nodes) = network(6, 1);
    let frozen = nodes[4];
    let events = |world: &World| world.node(frozen).expect("runs").metrics().events;
    let links = |world: &World| {
        let members = world.node(frozen).expect("runs").members();
        members.iter().filter(|member| member.connected).count()
    };
    let (before, linked) = (events(&world), links(&world));
    let (node, lasting) = (frozen, 10 * SECOND);
    world.inject(&Fault::Freeze { node, lasting });
    publish(&mut world, nodes[0], 0, 200);
    world.run_for(lasting - Duration::from_millis(1));
    assert_eq!(events(&world), before);
    assert_eq!(world.ledger(frozen).height(&Scenario::channel()), 0);
    assert_eq!(links(&world), linked);
    world.run_for(Duration::from_millis(1));
    assert!(
        events(&world) > before + 30,
        "deferred events are handled at once"
    );
    assert!(holds(&mut world, 200));
    assert_sound(&mut world);
}

#[test]
fn a_frozen_neighbour_exhausts_credit_and_delays_no_other_peer() {
    let (mut world, nodes) = network(6, 1);
    let channel = Scenario::channel();
    let (node, lasting) = (nodes[5], 20 * SECOND);
    world.inject(&Fault::Freeze { node, lasting });
    let block = |number| world.orderer().block(&channel, number, &[0; 400_000]);
    let blocks: Arc<[Bytes]> = (0..30).map(block).collect();
    world.publish(Publication {
        node: nodes[0],
        channel: channel.clone(),
        blocks,
        first: 0,
        start: world.now(),
        interval: Duration::from_millis(50),
    });
    world.run_for(5 * SECOND);
    for node in &nodes[..5] {
        assert_eq!(world.ledger(*node).height(&channel), 30, "node {node}");
    }
    assert!(holds(&mut world, 30));
    assert_sound(&mut world);
}

#[test]
fn a_node_that_crashes_while_frozen_drops_deferred_events() {
    let (mut world, nodes) = network(5, 1);
    let (node, lasting) = (nodes[4], 40 * SECOND);
    world.inject(&Fault::Freeze { node, lasting });
    publish(&mut world, nodes[0], 0, 20);
    world.run_for(5 * SECOND);
    world.inject(&Fault::Crash { node });
    world.run_for(SECOND);
    world.inject(&Fault::Restart {
        node,
        ledger: LedgerFate::Kept,
        incarnation: Incarnation::Next,
    });
    world.run_for(5 * SECOND);
    assert!(
        world.node(node).expect("runs").metrics().events > 0,
        "it is still frozen"
    );
    assert!(holds(&mut world, 20));
    assert!(world.wait(MINUTE, World::views_equal));
    assert_sound(&mut world);
}

#[test]
fn a_short_freeze_causes_no_deaths_on_either_side() {
    for seed in 0..4 {
        let (mut world, nodes) = network(8, seed);
        let (node, lasting) = (nodes[3], 8 * SECOND);
        nodes
            .iter()
            .for_each(|node| drop(world.take_notifications(*node)));
        world.inject(&Fault::Freeze { node, lasting });
        world.run_for(MINUTE);
        let dead: usize = nodes.iter().map(|node| deaths(&mut world, *node)).sum();
        assert_eq!(dead, 0, "seed {seed}");
        assert_sound(&mut world);
    }
}

#[test]
fn healthy_peers_of_a_thawed_node_are_checked_for_false_suspicion() {
    let (mut world, nodes) = network(5, 1);
    let frozen = nodes[2];
    let lasting = 60 * SECOND;
    world.inject(&Fault::Freeze {
        node: frozen,
        lasting,
    });
    world.run_for(lasting + Duration::from_millis(1));
    assert_eq!(world.stats().suspicions_checked, 4);
    // The frozen node may hold peers dead; the other nodes must not be reported.
    let suspicions = world.violations().iter();
    let suspicions =
        suspicions.filter(|violation| matches!(violation.breach, Breach::FalseSuspicion { .. }));
    assert!(suspicions.clone().all(|violation| violation.node == frozen));
}

#[test]
fn faults_are_counted_by_class() {
    let (mut world, nodes) = network(3, 1);
    let (percent, lasting) = (10, SECOND);
    world.inject(&Fault::Loss { percent, lasting });
    world.inject(&Fault::Freeze {
        node: nodes[1],
        lasting,
    });
    world.inject(&Fault::Freeze {
        node: nodes[2],
        lasting,
    });
    world.inject(&Fault::Heal);
    let counts = FaultClass::ALL.map(|class| world.stats().faults(class));
    assert_eq!(counts.iter().sum::<u64>(), 3);
    assert_eq!(world.stats().faults(FaultClass::Freeze), 2);
}
