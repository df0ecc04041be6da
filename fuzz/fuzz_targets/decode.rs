//! Arbitrary bytes are decoded or refused, and decoding is stable.
#![no_main]

use bytes::Bytes;
use gossip_proto::{
    Content, DecodeError, Limits, RawEnvelope, SignedMessage, common, decode, wire,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    let limits = Limits::default();
    if let Ok(message) = SignedMessage::decode(bytes.clone(), &limits) {
        check_stable(&message, &limits);
    }
    if let Ok(raw) = RawEnvelope::parse(bytes.clone(), &limits) {
        assert_eq!(raw.detach(), raw);
        assert_eq!(raw.without_secret().payload(), raw.payload());
    }
    check_decodes(decode::<wire::Envelope>(bytes.clone(), &limits));
    check_decodes(decode::<wire::GossipMessage>(bytes.clone(), &limits));
    check_decodes(decode::<common::Block>(bytes, &limits));
});

/// An accepted message can be sent on its own and is accepted again.
fn check_stable(message: &SignedMessage, limits: &Limits) {
    let _ = message.to_string();
    let _ = (message.digest(), message.internal_endpoint());
    assert_eq!(message.without_secret().message(), message.message());
    let again = SignedMessage::unsigned(message.message().clone());
    let again = SignedMessage::decode(again.encoded().clone(), limits).expect("it was accepted");
    assert_eq!(again.message(), message.message());
    if let Content::MembershipResponse(response) = message.content() {
        for envelope in response.alive.iter().chain(&response.dead) {
            let _ = SignedMessage::decode_nested(envelope, limits);
        }
    }
}

/// Bytes that pass the check of the limits decode with protobuf.
fn check_decodes<T>(outcome: Result<T, DecodeError>) {
    if let Err(DecodeError::Malformed { reason, .. }) = outcome {
        assert_ne!(reason, "it does not decode");
    }
}
