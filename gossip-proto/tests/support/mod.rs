//! Shared by the test files: the vectors, and sample messages of each kind.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use bytes::Bytes;
use gossip_proto::{
    Alive, Application, Branch, Chaincode, ConnEstablish, Content, DataUpdate, GossipMessage,
    Hello, Leadership, Limits, MembershipRequest, MembershipResponse, Payload, PeerIdentity,
    PeerTime, PrivateData, PrivateDigest, PrivateElement, Properties, PullIds, PullKind, Pulse,
    RawEnvelope, SignedMessage, StateInfo, StateInfoPull, StateRequest, Tree, UnsignedMessage,
};
use serde_json::Value;

pub fn vectors() -> Value {
    serde_json::from_str(include_str!("../../testdata/gossip-messages.json")).unwrap()
}

pub fn bytes_of(entry: &Value, key: &str) -> Bytes {
    hex::decode(entry[key].as_str().unwrap()).unwrap().into()
}

/// The encoding of the vector called `name`.
pub fn vector(name: &str) -> Bytes {
    let all = vectors();
    let found = all["messages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == name);
    bytes_of(found.unwrap(), "hex")
}

/// An envelope without signature around `payload`.
pub fn envelope(payload: &[u8]) -> Bytes {
    field(1, payload)
}

/// A length-delimited field.
pub fn field(number: u64, content: &[u8]) -> Bytes {
    let mut out = Vec::new();
    put_varint(&mut out, number << 3 | 2);
    put_varint(&mut out, content.len() as u64);
    out.extend_from_slice(content);
    out.into()
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A message with this content and its legal tag.
pub fn message(content: Content) -> GossipMessage {
    let tag = content.legal_tag();
    GossipMessage {
        nonce: 9,
        channel: Bytes::from_static(b"mychannel"),
        tag,
        content,
    }
}

pub fn signed_alive() -> SignedMessage {
    let content = Content::Alive(Alive {
        pki_id: id(1),
        endpoint: "peer0.org1.example:7051".into(),
        metadata: Bytes::from_static(b"META-BYTES"),
        time: PeerTime {
            incarnation: 3,
            sequence: 4,
        },
        identity: Some(Bytes::from_static(b"IDENTITY-BYTES")),
        pulse_anchor: None,
        leaving: false,
    });
    let unsigned = UnsignedMessage::new(message(content), Some("10.0.0.7:7051"));
    unsigned.sign(
        Bytes::from_static(b"SIGNATURE-BYTES"),
        Some(Bytes::from_static(b"SECRET-SIG")),
    )
}

pub fn id(byte: u8) -> Bytes {
    vec![byte; 32].into()
}

pub fn pulse() -> Pulse {
    Pulse {
        pki_id: id(1),
        sequence: 5,
        proof: [8; 32],
    }
}

/// A sample of each kind of content; of pulls one for each kind of pull.
#[allow(clippy::too_many_lines, reason = "a table: one of each kind")]
pub fn samples() -> Vec<Content> {
    let time = PeerTime {
        incarnation: 3,
        sequence: 4,
    };
    let alive = signed_alive().envelope().clone();
    let block = |seq_num| Payload {
        seq_num,
        data: Bytes::from_static(b"BLOCK-BYTES"),
        private_data: vec![Bytes::from_static(b"PRIVATE-BYTES"), Bytes::new()],
    };
    let digest = PrivateDigest {
        tx_id: "tx1".into(),
        namespace: "ns".into(),
        collection: "col".into(),
        block_seq: 9,
        seq_in_block: 2,
    };
    let mut samples = vec![
        Content::Alive(Alive {
            pki_id: id(1),
            endpoint: String::new(),
            metadata: Bytes::new(),
            time,
            identity: None,
            pulse_anchor: Some([7; 32]),
            leaving: true,
        }),
        Content::MembershipRequest(MembershipRequest {
            self_information: alive.clone(),
            want_identities: true,
            held: id(3),
            pulse: Some(pulse()),
        }),
        Content::MembershipResponse(MembershipResponse {
            alive: vec![alive.clone(), alive.clone()],
            dead: vec![alive.clone()],
            identities: vec![PeerIdentity {
                pki_id: Bytes::from_static(b"PKI-ID"),
                cert: Bytes::from_static(b"IDENTITY-BYTES"),
                metadata: Bytes::new(),
            }],
            pulses: vec![pulse()],
        }),
        Content::Data(block(5)),
        Content::Empty,
        Content::Conn(ConnEstablish {
            pki_id: id(1),
            identity: Bytes::from_static(b"IDENTITY-BYTES"),
            binding: id(2),
            probe: true,
            capabilities: 5,
            network_id: Bytes::from_static(b"net"),
            incarnation: 77,
        }),
        Content::StateInfo(StateInfo {
            pki_id: id(1),
            time,
            channel_mac: id(2),
            properties: Some(Properties {
                ledger_height: 12,
                left_channel: true,
                chaincodes: vec![Chaincode {
                    name: "cc".into(),
                    version: "1.0".into(),
                    metadata: Bytes::from_static(b"META-BYTES"),
                }],
            }),
        }),
        Content::StateSnapshot(vec![alive.clone()]),
        Content::StateInfoPull(StateInfoPull {
            channel_mac: id(2),
            held: id(3),
        }),
        Content::StateRequest(StateRequest { start: 1, end: 11 }),
        Content::StateResponse(vec![block(1), block(2)]),
        Content::Leadership(Leadership {
            pki_id: id(1),
            time,
            is_declaration: true,
        }),
        Content::PeerIdentity(PeerIdentity {
            pki_id: id(1),
            cert: Bytes::from_static(b"IDENTITY-BYTES"),
            metadata: Bytes::from_static(b"META-BYTES"),
        }),
        Content::Ack("store is full".into()),
        Content::PrivateRequest(vec![digest.clone()]),
        Content::PrivateResponse(vec![PrivateElement {
            digest,
            payload: vec![Bytes::from_static(b"PRIVATE-BYTES"), Bytes::new()],
        }]),
        Content::PrivateData(PrivateData {
            collection: "col".into(),
            namespace: "ns".into(),
            tx_id: "tx1".into(),
            rwset: Bytes::from_static(b"PRIVATE-BYTES"),
            sim_height: 10,
            collection_configs: vector("collection_configs"),
        }),
        Content::Pulses(vec![pulse(), pulse()]),
        Content::Tree(Tree {
            ledger_height: 9,
            branch: Some(Branch::Prune),
            tell_at: 12.try_into().ok(),
            limit: 49.try_into().ok(),
            offer: 11.try_into().ok(),
        }),
        Content::Application(Application {
            topic: "prices".into(),
            data: Bytes::from_static(b"opaque"),
        }),
    ];
    for kind in [PullKind::Block, PullKind::Identity] {
        samples.extend(pull_samples(kind, &alive));
    }
    samples
}

pub fn pull_samples(kind: PullKind, item: &RawEnvelope) -> [Content; 4] {
    let ids = || PullIds {
        nonce: 99,
        ids: vec![Bytes::from_static(b"12"), id(3)],
        kind,
    };
    [
        Content::Hello(Hello {
            nonce: 99,
            metadata: Bytes::from_static(b"META-BYTES"),
            kind,
        }),
        Content::Digest(ids()),
        Content::DataRequest(ids()),
        Content::DataUpdate(DataUpdate {
            nonce: 99,
            data: vec![item.clone()],
            kind,
        }),
    ]
}

/// Decodes `payload` as a message that is not nested.
pub fn decode_payload(payload: &[u8]) -> Result<SignedMessage, gossip_proto::DecodeError> {
    SignedMessage::decode(envelope(payload), &Limits::default())
}
