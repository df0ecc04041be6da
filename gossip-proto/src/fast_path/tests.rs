use bytes::Bytes;
use proptest::{collection::vec, prelude::*, sample::Index};
use prost::Message as _;

use super::*;
use crate::{
    Alive, Content, GossipMessage, Limits, Payload, PeerTime, Properties, RawEnvelope, StateInfo,
    UnsignedMessage, decode, raw,
};

fn frequent_contents() -> Vec<Content> {
    let time = PeerTime {
        incarnation: u64::MAX,
        sequence: 3,
    };
    let alive = |identity: Option<Bytes>| Alive {
        pki_id: Bytes::from_static(&[7; 32]),
        endpoint: "peer.example:7051".into(),
        metadata: Bytes::from_static(b"metadata"),
        time,
        pulse_anchor: identity.is_some().then_some([5; 32]),
        leaving: identity.is_none(),
        identity,
    };
    vec![
        Content::Alive(alive(None)),
        Content::Alive(alive(Some(Bytes::from_static(&[9; 300])))),
        Content::Data(Payload {
            seq_num: 300,
            data: Bytes::from_static(&[1; 200]),
            private_data: Vec::new(),
        }),
        Content::Data(Payload {
            seq_num: 0,
            data: Bytes::new(),
            private_data: Vec::new(),
        }),
        Content::StateInfo(StateInfo {
            pki_id: Bytes::from_static(&[7; 32]),
            time,
            channel_mac: Bytes::from_static(&[8; 32]),
            properties: Some(Properties {
                ledger_height: 1 << 40,
                left_channel: true,
                chaincodes: Vec::new(),
            }),
        }),
    ]
}

fn frequent_messages() -> Vec<GossipMessage> {
    let message = |content: Content| GossipMessage {
        nonce: 900,
        channel: Bytes::from_static(b"channel"),
        tag: content.legal_tag(),
        content,
    };
    frequent_contents().into_iter().map(message).collect()
}

fn encoded(message: &GossipMessage) -> Bytes {
    raw::GossipMessage::from(message).encode_to_vec().into()
}

/// The result of the general decoder.
fn decode_general(bytes: &Bytes, limits: &Limits) -> Option<GossipMessage> {
    let raw: raw::GossipMessage = decode(bytes.clone(), limits).ok()?;
    raw.try_into().ok()
}

fn limits(least: usize) -> Limits {
    Limits {
        max_pki_id: least,
        max_endpoint: least,
        max_metadata: least,
        max_identity: least * 8,
        max_hash: least,
        max_channel: least,
        max_signature: least,
        max_envelope: least * 16,
        max_depth: least % 4,
        ..Limits::default()
    }
}

#[test]
fn frequent_messages_take_the_fast_path() {
    for sent in frequent_messages() {
        let unsigned = UnsignedMessage::new(sent.clone(), Some("10.0.0.1:7051"));
        assert_eq!(
            message(unsigned.payload(), &Limits::default()),
            Some(sent.clone())
        );
        let signature = Bytes::from_static(b"signature");
        let signed = unsigned.sign(signature.clone(), Some(signature));
        let parts = envelope(signed.encoded(), &Limits::default()).unwrap();
        assert_eq!(parts.payload, signed.envelope().payload());
        assert_eq!(parts.secret.unwrap().1, b"signature");
    }
}

#[test]
fn fields_that_come_twice_or_late_and_unknown_ones_are_left_to_the_general_way() {
    let sent = encoded(&frequent_messages()[2]);
    for extra in [&b"\x08\x01"[..], b"\x40\x01", b"\xc2\x3e\x00"] {
        let bytes = Bytes::from([&sent[..], extra].concat());
        assert_eq!(message(&bytes, &Limits::default()), None);
        assert!(decode_general(&bytes, &Limits::default()).is_some() || extra[0] == 0x40);
    }
}

fn mutate(bytes: &mut Vec<u8>, place: Index, kind: u8, value: u8) {
    if bytes.is_empty() {
        return;
    }
    let place = place.index(bytes.len());
    let end = (place + usize::from(value % 40)).min(bytes.len());
    match kind {
        0 => bytes[place] = value,
        1 => bytes.insert(place, value),
        2 => drop(bytes.drain(place..end)),
        3 => {
            let copy = bytes[place..end].to_vec();
            drop(bytes.splice(place..place, copy));
        }
        _ => bytes[place] ^= 1 << (value % 8),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_path_and_the_general_decoder_agree_on_messages(
        which in any::<Index>(),
        mutations in vec((any::<Index>(), 0_u8..5, any::<u8>()), 0..4),
        least in 0_usize..60,
        tight in any::<bool>(),
    ) {
        let limits = if tight { limits(least) } else { Limits::default() };
        let mut bytes = encoded(which.get(&frequent_messages())).to_vec();
        for (place, kind, value) in mutations {
            mutate(&mut bytes, place, kind, value);
        }
        let bytes = Bytes::from(bytes);
        if let Some(direct) = message(&bytes, &limits) {
            prop_assert_eq!(Some(direct), decode_general(&bytes, &limits));
        }
    }

    #[test]
    fn the_fast_path_and_the_general_decoder_agree_on_envelopes(
        secret in any::<bool>(),
        mutations in vec((any::<Index>(), 0_u8..5, any::<u8>()), 0..4),
        least in 0_usize..60,
        tight in any::<bool>(),
    ) {
        let limits = if tight { limits(least) } else { Limits::default() };
        let unsigned = UnsignedMessage::new(frequent_messages().remove(0), secret.then_some("10.0.0.1:1"));
        let signature = Bytes::from_static(b"signature");
        let mut bytes = unsigned.sign(signature.clone(), Some(signature)).encoded().to_vec();
        for (place, kind, value) in mutations {
            mutate(&mut bytes, place, kind, value);
        }
        if envelope(&bytes, &limits).is_some() {
            let bytes = Bytes::from(bytes);
            prop_assert_eq!(RawEnvelope::parse(bytes.clone(), &limits), RawEnvelope::parse_general(bytes, &limits));
        }
    }
}
