//! Envelopes keep their bytes when they are signed, stripped of a secret, and relayed.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod support;

use bytes::Bytes;
use gossip_proto::{
    Content, DecodeError, Limits, MembershipResponse, Payload, RawEnvelope, SignedMessage,
    UnsignedMessage, decode, wire,
};
use support::{envelope, field, id, message, put_varint, samples, signed_alive, vector};

fn decoded(frame: Bytes) -> SignedMessage {
    SignedMessage::decode(frame, &Limits::default()).unwrap()
}

/// Whether `part` lies in the memory of `whole`.
fn shares(whole: &Bytes, part: &Bytes) -> bool {
    let whole = whole.as_ptr_range();
    whole.contains(&part.as_ptr())
}

#[test]
fn a_signed_message_round_trips_with_its_signature() {
    let sent = signed_alive();
    assert!(sent.envelope().is_signed());
    let received = decoded(sent.encoded().clone());
    assert_eq!(received.message(), sent.message());
    assert_eq!(received.envelope(), sent.envelope());
    assert_eq!(received.envelope().signature(), "SIGNATURE-BYTES");
    assert_eq!(
        received.envelope().secret().unwrap().signature,
        "SECRET-SIG"
    );
    assert_eq!(received, sent);
}

#[test]
fn the_signer_gets_exactly_the_bytes_that_travel() {
    let content = signed_alive().content().clone();
    let unsigned = UnsignedMessage::new(message(content), Some("10.0.0.7:7051"));
    let (payload, secret) = (
        unsigned.payload().clone(),
        unsigned.secret_payload().cloned(),
    );
    let signed = unsigned.sign(payload.clone(), secret.clone());
    assert_eq!(signed.envelope().payload(), &payload);
    assert_eq!(signed.envelope().signature(), signed.envelope().payload());
    assert_eq!(signed.envelope().secret().unwrap().payload, secret.unwrap());
}

#[test]
fn an_unsigned_message_has_no_signature_and_no_secret() {
    for content in samples() {
        let sent = SignedMessage::unsigned(message(content));
        let received = decoded(sent.encoded().clone());
        for message in [&sent, &received] {
            assert!(!message.envelope().is_signed());
            assert!(message.envelope().signature().is_empty());
            assert!(message.envelope().secret().is_none());
            assert_eq!(message.internal_endpoint(), None);
        }
        assert_eq!(received.message(), sent.message());
        assert_eq!(received.content().kind(), sent.content().kind());
    }
}

#[test]
fn an_envelope_with_a_signature_but_no_payload_is_not_signed() {
    let raw = RawEnvelope::parse(field(2, b"signature"), &Limits::default()).unwrap();
    assert!(!raw.is_signed());
    let error = SignedMessage::decode_nested(&raw, &Limits::default()).unwrap_err();
    assert_eq!(error, DecodeError::NoPayload);
}

#[test]
fn a_nil_envelope_is_an_error() {
    let error = SignedMessage::decode(Bytes::new(), &Limits::default()).unwrap_err();
    assert_eq!(error, DecodeError::NoPayload);
    assert!(!error.is_fatal());
}

#[test]
fn padding_of_an_envelope_is_refused_beyond_a_few_bytes() {
    let padded = |inner: u64, length: usize| {
        let mut frame = signed_alive().encoded().to_vec();
        let padding = field(15, &vec![7; length]);
        let added = if inner == 0 {
            padding
        } else {
            field(inner, &padding)
        };
        frame.extend_from_slice(&added);
        SignedMessage::decode(frame.into(), &Limits::default())
    };
    assert_eq!(padded(0, 40).unwrap().message(), signed_alive().message());
    for within in [0, 3] {
        let error = padded(within, 70).unwrap_err();
        assert!(
            matches!(error, DecodeError::Padded { limit: 64, .. }),
            "{error}"
        );
        assert!(!error.is_fatal());
    }
    let mut repeated = signed_alive().encoded().to_vec();
    repeated.splice(0..0, field(1, &[7; 100]));
    let error = SignedMessage::decode(repeated.into(), &Limits::default()).unwrap_err();
    assert!(matches!(error, DecodeError::Padded { .. }), "{error}");
}

#[test]
fn a_padded_element_is_refused_without_its_list() {
    let mut padded = signed_alive().encoded().to_vec();
    padded.extend_from_slice(&field(15, &[7; 1000]));
    let limits = Limits::default();
    let padded = RawEnvelope::parse(padded.into(), &limits).unwrap();
    let sound = signed_alive().envelope().clone();
    let response = MembershipResponse {
        alive: vec![padded, sound],
        ..MembershipResponse::default()
    };
    let content = Content::MembershipResponse(response);
    let sent = SignedMessage::unsigned(message(content));
    let Content::MembershipResponse(response) = decoded(sent.encoded().clone()).content().clone()
    else {
        panic!("not a response")
    };
    let elements = response.alive.iter();
    let taken = elements.map(|element| SignedMessage::decode_nested(element, &limits).is_ok());
    assert_eq!(taken.collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_secret_without_signature_is_left_out() {
    let unsigned = UnsignedMessage::new(message(Content::Empty), Some("10.0.0.7:7051"));
    let signed = unsigned.sign(Bytes::from_static(b"signature"), None);
    assert!(signed.envelope().secret().is_none());
}

#[test]
fn the_internal_endpoint_is_read_from_the_secret() {
    let secret = |payload: &[u8]| {
        let mut frame = envelope(&vector("alive")).to_vec();
        frame.extend_from_slice(&field(3, &field(1, payload)));
        decoded(frame.into()).internal_endpoint()
    };
    assert_eq!(secret(&vector("secret")).as_deref(), Some("10.0.0.7:7051"));
    assert_eq!(secret(&[]), None);
    assert_eq!(secret(b"\xff garbage"), None);
    assert_eq!(secret(&field(1, &[b'a'; 257])), None);
    assert_eq!(secret(&field(1, &[0xff])), None);
    assert_eq!(
        signed_alive().internal_endpoint().as_deref(),
        Some("10.0.0.7:7051")
    );
}

#[test]
fn stripping_the_secret_keeps_payload_and_signature() {
    let whole = decoded(signed_alive().encoded().clone());
    let stripped = whole.without_secret();
    assert!(stripped.envelope().secret().is_none());
    assert_eq!(stripped.internal_endpoint(), None);
    assert_eq!(stripped.envelope().payload(), whole.envelope().payload());
    assert_eq!(
        stripped.envelope().signature(),
        whole.envelope().signature()
    );
    assert_eq!(stripped.message(), whole.message());
    assert_ne!(stripped.digest(), whole.digest());
    assert_eq!(decoded(stripped.encoded().clone()), stripped);
    let again = stripped.without_secret();
    assert_eq!(again.encoded().as_ptr(), stripped.encoded().as_ptr());
}

#[test]
fn occurrences_of_a_secret_are_merged() {
    let mut frame = envelope(&vector("alive")).to_vec();
    frame.extend_from_slice(&field(3, &field(1, b"old")));
    frame.extend_from_slice(&field(3, &field(2, b"signature")));
    frame.extend_from_slice(&field(3, &field(1, b"new")));
    let raw = RawEnvelope::parse(frame.clone().into(), &Limits::default()).unwrap();
    let secret = raw.secret().unwrap();
    let theirs: wire::Envelope = decode(frame.into(), &Limits::default()).unwrap();
    let theirs = theirs.secret_envelope.unwrap();
    assert_eq!(
        (&secret.payload, &secret.signature),
        (&theirs.payload, &theirs.signature)
    );
    assert_eq!(secret.payload, "new");
}

#[test]
fn the_digest_is_of_the_whole_envelope() {
    let message = signed_alive();
    assert_eq!(
        message.digest(),
        *blake3::hash(message.encoded()).as_bytes()
    );
    assert_eq!(
        message.digest(),
        decoded(message.encoded().clone()).digest()
    );
    let mut other = message.encoded().to_vec();
    *other.last_mut().unwrap() ^= 1;
    assert_ne!(message.digest(), decoded(other.into()).digest());
}

#[test]
fn clones_share_one_allocation() {
    let message = signed_alive();
    let copy = message.clone();
    assert_eq!(message.encoded().as_ptr(), copy.encoded().as_ptr());
    assert!(std::ptr::eq(message.message(), copy.message()));
}

#[test]
fn decoding_copies_no_bytes() {
    let block = Payload {
        seq_num: 1,
        data: vec![7; 1 << 16].into(),
        private_data: Vec::new(),
    };
    let frame = SignedMessage::unsigned(message(Content::Data(block)))
        .encoded()
        .clone();
    let received = decoded(frame.clone());
    assert!(shares(&frame, received.encoded()));
    assert!(shares(&frame, received.envelope().payload()));
    assert!(shares(&frame, &received.message().channel));
    let Content::Data(block) = received.content() else {
        panic!()
    };
    assert!(shares(&frame, &block.data));
}

#[test]
fn encoding_puts_the_payload_straight_into_the_envelope() {
    let block = Payload {
        seq_num: 1,
        data: vec![7; 1 << 16].into(),
        private_data: Vec::new(),
    };
    let sent = SignedMessage::unsigned(message(Content::Data(block)));
    assert!(shares(sent.encoded(), sent.envelope().payload()));
    let signed = signed_alive();
    assert!(shares(signed.encoded(), signed.envelope().signature()));
    assert!(shares(
        signed.encoded(),
        &signed.envelope().secret().unwrap().payload
    ));
}

#[test]
fn nested_envelopes_are_slices_and_can_be_detached() {
    let alive = signed_alive().envelope().clone();
    let response = MembershipResponse {
        alive: vec![alive.clone()],
        ..Default::default()
    };
    let sent = SignedMessage::unsigned(message(Content::MembershipResponse(response)));
    let frame = sent.encoded().clone();
    let received = decoded(frame.clone());
    let Content::MembershipResponse(response) = received.content() else {
        panic!()
    };
    let nested = &response.alive[0];
    assert_eq!(nested, &alive);
    assert!(shares(&frame, nested.encoded()));

    let own = nested.detach();
    assert_eq!(&own, nested);
    assert!(!shares(&frame, own.encoded()));
    assert!(shares(own.encoded(), own.payload()));
    assert!(shares(own.encoded(), own.signature()));
    assert!(shares(own.encoded(), &own.secret().unwrap().payload));
    assert!(shares(own.encoded(), &own.secret().unwrap().signature));
    let message = SignedMessage::decode_nested(&own, &Limits::default()).unwrap();
    assert_eq!(message, signed_alive());
    let Content::Alive(alive) = message.content() else {
        panic!()
    };
    assert!(shares(own.encoded(), &alive.pki_id));
    assert_eq!(alive.pki_id, id(1));
}

#[test]
fn an_unsigned_envelope_can_be_detached() {
    let raw = SignedMessage::unsigned(message(Content::Empty))
        .envelope()
        .clone();
    assert_eq!(raw.detach(), raw);
    let nothing = RawEnvelope::parse(Bytes::new(), &Limits::default()).unwrap();
    assert_eq!(nothing.detach(), nothing);
}

/// A number, a text, a fixed-width number and a group with unknown field numbers.
fn unknown_fields() -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(&mut out, 2000 << 3);
    put_varint(&mut out, u64::MAX);
    out.extend_from_slice(&field(2001, b"from the future"));
    put_varint(&mut out, 2002 << 3 | 1);
    out.extend_from_slice(&[1; 8]);
    put_varint(&mut out, 2003 << 3 | 3);
    out.extend_from_slice(&field(7, b"within"));
    put_varint(&mut out, 2003 << 3 | 4);
    put_varint(&mut out, 2004 << 3 | 5);
    out.extend_from_slice(&[1; 4]);
    out
}

#[test]
fn unknown_fields_are_relayed_byte_for_byte() {
    for content in samples() {
        let known = SignedMessage::unsigned(message(content));
        let payload = [known.envelope().payload(), &unknown_fields()[..]].concat();
        let frame = [&envelope(&payload)[..], &unknown_fields()].concat();
        let received = decoded(frame.clone().into());
        assert_eq!(received.encoded(), &frame);
        assert_eq!(received.envelope().payload(), &payload);
        assert_eq!(received.message(), known.message());
    }
}

#[test]
fn unknown_fields_of_nested_envelopes_are_relayed_byte_for_byte() {
    let payload = [&vector("alive")[..], &unknown_fields()].concat();
    let inner = [&envelope(&payload)[..], &unknown_fields()].concat();
    let response = [&[0x18, 1][..], &field(7, &field(1, &inner))].concat();
    let received = decoded(envelope(&response));
    let Content::MembershipResponse(response) = received.content() else {
        panic!()
    };
    assert_eq!(response.alive[0].encoded(), &inner);
    let again = SignedMessage::unsigned(received.message().clone());
    assert_eq!(again.envelope().payload(), received.envelope().payload());
}
