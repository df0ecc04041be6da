//! Tests of the transport and the services, without nodes.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::{Content, GossipMessage, SignedMessage, StateInfoPull, Tag};
use gossip_core::{
    ChannelId, Class, CloseReason, Command, CryptoJob, DialError, Event, Instant, JoinChannel,
    LedgerOp, LinkDownReason, LinkId, OrgId, Request, Ticket,
};

use super::environment::Environment;
use super::occurrence::{Arrival, Occurrence};
use super::{LEAST_BOUND, World, WorldConfig, internal_endpoint, node_config};
use crate::fault::{Fault, FaultClass, FaultMask};
use crate::network::{EndKey, Frame};
use crate::{Delay, NodeId};

const LATENCY: Duration = Duration::from_millis(10);

/// An event, a frame or the end of a stream that reached a node.
#[derive(Debug)]
enum Seen {
    Event(Event),
    Frame(SignedMessage),
    Ended(LinkDownReason),
}

fn world(change: impl FnOnce(&mut WorldConfig)) -> World {
    let mut config = WorldConfig::new(1);
    config.latency = Delay::fixed(LATENCY);
    change(&mut config);
    let mut world = World::new(config);
    for peer in ["a", "b"] {
        let node = world.add(node_config("org", peer)).expect("valid");
        world.environment.host(node.index()).up = true;
    }
    world
}

/// Handles the agenda without nodes; returns everything that would have reached them.
fn run(world: &mut World) -> Vec<(u64, u32, Seen)> {
    let mut seen = Vec::new();
    let mut entries = 0;
    while let Some((at, node, what)) = world.environment.agenda.pop() {
        entries += 1;
        assert!(
            entries < 100_000,
            "waited for the agenda's end: at {at:?} {what:?}"
        );
        let environment = &mut world.environment;
        environment.now = at;
        let event = match what {
            Occurrence::Event(key) => environment.events.take(key).map(|(_, event)| event),
            Occurrence::Accept(key) => environment.accept(key),
            Occurrence::Connected(key) => environment.connected(node, key),
            Occurrence::Pump(key) => environment.pump(node, key),
            Occurrence::Fault(key) => {
                world.planned(key);
                None
            }
            Occurrence::Arrival(key) => {
                seen.extend(arrival(environment, node, key));
                None
            }
            Occurrence::Start
            | Occurrence::Wake
            | Occurrence::Ledger(_)
            | Occurrence::Sweep
            | Occurrence::Publish(_) => None,
        };
        seen.extend(event.map(|event| (at.as_nanos() / 1_000_000, node, Seen::Event(event))));
    }
    seen
}

fn arrival(environment: &mut Environment, node: u32, key: u32) -> Option<(u64, u32, Seen)> {
    let (key, cargo) = environment.arrivals.take(key)?;
    if !environment.is_up(node, key) {
        return None;
    }
    let what = match cargo {
        Arrival::Frame(Frame::Message(message)) => Seen::Frame(message),
        Arrival::Frame(Frame::Forged(bytes)) => panic!("{bytes:?} was forged"),
        Arrival::End(reason) => {
            environment.lower(node, key);
            Seen::Ended(reason)
        }
    };
    Some((environment.now.as_nanos() / 1_000_000, node, what))
}

fn dial(world: &mut World, node: u32, to: &str) {
    let endpoint = internal_endpoint("org", to);
    world.environment.execute(
        node,
        Command::Dial {
            ticket: Ticket(7),
            endpoint,
        },
    );
}

/// A link between the two nodes, by its id at each.
fn connect(world: &mut World) -> [LinkId; 2] {
    dial(world, 0, "b");
    let links: Vec<_> = run(world)
        .into_iter()
        .filter_map(|(_, _, seen)| match seen {
            Seen::Event(Event::LinkUp { link, .. }) => Some(link),
            Seen::Event(_) | Seen::Frame(_) | Seen::Ended(_) => None,
        })
        .collect();
    [links[1], links[0]]
}

fn message(nonce: u64, size: usize) -> SignedMessage {
    let content = Content::StateInfoPull(StateInfoPull {
        channel_mac: Bytes::from(vec![0; size]),
        held: Bytes::new(),
    });
    let tag = Tag::ChanOrOrg;
    SignedMessage::unsigned(GossipMessage {
        nonce,
        channel: Bytes::new(),
        tag,
        content,
    })
}

fn send(world: &mut World, node: u32, link: LinkId, class: Class, nonce: u64, size: usize) {
    let message = message(nonce, size);
    world.environment.execute(
        node,
        Command::Send {
            link,
            class,
            message,
        },
    );
}

fn nonces(seen: &[(u64, u32, Seen)]) -> Vec<u64> {
    let nonce = |seen: &Seen| match seen {
        Seen::Frame(message) => Some(message.message().nonce),
        Seen::Event(_) | Seen::Ended(_) => None,
    };
    seen.iter().filter_map(|(_, _, seen)| nonce(seen)).collect()
}

fn ends(seen: &[(u64, u32, Seen)]) -> Vec<(u32, LinkDownReason)> {
    let end = |seen: &Seen| match seen {
        Seen::Ended(reason) | Seen::Event(Event::LinkDown { reason, .. }) => Some(*reason),
        Seen::Event(_) | Seen::Frame(_) => None,
    };
    seen.iter()
        .filter_map(|(_, node, seen)| Some((*node, end(seen)?)))
        .collect()
}

#[test]
fn a_dial_brings_both_sides_up_with_the_same_binding() {
    let mut world = world(|_| {});
    dial(&mut world, 0, "b");
    let seen = run(&mut world);
    let ups: Vec<_> = seen
        .iter()
        .filter_map(|(at, node, seen)| match seen {
            Seen::Event(Event::LinkUp { dial, binding, .. }) => Some((*at, *node, *dial, binding)),
            Seen::Event(_) | Seen::Frame(_) | Seen::Ended(_) => None,
        })
        .collect();
    assert_eq!((ups[0].0, ups[0].1, ups[0].2), (10, 1, None));
    assert_eq!((ups[1].0, ups[1].1, ups[1].2), (20, 0, Some(Ticket(7))));
    assert_eq!(ups[0].3, ups[1].3);
    assert_eq!(ups[0].3.ours, ups[0].3.theirs);
    dial(&mut world, 0, "b");
    let again = run(&mut world);
    let Seen::Event(Event::LinkUp { binding, .. }) = &again[0].2 else {
        panic!("no link")
    };
    assert_ne!(binding, ups[0].3);
}

#[test]
fn a_dial_fails_if_its_target_does_not_run_or_is_partitioned() {
    let mut world = world(|_| {});
    let failure = |world: &mut World, to: &str| {
        dial(world, 0, to);
        match run(world).pop() {
            Some((
                at,
                0,
                Seen::Event(Event::DialFailed {
                    ticket: Ticket(7),
                    error,
                }),
            )) => (at, error),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(failure(&mut world, "unknown"), (20, DialError::Unreachable));
    world.environment.host(1).up = false;
    assert_eq!(failure(&mut world, "b"), (40, DialError::Unreachable));
    world.environment.host(1).up = true;
    assert!(world.inject(&Fault::Partition {
        island: vec![NodeId::new(1)]
    }));
    assert_eq!(failure(&mut world, "b"), (3_040, DialError::TimedOut));
    assert!(world.inject(&Fault::Heal));
    connect(&mut world);
}

#[test]
fn a_dial_under_way_fails_if_its_target_crashes_or_is_cut_off() {
    let mut world = world(|_| {});
    dial(&mut world, 0, "b");
    world.environment.host(1).up = false;
    let seen = run(&mut world);
    assert!(matches!(
        seen[..],
        [(
            20,
            0,
            Seen::Event(Event::DialFailed {
                error: DialError::Unreachable,
                ..
            })
        )]
    ));
    world.environment.host(1).up = true;
    dial(&mut world, 0, "b");
    world.inject(&Fault::Partition {
        island: vec![NodeId::new(0)],
    });
    let seen = run(&mut world);
    assert!(matches!(
        seen[..],
        [(
            _,
            0,
            Seen::Event(Event::DialFailed {
                error: DialError::TimedOut,
                ..
            })
        )]
    ));
}

#[test]
fn urgent_frames_overtake_large_ones_and_classes_keep_their_order() {
    let mut world = world(|config| config.bandwidth = 1_000_000.try_into().expect("not 0"));
    let [a, _] = connect(&mut world);
    send(&mut world, 0, a, Class::Bulk, 1, 500_000);
    send(&mut world, 0, a, Class::Push, 2, 1_000);
    send(&mut world, 0, a, Class::Control, 3, 100);
    send(&mut world, 0, a, Class::Push, 4, 1_000);
    let begun = world.now().as_nanos() / 1_000_000;
    let seen = run(&mut world);
    assert_eq!(nonces(&seen), [3, 2, 4, 1]);
    let first = seen
        .iter()
        .find(|(_, _, seen)| matches!(seen, Seen::Frame(_)));
    let waited = first.map(|(at, _, _)| at - begun);
    // One chunk of 64 KiB at 1 MB/s, and the latency.
    assert_eq!(waited, Some(75));
}

#[test]
fn finishing_delivers_everything_and_reads_on_until_the_other_side_finishes() {
    let mut world = world(|_| {});
    let [a, b] = connect(&mut world);
    for nonce in 1..=3 {
        send(&mut world, 0, a, Class::Bulk, nonce, 100_000);
    }
    world
        .environment
        .execute(0, Command::FinishLink { link: a });
    send(&mut world, 0, a, Class::Control, 9, 1);
    send(&mut world, 1, b, Class::Control, 4, 1);
    let seen = run(&mut world);
    let mut received = nonces(&seen);
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4]);
    assert_eq!(ends(&seen), [(1, LinkDownReason::Finished)]);
    assert!(world.environment.is_up(0, EndKey::from_link_id(a)));
}

#[test]
fn closing_ends_both_sides_but_frames_under_way_arrive() {
    let mut world = world(|_| {});
    let [a, b] = connect(&mut world);
    send(&mut world, 0, a, Class::Push, 1, 10);
    send(&mut world, 1, b, Class::Push, 2, 10);
    world.environment.execute(
        0,
        Command::CloseLink {
            link: a,
            reason: CloseReason::Stopping,
        },
    );
    send(&mut world, 0, a, Class::Push, 3, 10);
    let seen = run(&mut world);
    assert_eq!(nonces(&seen), [1]);
    assert_eq!(
        ends(&seen),
        [(0, LinkDownReason::Closed), (1, LinkDownReason::Broken)]
    );
    assert_eq!(world.stats().sends_lost, 1);
    assert!(
        world
            .environment
            .links
            .end(EndKey::from_link_id(a))
            .is_none()
    );
}

#[test]
fn a_cut_and_a_partition_break_links_for_both_sides() {
    let both = [(0, LinkDownReason::Broken), (1, LinkDownReason::Broken)];
    let faults = [
        Fault::Cut {
            a: NodeId::new(1),
            b: NodeId::new(0),
        },
        Fault::Partition {
            island: vec![NodeId::new(0)],
        },
    ];
    for fault in faults {
        let mut world = world(|_| {});
        connect(&mut world);
        assert!(world.inject(&fault));
        let mut seen = ends(&run(&mut world));
        seen.sort_unstable();
        assert_eq!(seen, both, "{fault:?}");
    }
}

#[test]
fn a_stalled_direction_keeps_frames_until_the_stall_ends() {
    let mut world = world(|_| {});
    let [a, b] = connect(&mut world);
    let (from, to) = (NodeId::new(0), NodeId::new(1));
    world.inject(&Fault::Stall {
        from,
        to,
        lasting: Duration::from_secs(1),
    });
    send(&mut world, 0, a, Class::Push, 1, 10);
    send(&mut world, 1, b, Class::Push, 2, 10);
    let seen = run(&mut world);
    let arrivals: Vec<_> = seen
        .iter()
        .filter(|(_, _, seen)| matches!(seen, Seen::Frame(_)))
        .map(|(at, node, _)| (*at, *node))
        .collect();
    assert_eq!(arrivals, [(30, 0), (1_030, 1)]);
}

#[test]
fn the_credit_of_a_link_that_is_down_plans_no_further_entries() {
    let mut world = world(|_| {});
    let [a, _] = connect(&mut world);
    let (from, to) = (vec![NodeId::new(0)], vec![NodeId::new(1)]);
    let lasting = Duration::from_secs(1);
    world.inject(&Fault::OneWay { from, to, lasting });
    (0..60).for_each(|nonce| send(&mut world, 0, a, Class::Push, nonce, 10));
    let key = EndKey::from_link_id(a);
    world.environment.links.put_down(key);
    assert!(
        world.environment.links.end(key).is_some(),
        "the other end is up"
    );
    let seen = run(&mut world);
    assert_eq!(nonces(&seen).len(), 60, "frames handed over arrive");
}

#[test]
fn a_slow_link_is_slow_also_if_it_was_dialled_after_the_fault() {
    let mut world = world(|_| {});
    let lasting = Duration::from_secs(1);
    world.inject(&Fault::Slow {
        a: NodeId::new(0),
        b: NodeId::new(1),
        factor: 5,
        lasting,
    });
    dial(&mut world, 0, "b");
    while let Some((at, node, Occurrence::Accept(key) | Occurrence::Connected(key))) =
        world.environment.agenda.pop()
    {
        world.environment.now = at;
        if let Some(Event::LinkUp {
            link,
            dial: Some(_),
            ..
        }) = world.environment.connected(node, key)
        {
            send(&mut world, 0, link, Class::Push, 1, 10);
            break;
        }
        world.environment.accept(key);
    }
    let arrived = run(&mut world)
        .into_iter()
        .find(|(_, _, seen)| matches!(seen, Seen::Frame(_)));
    assert_eq!(arrived.map(|(at, _, _)| at), Some(20 + 50));
}

#[test]
fn a_crash_ends_the_requests_of_its_node_only() {
    let mut world = world(|_| {});
    let nodes = [0, 1].map(NodeId::new);
    for node in nodes {
        world.environment.host(node.index()).up = false;
        world.start(node);
        let config = JoinChannel {
            sequence: 1,
            members: [(OrgId::new(b"org"), Vec::new())].into(),
        };
        let channel = ChannelId::new("c");
        world.request(node, Request::JoinChannel { channel, config });
    }
    assert_eq!(world.environment.askers.len(), 2);
    world.inject(&Fault::Crash { node: nodes[0] });
    let asked: Vec<u32> = world
        .environment
        .askers
        .values()
        .map(|(node, _)| *node)
        .collect();
    assert_eq!(asked, [1]);
}

#[test]
fn a_masked_fault_does_nothing() {
    let mut world = world(|config| config.faults = FaultMask::ALL.without(FaultClass::Cut));
    connect(&mut world);
    assert!(!world.inject(&Fault::Cut {
        a: NodeId::new(0),
        b: NodeId::new(1)
    }));
    assert!(run(&mut world).is_empty());
}

#[test]
fn a_window_overrun_and_a_commit_out_of_order_are_violations() {
    let mut world = world(|_| {});
    let [a, _] = connect(&mut world);
    (0..97).for_each(|nonce| send(&mut world, 0, a, Class::Push, nonce, 10));
    assert!(world.violations().is_empty());
    send(&mut world, 0, a, Class::Push, 97, 10);
    assert_eq!(
        world.violations()[0].breach.to_string(),
        "98 frames handed to a link, at most 97 are allowed"
    );
    let (channel, block) = (ChannelId::new("c"), Bytes::from_static(b"block"));
    let op = LedgerOp::Commit {
        channel,
        seq: 1,
        block,
    };
    world.environment.execute(
        0,
        Command::Ledger {
            ticket: Ticket(1),
            op,
        },
    );
    assert_eq!(
        world.violations()[1].breach.to_string(),
        "block 1 of c handed to a ledger of height 0"
    );
}

#[test]
fn slow_services_answer_late_for_as_long_as_they_are_slow() {
    let mut world = world(|config| config.crypto = Delay::fixed(Duration::from_millis(1)));
    let (node, lasting) = (NodeId::new(0), Duration::from_millis(500));
    let sign = |world: &mut World| {
        let begun = world.environment.now;
        let job = CryptoJob::Sign {
            payload: Bytes::new(),
            secret: None,
        };
        world.environment.execute(
            0,
            Command::Crypto {
                ticket: Ticket(1),
                job,
            },
        );
        let seen = run(world);
        assert!(matches!(
            seen[..],
            [(_, 0, Seen::Event(Event::CryptoDone { .. }))]
        ));
        world.environment.now.since(begun).as_millis()
    };
    assert_eq!(sign(&mut world), 1);
    world.inject(&Fault::SlowCrypto {
        node,
        factor: 100,
        lasting,
    });
    assert_eq!(sign(&mut world), 100);
    world.environment.now = Instant::from_millis(600);
    assert_eq!(sign(&mut world), 1);
}

#[test]
#[should_panic(expected = "the last one for node 1: Sweep")]
fn a_world_whose_time_does_not_advance_panics_and_names_the_last_node() {
    let mut world = world(|_| {});
    for _ in 0..=LEAST_BOUND + 1 {
        world
            .environment
            .agenda
            .plan(Instant::START, 1, Occurrence::Sweep);
    }
    world.run_for(Duration::from_millis(1));
}
