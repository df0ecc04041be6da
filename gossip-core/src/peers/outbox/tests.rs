#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test fails on commands that it does not expect"
)]

use std::num::NonZeroUsize;

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Tag};

use super::*;
use crate::out::Io;
use crate::{Config, Endpoint, Instant, OrgId, PeerId, SelfIdentity};

/// An outbox and its context.
struct Rig {
    config: Config,
    io: Io,
    outbox: Outbox,
}

fn text(name: &str) -> SignedMessage {
    SignedMessage::unsigned(GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag: Tag::Undefined,
        content: Content::Ack(name.to_owned()),
    })
}

fn name_of(message: &SignedMessage) -> String {
    let Content::Ack(name) = message.content() else {
        panic!("not a text")
    };
    name.clone()
}

fn len(name: &str) -> u64 {
    text(name).encoded().len() as u64
}

fn alive(name: &str) -> Option<Supersede> {
    Some(Supersede::Alive(PeerId::new(name.as_bytes())))
}

impl Rig {
    /// Windows of one frame, queues of two.
    fn new() -> Self {
        let identity = SelfIdentity {
            peer: PeerId::new(b"me"),
            org: OrgId::new(b"org"),
            bytes: Bytes::from_static(b"identity"),
        };
        let mut config = Config::new(identity, Endpoint::new("here"));
        let two = NonZeroUsize::new(2).unwrap();
        config.outbox.window_frames = NonZeroUsize::MIN;
        config.outbox.max_control = two;
        config.outbox.max_push = two;
        config.outbox.max_bulk = two;
        Self {
            config,
            io: Io::default(),
            outbox: Outbox::default(),
        }
    }

    fn run<T>(&mut self, act: impl FnOnce(&mut Outbox, &mut Out<'_>) -> T) -> T {
        let mut cx = Out {
            now: Instant::START,
            config: &self.config,
            io: &mut self.io,
        };
        act(&mut self.outbox, &mut cx)
    }

    fn push(&mut self, class: Class, key: Option<Supersede>, name: &str) -> bool {
        self.run(|outbox, cx| outbox.push(cx, Frame::new(class, text(name)).superseding(key)))
            .is_ok()
    }

    fn pump(&mut self) -> Vec<String> {
        self.run(|outbox, cx| outbox.pump(cx, LinkId(1)));
        let out = self.io.out.drain(..);
        out.map(|command| match command {
            Command::Send {
                link: LinkId(1),
                class,
                message,
            } => {
                format!("{class:?} {}", name_of(&message))
            }
            other => panic!("{other:?}"),
        })
        .collect()
    }

    /// Removes and returns the queued frames, in order.
    fn drain(&mut self) -> Vec<String> {
        self.outbox
            .drain()
            .iter()
            .map(|frame| name_of(&frame.message))
            .collect()
    }
}

#[test]
fn the_highest_class_is_sent_first() {
    let mut rig = Rig::new();
    rig.push(Class::Bulk, None, "bulk");
    rig.push(Class::Push, None, "block");
    rig.push(Class::Control, None, "heartbeat");
    assert_eq!(rig.pump(), ["Control heartbeat", "Push block", "Bulk bulk"]);
    assert_eq!(rig.io.metrics.messages_sent, 3);
    assert_eq!(
        rig.io.metrics.bytes_sent,
        len("bulk") + len("block") + len("heartbeat")
    );
}

#[test]
fn a_class_within_its_window_is_not_held_back_by_a_large_frame_of_another() {
    let mut rig = Rig::new();
    rig.config.outbox.window_bytes = 100;
    rig.push(Class::Bulk, None, &"x".repeat(1_000_000));
    assert_eq!(rig.pump().len(), 1, "one frame always fits");
    rig.push(Class::Control, None, "heartbeat");
    assert_eq!(rig.pump(), ["Control heartbeat"]);
    rig.outbox.flushed(1, len("heartbeat"));
    rig.push(Class::Control, None, "another");
    rig.push(Class::Bulk, None, "queued");
    assert_eq!(rig.pump(), ["Control another"]);
}

#[test]
fn the_window_bounds_frames_and_bytes_until_they_are_flushed() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = NonZeroUsize::new(2).unwrap();
    rig.config.outbox.max_push = NonZeroUsize::new(9).unwrap();
    rig.config.outbox.window_bytes = 100;
    for name in ["a", "b", "c"] {
        rig.push(Class::Push, None, name);
    }
    assert_eq!(rig.pump(), ["Push a", "Push b"]);
    rig.outbox.flushed(1, len("a"));
    assert_eq!(rig.pump(), ["Push c"]);
    rig.outbox.flushed(1, len("b"));
    let large = "x".repeat(100);
    rig.push(Class::Push, None, &large);
    assert_eq!(rig.pump(), [""; 0], "too many bytes");
    assert!(!rig.outbox.is_idle());
    rig.outbox.flushed(1, len("c"));
    assert_eq!(rig.pump().len(), 1, "a single frame is sent");
    rig.outbox.flushed(1, len(&large));
    assert!(rig.outbox.is_idle());
}

#[test]
fn credit_is_complete_after_all_frames_are_flushed_in_any_order() {
    let mut rig = Rig::new();
    let names = ["control", "a longer push", "b"];
    for (class, name) in Class::ALL.into_iter().zip(names) {
        rig.push(class, None, name);
    }
    assert_eq!(rig.pump().len(), 3);
    for name in ["b", "a longer push", "control"] {
        rig.outbox.flushed(1, len(name));
    }
    assert!(rig.outbox.is_idle());
    rig.outbox.flushed(u32::MAX, u64::MAX);
    for class in Class::ALL {
        rig.push(class, None, "again");
    }
    assert_eq!(rig.pump().len(), 3);
}

#[test]
fn a_newer_heartbeat_replaces_the_older_one() {
    let mut rig = Rig::new();
    rig.push(Class::Control, alive("a"), "a1");
    rig.push(Class::Control, alive("b"), "b1");
    assert!(rig.push(Class::Control, alive("a"), "a2"));
    assert_eq!(rig.drain(), ["a2", "b1"]);
    assert_eq!(rig.io.metrics.control_shed, 0);
}

#[test]
fn a_full_control_queue_drops_its_oldest_frame() {
    let mut rig = Rig::new();
    for name in ["a", "b", "c"] {
        assert!(rig.push(Class::Control, alive(name), name));
    }
    assert_eq!(rig.drain(), ["b", "c"]);
    assert_eq!(rig.io.metrics.control_shed, 1);
    rig.config.outbox.max_control_bytes = 20;
    rig.push(Class::Control, None, "small");
    assert!(
        rig.push(Class::Control, None, &"x".repeat(100)),
        "one frame always fits"
    );
    assert_eq!(rig.drain().len(), 1);
    assert_eq!(rig.io.metrics.control_shed, 2);
}

#[test]
fn full_push_and_bulk_queues_drop_the_newest_frame() {
    let mut rig = Rig::new();
    for class in [Class::Push, Class::Bulk] {
        assert!(rig.push(class, None, "a"));
        assert!(rig.push(class, None, "b"));
        assert!(!rig.push(class, None, "c"));
        assert_eq!(rig.drain(), ["a", "b"]);
    }
    assert_eq!((rig.io.metrics.push_shed, rig.io.metrics.bulk_shed), (1, 1));
}

#[test]
fn queues_are_bounded_by_bytes_except_for_one_frame() {
    let mut rig = Rig::new();
    rig.config.outbox.max_push_bytes = 50;
    rig.config.outbox.max_bulk_bytes = 50;
    for class in [Class::Push, Class::Bulk] {
        assert!(rig.push(class, None, &"x".repeat(100)));
        assert!(!rig.push(class, None, "small"));
    }
    assert!(!rig.outbox.has_bulk_room(&rig.config.outbox));
    rig.drain();
    assert!(rig.outbox.has_bulk_room(&rig.config.outbox));
}

#[test]
fn drained_frames_are_adopted_completely_and_in_order() {
    let mut rig = Rig::new();
    rig.push(Class::Push, None, "p1");
    rig.push(Class::Control, alive("a"), "a1");
    rig.push(Class::Push, None, "p2");
    let frames = rig.outbox.drain();
    assert!(rig.outbox.is_idle());
    rig.push(Class::Push, None, "p0");
    rig.outbox.adopt(frames);
    assert_eq!(rig.drain(), ["a1", "p0", "p1", "p2"]);
}

#[test]
fn adopted_frames_do_not_replace_newer_queued_ones() {
    let mut rig = Rig::new();
    rig.push(Class::Control, alive("a"), "old a");
    rig.push(Class::Control, alive("b"), "b");
    let frames = rig.outbox.drain();
    rig.push(Class::Control, alive("a"), "new a");
    rig.outbox.adopt(frames);
    assert_eq!(rig.drain(), ["new a", "b"]);
}

#[test]
fn replacing_a_frame_by_a_longer_one_respects_the_byte_limit() {
    let mut rig = Rig::new();
    rig.config.outbox.max_control_bytes = 150;
    rig.push(Class::Control, alive("a"), "a1");
    rig.push(Class::Control, alive("b"), "b1");
    rig.push(Class::Control, alive("b"), &"b".repeat(140));
    assert_eq!(rig.io.metrics.control_shed, 1);
    assert_eq!(rig.drain().len(), 1);
}
