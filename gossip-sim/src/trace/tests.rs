use gossip_core::proto::{Content, DecodeError, GossipMessage, SignedMessage, StateInfoPull, Tag};
use gossip_core::{ChannelId, Command, Endpoint, LinkId, OrgId, RequestId, Ticket};

use super::*;

fn hash_of(events: &[(u64, u32, Event)]) -> TraceHash {
    let mut trace = Trace::new();
    for (at, node, event) in events {
        trace.record(Instant::from_nanos(*at), *node, event);
    }
    trace.hash()
}

fn flushed(bytes: u64) -> Event {
    Event::Flushed {
        link: LinkId(1),
        frames: 1,
        bytes,
    }
}

#[test]
fn time_node_kind_and_content_all_change_the_hash() {
    let base = hash_of(&[(1, 2, flushed(3))]);
    assert_eq!(base, hash_of(&[(1, 2, flushed(3))]));
    assert_ne!(base, hash_of(&[(2, 2, flushed(3))]));
    assert_ne!(base, hash_of(&[(1, 3, flushed(3))]));
    assert_ne!(base, hash_of(&[(1, 2, flushed(4))]));
    assert_ne!(base, hash_of(&[(1, 2, Event::Tick)]));
}

fn received(body: Vec<u8>) -> Event {
    let message = SignedMessage::unsigned(GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag: Tag::ChanOrOrg,
        content: Content::StateInfoPull(StateInfoPull {
            channel_mac: body.into(),
            held: Bytes::new(),
        }),
    });
    let link = LinkId(1);
    Event::Received { link, message }
}

fn request(request: Request) -> Event {
    let id = RequestId(1);
    Event::Request { id, request }
}

fn joined(org: &str, anchor: &str) -> Event {
    let members = [(OrgId::new(org.as_bytes()), vec![Endpoint::from(anchor)])];
    request(Request::JoinChannel {
        channel: ChannelId::new("c"),
        config: JoinChannel {
            sequence: 1,
            members: members.into(),
        },
    })
}

fn published(block: &'static [u8]) -> Event {
    request(Request::Publish {
        channel: ChannelId::new("c"),
        seq: 1,
        block: Bytes::from_static(block),
    })
}

fn read(blocks: &[&'static [u8]]) -> Event {
    let blocks = blocks.iter().map(|block| Bytes::from_static(block));
    Event::LedgerDone {
        ticket: Ticket(1),
        outcome: LedgerOutcome::Blocks(Ok(blocks.collect())),
    }
}

fn malformed(reason: &'static str) -> Event {
    let (link, message) = (LinkId(1), "GossipMessage");
    let error = DecodeError::Malformed { message, reason };
    Event::Malformed { link, error }
}

#[test]
fn a_change_in_the_middle_of_a_frame_of_64_kib_changes_the_hash() {
    let mut body = vec![0; (64 << 10) - 100];
    let before = hash_of(&[(1, 2, received(body.clone()))]);
    body[32 << 10] = 1;
    assert_ne!(before, hash_of(&[(1, 2, received(body))]));
}

#[test]
fn the_length_and_both_ends_of_a_longer_frame_are_hashed() {
    let hash_with = |length: usize, changed: usize| {
        let mut body = vec![0; length];
        body[changed] = 1;
        hash_of(&[(1, 2, received(body))])
    };
    let length = 1 << 20;
    let middle = hash_with(length, length / 2);
    assert_eq!(middle, hash_with(length, length / 2 + 1));
    assert_ne!(middle, hash_with(length + 1, length / 2));
    assert_ne!(middle, hash_with(length, 0));
    assert_ne!(middle, hash_with(length, length - 1));
}

#[test]
fn requests_outcomes_and_errors_change_the_hash() {
    let pairs = [
        [published(b"a"), published(b"b")],
        [joined("a", "x"), joined("b", "x")],
        [joined("a", "x"), joined("a", "y")],
        [read(&[b"a", b"b"]), read(&[b"b", b"a"])],
        [read(&[b"ab"]), read(&[b"a", b"b"])],
        [malformed("a"), malformed("b")],
    ];
    for [one, other] in pairs {
        let hashes = [&one, &other].map(|event| hash_of(&[(1, 2, event.clone())]));
        assert_ne!(hashes[0], hashes[1], "{one:?} and {other:?}");
    }
}

#[test]
fn the_hash_does_not_depend_on_when_batches_are_cut() {
    let done = Event::CryptoDone {
        ticket: Ticket(7),
        outcome: CryptoOutcome::Verified(Ok(())),
    };
    let mut trace = Trace::new();
    let mut whole = Vec::new();
    for at in 0..4_000 {
        trace.record(Instant::from_nanos(at), 1, &done);
        whole.push((at, 1, done.clone()));
    }
    assert_eq!(trace.hash(), hash_of(&whole));
    trace.record(Instant::from_nanos(4_000), 1, &done);
    assert_ne!(trace.hash(), hash_of(&whole));
}

#[test]
fn error_texts_and_request_names_are_not_hashed_without_texts() {
    let hash = |mut trace: Trace, event: &Event| {
        trace.record(Instant::START, 1, event);
        trace.hash()
    };
    let [one, other] = ["a", "b"].map(malformed);
    assert_ne!(hash(Trace::new(), &one), hash(Trace::new(), &other));
    let without = |event: &Event| hash(Trace::without_texts(), event);
    assert_eq!(without(&one), without(&other));
    // Their content is hashed.
    let leave = |on| {
        let channel = ChannelId::new("c");
        request(Request::ValidateBlocks { channel, on })
    };
    assert_ne!(without(&leave(true)), without(&leave(false)));
    assert_ne!(
        without(&request(Request::Snapshot)),
        without(&request(Request::Identities))
    );
}

#[test]
fn the_order_of_commands_changes_the_hash() {
    let finish = |link| Command::FinishLink { link: LinkId(link) };
    let hash = |commands: [Command; 2]| {
        let mut recording = Recording::new();
        for command in &commands {
            recording.command(Instant::START, 1, command);
        }
        recording
            .fingerprint(Instant::START, std::iter::empty())
            .commands
    };
    assert_eq!(hash([finish(1), finish(2)]), hash([finish(1), finish(2)]));
    assert_ne!(hash([finish(1), finish(2)]), hash([finish(2), finish(1)]));
}
