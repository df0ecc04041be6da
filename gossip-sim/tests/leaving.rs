//! Peers that stop in order: the others drop them without waiting for the expiration.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::time::Duration;

use gossip_core::{Notification, Request, Response};
use gossip_sim::{NodeId, Publication, Scenario, World};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn network(nodes: usize, seed: u64) -> (World, Vec<NodeId>) {
    let mut world = Scenario::new(1, nodes, seed).build().unwrap();
    assert!(world.wait(MINUTE, World::views_complete));
    world.run_for(MINUTE);
    let nodes = world.nodes().collect();
    (world, nodes)
}

fn knows(world: &World, observer: NodeId, subject: NodeId) -> bool {
    let peer = &world.identity(subject).peer;
    let members = world.node(observer).unwrap().members();
    members.iter().any(|member| member.peer == *peer)
}

fn assert_sound(world: &mut World) {
    world.audit();
    assert_eq!(world.violations(), []);
}

#[test]
fn a_peer_that_stops_is_dropped_by_all_within_a_second() {
    for (count, seed) in [(3, 1), (12, 2), (60, 3)] {
        let (mut world, nodes) = network(count, seed);
        let leaver = nodes[count / 2];
        let stop = world.request(leaver, Request::Stop);
        world.run_for(SECOND);
        assert_eq!(world.take_reply(stop), Some(Ok(Response::Done)));
        let others = || nodes.iter().filter(|node| **node != leaver);
        let late: Vec<_> = others()
            .filter(|node| knows(&world, **node, leaver))
            .collect();
        assert!(late.is_empty(), "{count} nodes: {late:?}");
        world.run_for(MINUTE);
        let back: Vec<_> = others()
            .filter(|node| knows(&world, **node, leaver))
            .collect();
        assert!(back.is_empty(), "{count} nodes: {back:?}");
        let dead = Notification::MemberDead(world.identity(leaver).peer.clone());
        for node in others() {
            assert!(!world.take_notifications(*node).contains(&dead));
        }
        assert!(world.views_complete());
        assert_sound(&mut world);
    }
}

#[test]
fn a_stopped_peer_that_restarts_is_seen_at_once() {
    let (mut world, nodes) = network(12, 4);
    let leaver = nodes[5];
    world.request(leaver, Request::Stop);
    world.run_for(SECOND);
    world.inject(&gossip_sim::Fault::Crash { node: leaver });
    world.start(leaver);
    assert!(world.wait(5 * SECOND, World::views_complete));
    assert_sound(&mut world);
}

#[test]
fn blocks_take_other_paths_at_once_when_a_peer_leaves_the_tree() {
    let (mut world, nodes) = network(30, 5);
    let channel = Scenario::channel();
    let orderer = world.orderer();
    let blocks = (0..200).map(|number| orderer.block(&channel, number, &[7; 200]));
    let blocks = blocks.collect();
    world.publish(Publication {
        node: nodes[0],
        channel: channel.clone(),
        blocks,
        first: 0,
        start: world.now(),
        interval: Duration::from_millis(50),
    });
    for leaver in &nodes[10..15] {
        world.run_for(SECOND);
        world.request(*leaver, Request::Stop);
    }
    assert!(world.wait(MINUTE, |world| world.ledgers_complete(&channel, 200)));
    let slowest = world.time_per_copy().max_ms;
    assert!(slowest < 500.0, "{slowest} ms");
    assert_sound(&mut world);
}
