//! Properties of all messages and of arbitrary bytes.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

#[path = "support/strategies.rs"]
mod strategies;
mod support;

use bytes::Bytes;
use gossip_proto::{
    DecodeError, Limits, RawEnvelope, SignedMessage, UnsignedMessage, common, decode, wire,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use prost::Message;
use strategies::contents;
use support::{field, message, samples, signed_alive};

const DOES_NOT_DECODE: &str = "it does not decode";

/// Calls each decoder. None may panic, and whatever passes the check must decode.
fn decode_all(bytes: &Bytes) {
    let limits = Limits::default();
    let outcomes = [
        SignedMessage::decode(bytes.clone(), &limits).map(|message| drop(message.to_string())),
        RawEnvelope::parse(bytes.clone(), &limits).map(|raw| drop(raw.detach().to_string())),
        decode::<wire::Envelope>(bytes.clone(), &limits).map(drop),
        decode::<wire::GossipMessage>(bytes.clone(), &limits).map(drop),
        decode::<common::Block>(bytes.clone(), &limits).map(drop),
        decode::<common::SignaturePolicyEnvelope>(bytes.clone(), &limits).map(drop),
    ];
    for outcome in outcomes {
        if let Err(DecodeError::Malformed { reason, .. }) = outcome {
            assert_ne!(reason, DOES_NOT_DECODE);
        }
    }
}

/// Encodings of each kind of message, in an envelope and without.
fn valid_frames() -> Vec<Vec<u8>> {
    let mut frames = vec![signed_alive().encoded().to_vec()];
    for content in samples() {
        let sent = SignedMessage::unsigned(message(content));
        frames.push(sent.encoded().to_vec());
        frames.push(sent.envelope().payload().to_vec());
    }
    frames
}

/// A mutation of bytes at a position.
#[derive(Clone, Debug)]
enum Mutation {
    Set(u8),
    Flip(u8),
    Insert(Vec<u8>),
    Cut(usize),
    Repeat(usize),
    Truncate,
}

fn mutations() -> impl Strategy<Value = Vec<(Index, Mutation)>> {
    let mutation = prop_oneof![
        any::<u8>().prop_map(Mutation::Set),
        (0u8..8).prop_map(Mutation::Flip),
        vec(any::<u8>(), 0..12).prop_map(Mutation::Insert),
        (0usize..40).prop_map(Mutation::Cut),
        (0usize..40).prop_map(Mutation::Repeat),
        Just(Mutation::Truncate),
    ];
    vec((any::<Index>(), mutation), 1..6)
}

fn mutate(frame: &mut Vec<u8>, place: Index, mutation: Mutation) {
    if frame.is_empty() {
        return;
    }
    let place = place.index(frame.len());
    let end = |length: usize| (place + length).min(frame.len());
    match mutation {
        Mutation::Set(byte) => frame[place] = byte,
        Mutation::Flip(bit) => frame[place] ^= 1 << bit,
        Mutation::Insert(bytes) => drop(frame.splice(place..place, bytes)),
        Mutation::Cut(length) => drop(frame.drain(place..end(length))),
        Mutation::Repeat(length) => {
            let copy = frame[place..end(length)].to_vec();
            drop(frame.splice(place..place, copy));
        }
        Mutation::Truncate => frame.truncate(place),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        decode_all(&bytes.clone().into());
        decode_all(&field(1, &bytes));
    }

    #[test]
    fn mutated_messages_are_decoded_or_refused(
        frame in any::<Index>(),
        mutations in mutations(),
    ) {
        let mut frames = valid_frames();
        let mut frame = frames.swap_remove(frame.index(frames.len()));
        for (place, mutation) in mutations {
            mutate(&mut frame, place, mutation);
        }
        decode_all(&frame.clone().into());
        decode_all(&field(1, &frame));
    }

    /// Within the limits and without repeated fields, the check accepts all that protobuf accepts.
    #[test]
    fn messages_that_protobuf_accepts_are_not_malformed(frame in any::<Index>(), mutations in mutations()) {
        let mut frames = valid_frames();
        let mut frame = frames.swap_remove(frame.index(frames.len()));
        for (place, mutation) in mutations {
            mutate(&mut frame, place, mutation);
        }
        let accepted = wire::GossipMessage::decode(&frame[..]).is_ok();
        let outcome = decode::<wire::GossipMessage>(frame.into(), &Limits::default());
        match outcome {
            Ok(_) => prop_assert!(accepted),
            // Found before the defect behind it.
            Err(DecodeError::Repeated { .. }) => {}
            Err(error) => prop_assert_eq!(!accepted, error.is_fatal(), "{}", error),
        }
    }

    #[test]
    fn a_message_survives_encoding_and_decoding(
        content in contents(),
        nonce: u64,
        channel in vec(any::<u8>(), 0..20),
    ) {
        let mut sent = message(content);
        sent.nonce = nonce;
        sent.channel = channel.into();
        let unsigned = SignedMessage::unsigned(sent.clone());
        let limits = Limits::default();
        let received = SignedMessage::decode(unsigned.encoded().clone(), &limits).unwrap();
        prop_assert_eq!(received.message(), &sent);
        prop_assert_eq!(received.envelope(), unsigned.envelope());

        let theirs: wire::Envelope = decode(unsigned.encoded().clone(), &limits).unwrap();
        prop_assert_eq!(&theirs.payload, unsigned.envelope().payload());
        let theirs: wire::GossipMessage = decode(theirs.payload, &limits).unwrap();
        prop_assert_eq!((theirs.nonce, theirs.channel), (nonce, sent.channel));
    }

    #[test]
    fn signed_envelopes_are_protobufs(
        content in contents(),
        signature in vec(any::<u8>(), 0..80),
        secret in proptest::option::of(("[a-z.]{0,20}", vec(any::<u8>(), 0..80))),
    ) {
        let (endpoint, secret_signature) = secret.unzip();
        let unsigned = UnsignedMessage::new(message(content), endpoint.as_deref());
        let signed = unsigned.sign(signature.into(), secret_signature.map(Bytes::from));
        let limits = Limits::default();
        let theirs: wire::Envelope = decode(signed.encoded().clone(), &limits).unwrap();
        prop_assert_eq!(&theirs.encode_to_vec(), signed.encoded());
        prop_assert_eq!(&RawEnvelope::parse(signed.encoded().clone(), &limits).unwrap(), signed.envelope());
        prop_assert_eq!(signed.internal_endpoint(), endpoint);
        prop_assert_eq!(&signed.envelope().detach(), signed.envelope());
    }
}
