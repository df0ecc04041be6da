//! Frames that are built to take far more memory than they have bytes.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]
#![allow(clippy::disallowed_types, reason = "it measures")]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gossip_proto::{DecodeError, Limits, SignedMessage, common, decode};
use support::{decode_payload, envelope, field};

const BOMB: usize = 64 << 20;

/// A generous bound: building such lists takes many times as long.
const QUICK: Duration = Duration::from_secs(5);

/// A field of 64 MiB that repeats `element`.
fn repeated(number: u64, element: &[u8]) -> Bytes {
    field(number, &element.repeat(BOMB / element.len()))
}

fn list_that_bursts(payload: &[u8]) -> String {
    let start = Instant::now();
    let error = decode_payload(payload).unwrap_err();
    assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
    let DecodeError::ListTooLong {
        message,
        field,
        limit: 65_536,
    } = error
    else {
        panic!("{error}");
    };
    format!("{message}.{field}")
}

#[test]
fn lists_of_empty_elements_are_refused() {
    assert_eq!(
        list_that_bursts(&repeated(10, b"\x12\0")),
        "gossip.DataDigest.digests"
    );
    assert_eq!(
        list_that_bursts(&repeated(7, b"\x0a\0")),
        "gossip.MembershipResponse.alive"
    );
    assert_eq!(
        list_that_bursts(&repeated(12, b"\x12\0")),
        "gossip.DataUpdate.data"
    );
    assert_eq!(
        list_that_bursts(&repeated(19, b"\x0a\0")),
        "gossip.RemoteStateResponse.payloads"
    );
    assert_eq!(
        list_that_bursts(&repeated(24, b"\x0a\0")),
        "gossip.RemotePvtDataResponse.elements"
    );
    assert_eq!(
        list_that_bursts(&repeated(16, b"\x0a\0")),
        "gossip.StateInfoSnapshot.elements"
    );
}

#[test]
fn a_list_split_over_occurrences_of_its_message_is_refused() {
    let bomb = field(7, b"\x0a\0").repeat(BOMB / 4);
    assert_eq!(list_that_bursts(&bomb), "gossip.MembershipResponse.alive");
}

#[test]
fn a_list_hidden_two_messages_deep_is_refused() {
    let bomb = field(8, &field(1, b"\x1a\0")).repeat(BOMB / 6);
    assert_eq!(list_that_bursts(&bomb), "gossip.Payload.private_data");
}

#[test]
fn lists_within_lists_are_refused_by_their_total() {
    let block = field(1, &b"\x1a\0".repeat(60_000));
    let payload = field(19, &block.repeat(500));
    let start = Instant::now();
    let error = decode_payload(&payload).unwrap_err();
    assert!(start.elapsed() < QUICK);
    let message = "gossip.GossipMessage";
    assert_eq!(
        error,
        DecodeError::TooManyElements {
            message,
            limit: 262_144
        }
    );
}

#[test]
fn collection_configs_are_looked_into() {
    let configs = b"\x0a\0".repeat(70_000);
    let payload = field(25, &field(1, &field(6, &configs)));
    assert_eq!(
        list_that_bursts(&payload),
        "protos.CollectionConfigPackage.config"
    );
}

#[test]
fn blocks_with_too_many_transactions_are_refused() {
    let bomb = repeated(2, b"\x0a\0");
    let error = decode::<common::Block>(bomb, &Limits::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "common.BlockData.data has more than 65536 elements"
    );
}

#[test]
fn an_envelope_that_repeats_its_fields_costs_nothing() {
    let frame = envelope(b"").repeat(1 << 20);
    let start = Instant::now();
    let error = SignedMessage::decode(frame.into(), &Limits::default()).unwrap_err();
    assert!(start.elapsed() < QUICK, "{:?}", start.elapsed());
    assert_eq!(error, DecodeError::NoPayload);
}
