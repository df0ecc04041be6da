//! Messages of every kind, with small and with extreme values.

use bytes::Bytes;
use gossip_core::proto::{
    Alive, Branch, ConnEstablish, Content, DataUpdate, GossipMessage, Hello, Leadership, Limits,
    MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData,
    Properties, PullIds, PullKind, Pulse, RawEnvelope, SignedMessage, StateInfo, StateInfoPull,
    StateRequest, Tag, Tree, UnsignedMessage, channel_mac,
};

use super::choices::Choices;

pub(super) fn conn(name: &[u8], binding: &Bytes, choices: &mut Choices<'_>) -> SignedMessage {
    let conn = ConnEstablish {
        pki_id: Bytes::copy_from_slice(name),
        identity: Bytes::copy_from_slice(name),
        binding: binding.clone(),
        probe: choices.below(16) == 1,
        capabilities: if choices.flag() { u64::MAX } else { 0 },
        network_id: Bytes::new(),
        incarnation: u64::from(choices.below(3)),
    };
    signed(Tag::Empty, 0, b"", Content::Conn(conn), None)
}

/// Any message.
pub(super) fn any(choices: &mut Choices<'_>) -> SignedMessage {
    let (tag, content) = match choices.below(24) {
        0..=3 => return alive(choices),
        4..=5 => (Tag::Empty, membership_request(choices)),
        6..=7 => (Tag::Empty, membership_response(choices)),
        8..=9 => (Tag::ChanAndOrg, Content::Data(payload(choices))),
        10..=11 => return state_info(choices),
        12 => {
            let request = StateInfoPull {
                channel_mac: mac(choices),
                held: Bytes::from(vec![choices.byte(); usize::from(choices.below(40))]),
            };
            (Tag::ChanOrOrg, Content::StateInfoPull(request))
        }
        13 => {
            let elements = (0..choices.below(8)).map(|_| state_info(choices).envelope().clone());
            (Tag::ChanOrOrg, Content::StateSnapshot(elements.collect()))
        }
        14..=15 => {
            let (start, end) = (choices.number(), choices.number());
            (
                Tag::ChanOrOrg,
                Content::StateRequest(StateRequest { start, end }),
            )
        }
        16 => {
            let payloads = (0..choices.below(12)).map(|_| payload(choices)).collect();
            (Tag::ChanOrOrg, Content::StateResponse(payloads))
        }
        17 => {
            let name = [choices.below(9)];
            return conn(&name, &Bytes::from_static(b"binding 1"), choices);
        }
        18..=19 => {
            let pulses = (0..choices.below(6)).map(|_| pulse(choices)).collect();
            (Tag::Empty, Content::Pulses(pulses))
        }
        20..=21 => {
            let tree = Tree {
                ledger_height: choices.number(),
                branch: [None, Some(Branch::Graft), Some(Branch::Prune)]
                    [usize::from(choices.below(3))],
                tell_at: choices.number().try_into().ok(),
                limit: choices.number().try_into().ok(),
                offer: choices.number().try_into().ok(),
            };
            (Tag::ChanAndOrg, Content::Tree(tree))
        }
        _ => other(choices),
    };
    let nonce = choices.number();
    let channel: &[u8] = [&b"c"[..], b"c", b"d", b"\xff"][usize::from(choices.below(4))];
    SignedMessage::unsigned(message(tag, nonce, channel, content))
}

fn message(tag: Tag, nonce: u64, channel: &[u8], content: Content) -> GossipMessage {
    let channel = Bytes::copy_from_slice(channel);
    GossipMessage {
        nonce,
        channel,
        tag,
        content,
    }
}

fn signed(
    tag: Tag,
    nonce: u64,
    channel: &[u8],
    content: Content,
    secret: Option<&str>,
) -> SignedMessage {
    let unsigned = UnsignedMessage::new(message(tag, nonce, channel, content), secret);
    unsigned.sign(Bytes::from_static(b"s"), Some(Bytes::from_static(b"s")))
}

fn name(choices: &mut Choices<'_>) -> Bytes {
    Bytes::copy_from_slice(&[choices.below(12)])
}

fn time(choices: &mut Choices<'_>) -> PeerTime {
    PeerTime {
        incarnation: choices.number(),
        sequence: choices.number(),
    }
}

fn alive(choices: &mut Choices<'_>) -> SignedMessage {
    let pki_id = name(choices);
    let alive = Alive {
        identity: choices.flag().then(|| pki_id.clone()),
        pki_id,
        endpoint: ["", "1.example:1", "::", "x"][usize::from(choices.below(4))].to_owned(),
        metadata: Bytes::from(vec![0; usize::from(choices.below(3))]),
        time: time(choices),
        pulse_anchor: choices.flag().then(|| [choices.below(2); 32]),
        leaving: choices.below(8) == 0,
    };
    let secret = choices.flag().then_some("1.lan:1");
    let nonce = choices.number();
    if choices.below(16) == 1 {
        return SignedMessage::unsigned(message(Tag::Empty, nonce, b"", Content::Alive(alive)));
    }
    signed(Tag::Empty, nonce, b"", Content::Alive(alive), secret)
}

fn element(choices: &mut Choices<'_>) -> RawEnvelope {
    match choices.below(8) {
        0 => RawEnvelope::parse(Bytes::from_static(b"\x0a\x01\xff"), &Limits::default())
            .expect("an envelope of random bytes"),
        1 => state_info(choices).envelope().clone(),
        _ => alive(choices).envelope().clone(),
    }
}

fn pulse(choices: &mut Choices<'_>) -> Pulse {
    Pulse {
        pki_id: name(choices),
        sequence: choices.number(),
        proof: [choices.below(2); 32],
    }
}

fn membership_request(choices: &mut Choices<'_>) -> Content {
    Content::MembershipRequest(MembershipRequest {
        self_information: element(choices),
        want_identities: choices.flag(),
        held: Bytes::from(vec![choices.byte(); usize::from(choices.below(40))]),
        pulse: choices.flag().then(|| pulse(choices)),
    })
}

fn membership_response(choices: &mut Choices<'_>) -> Content {
    let identity = |choices: &mut Choices<'_>| PeerIdentity {
        pki_id: name(choices),
        cert: name(choices),
        metadata: Bytes::new(),
    };
    Content::MembershipResponse(MembershipResponse {
        alive: (0..choices.below(10)).map(|_| element(choices)).collect(),
        dead: (0..choices.below(6)).map(|_| element(choices)).collect(),
        identities: (0..choices.below(4)).map(|_| identity(choices)).collect(),
        pulses: (0..choices.below(4)).map(|_| pulse(choices)).collect(),
    })
}

pub(super) fn payload(choices: &mut Choices<'_>) -> Payload {
    Payload {
        seq_num: choices.number(),
        data: Bytes::from(vec![7; usize::from(choices.below(4))]),
        private_data: vec![Bytes::from_static(b"p"); usize::from(choices.below(2))],
    }
}

fn mac(choices: &mut Choices<'_>) -> Bytes {
    let name = name(choices);
    Bytes::copy_from_slice(&channel_mac(&name, b"c"))
}

fn state_info(choices: &mut Choices<'_>) -> SignedMessage {
    let pki_id = name(choices);
    let channel: &[u8] = [&b"c"[..], b"c", b"d"][usize::from(choices.below(3))];
    let properties = Properties {
        ledger_height: choices.number(),
        left_channel: choices.below(8) == 1,
        chaincodes: Vec::new(),
    };
    let info = StateInfo {
        channel_mac: Bytes::copy_from_slice(&channel_mac(&pki_id, channel)),
        pki_id,
        time: time(choices),
        properties: (choices.below(8) > 0).then_some(properties),
    };
    signed(Tag::ChanOrOrg, 0, b"", Content::StateInfo(info), None)
}

/// Messages of protocols that the node does not support.
fn other(choices: &mut Choices<'_>) -> (Tag, Content) {
    let kind = [PullKind::Block, PullKind::Identity][usize::from(choices.below(2))];
    let nonce = choices.number();
    let ids = |choices: &mut Choices<'_>| PullIds {
        nonce,
        ids: vec![Bytes::from_static(b"id"); usize::from(choices.below(4))],
        kind,
    };
    match choices.below(9) {
        0 => (Tag::Empty, Content::Empty),
        1 => (Tag::Undefined, Content::Ack("text".to_owned())),
        2 => {
            let metadata = Bytes::new();
            let hello = Hello {
                nonce,
                metadata,
                kind,
            };
            (Tag::Empty, Content::Hello(hello))
        }
        3 => (Tag::Empty, Content::Digest(ids(choices))),
        4 => (Tag::Empty, Content::DataRequest(ids(choices))),
        5 => {
            let data = vec![element(choices)];
            (
                Tag::Empty,
                Content::DataUpdate(DataUpdate { nonce, data, kind }),
            )
        }
        6 => {
            let leadership = Leadership {
                pki_id: name(choices),
                time: time(choices),
                is_declaration: choices.flag(),
            };
            (Tag::ChanAndOrg, Content::Leadership(leadership))
        }
        7 => {
            let data = PrivateData {
                collection: "c".to_owned(),
                namespace: "n".to_owned(),
                tx_id: "t".to_owned(),
                rwset: Bytes::from_static(b"x"),
                sim_height: nonce,
                collection_configs: Bytes::new(),
            };
            (Tag::ChanOnly, Content::PrivateData(data))
        }
        _ => (Tag::ChanOnly, Content::PrivateRequest(Vec::new())),
    }
}
