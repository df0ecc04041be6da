//! Messages of every kind, with small and with extreme values.

use bytes::Bytes;
use gossip_core::proto::{
    Alive, Branch, ConnEstablish, Content, DataUpdate, GossipMessage, Hello, Leadership, Limits,
    MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData,
    Properties, PullIds, PullKind, Pulse, RawEnvelope, SignedMessage, StateInfo, StateInfoPull,
    StateRequest, Tag, Tree, UnsignedMessage, channel_mac,
};

use super::feed::Feed;

pub(super) fn conn(name: &[u8], binding: &Bytes, feed: &mut Feed<'_>) -> SignedMessage {
    let conn = ConnEstablish {
        pki_id: Bytes::copy_from_slice(name),
        identity: Bytes::copy_from_slice(name),
        binding: binding.clone(),
        probe: feed.below(16) == 1,
        capabilities: if feed.flag() { u64::MAX } else { 0 },
        network_id: Bytes::new(),
        incarnation: u64::from(feed.below(3)),
    };
    signed(Tag::Empty, 0, b"", Content::Conn(conn), None)
}

/// Any message at all.
pub(super) fn any(feed: &mut Feed<'_>) -> SignedMessage {
    let (tag, content) = match feed.below(24) {
        0..=3 => return alive(feed),
        4..=5 => (Tag::Empty, membership_request(feed)),
        6..=7 => (Tag::Empty, membership_response(feed)),
        8..=9 => (Tag::ChanAndOrg, Content::Data(payload(feed))),
        10..=11 => return state_info(feed),
        12 => {
            let request = StateInfoPull {
                channel_mac: mac(feed),
                held: Bytes::from(vec![feed.byte(); usize::from(feed.below(40))]),
            };
            (Tag::ChanOrOrg, Content::StateInfoPull(request))
        }
        13 => {
            let elements = (0..feed.below(8)).map(|_| state_info(feed).envelope().clone());
            (Tag::ChanOrOrg, Content::StateSnapshot(elements.collect()))
        }
        14..=15 => {
            let (start, end) = (feed.number(), feed.number());
            (
                Tag::ChanOrOrg,
                Content::StateRequest(StateRequest { start, end }),
            )
        }
        16 => {
            let payloads = (0..feed.below(12)).map(|_| payload(feed)).collect();
            (Tag::ChanOrOrg, Content::StateResponse(payloads))
        }
        17 => {
            let name = [feed.below(9)];
            return conn(&name, &Bytes::from_static(b"binding 1"), feed);
        }
        18..=19 => {
            let pulses = (0..feed.below(6)).map(|_| pulse(feed)).collect();
            (Tag::Empty, Content::Pulses(pulses))
        }
        20..=21 => {
            let tree = Tree {
                ledger_height: feed.number(),
                branch: [None, Some(Branch::Graft), Some(Branch::Prune)]
                    [usize::from(feed.below(3))],
                tell_at: feed.number().try_into().ok(),
                limit: feed.number().try_into().ok(),
                offer: feed.number().try_into().ok(),
            };
            (Tag::ChanAndOrg, Content::Tree(tree))
        }
        _ => other(feed),
    };
    let nonce = feed.number();
    let channel: &[u8] = [&b"c"[..], b"c", b"d", b"\xff"][usize::from(feed.below(4))];
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

fn name(feed: &mut Feed<'_>) -> Bytes {
    Bytes::copy_from_slice(&[feed.below(12)])
}

fn time(feed: &mut Feed<'_>) -> PeerTime {
    PeerTime {
        incarnation: feed.number(),
        sequence: feed.number(),
    }
}

fn alive(feed: &mut Feed<'_>) -> SignedMessage {
    let pki_id = name(feed);
    let alive = Alive {
        identity: feed.flag().then(|| pki_id.clone()),
        pki_id,
        endpoint: ["", "1.example:1", "::", "x"][usize::from(feed.below(4))].to_owned(),
        metadata: Bytes::from(vec![0; usize::from(feed.below(3))]),
        time: time(feed),
        pulse_anchor: feed.flag().then(|| [feed.below(2); 32]),
        leaving: feed.below(8) == 0,
    };
    let secret = feed.flag().then_some("1.lan:1");
    let nonce = feed.number();
    if feed.below(16) == 1 {
        return SignedMessage::unsigned(message(Tag::Empty, nonce, b"", Content::Alive(alive)));
    }
    signed(Tag::Empty, nonce, b"", Content::Alive(alive), secret)
}

fn element(feed: &mut Feed<'_>) -> RawEnvelope {
    match feed.below(8) {
        0 => RawEnvelope::parse(Bytes::from_static(b"\x0a\x01\xff"), &Limits::default())
            .expect("an envelope of garbage"),
        1 => state_info(feed).envelope().clone(),
        _ => alive(feed).envelope().clone(),
    }
}

fn pulse(feed: &mut Feed<'_>) -> Pulse {
    Pulse {
        pki_id: name(feed),
        sequence: feed.number(),
        proof: [feed.below(2); 32],
    }
}

fn membership_request(feed: &mut Feed<'_>) -> Content {
    Content::MembershipRequest(MembershipRequest {
        self_information: element(feed),
        want_identities: feed.flag(),
        held: Bytes::from(vec![feed.byte(); usize::from(feed.below(40))]),
        pulse: feed.flag().then(|| pulse(feed)),
    })
}

fn membership_response(feed: &mut Feed<'_>) -> Content {
    let identity = |feed: &mut Feed<'_>| PeerIdentity {
        pki_id: name(feed),
        cert: name(feed),
        metadata: Bytes::new(),
    };
    Content::MembershipResponse(MembershipResponse {
        alive: (0..feed.below(10)).map(|_| element(feed)).collect(),
        dead: (0..feed.below(6)).map(|_| element(feed)).collect(),
        identities: (0..feed.below(4)).map(|_| identity(feed)).collect(),
        pulses: (0..feed.below(4)).map(|_| pulse(feed)).collect(),
    })
}

pub(super) fn payload(feed: &mut Feed<'_>) -> Payload {
    Payload {
        seq_num: feed.number(),
        data: Bytes::from(vec![7; usize::from(feed.below(4))]),
        private_data: vec![Bytes::from_static(b"p"); usize::from(feed.below(2))],
    }
}

fn mac(feed: &mut Feed<'_>) -> Bytes {
    let name = name(feed);
    Bytes::copy_from_slice(&channel_mac(&name, b"c"))
}

fn state_info(feed: &mut Feed<'_>) -> SignedMessage {
    let pki_id = name(feed);
    let channel: &[u8] = [&b"c"[..], b"c", b"d"][usize::from(feed.below(3))];
    let properties = Properties {
        ledger_height: feed.number(),
        left_channel: feed.below(8) == 1,
        chaincodes: Vec::new(),
    };
    let info = StateInfo {
        channel_mac: Bytes::copy_from_slice(&channel_mac(&pki_id, channel)),
        pki_id,
        time: time(feed),
        properties: (feed.below(8) > 0).then_some(properties),
    };
    signed(Tag::ChanOrOrg, 0, b"", Content::StateInfo(info), None)
}

/// Kinds that belong to protocols which the node does not speak.
fn other(feed: &mut Feed<'_>) -> (Tag, Content) {
    let kind = [PullKind::Block, PullKind::Identity][usize::from(feed.below(2))];
    let nonce = feed.number();
    let ids = |feed: &mut Feed<'_>| PullIds {
        nonce,
        ids: vec![Bytes::from_static(b"id"); usize::from(feed.below(4))],
        kind,
    };
    match feed.below(9) {
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
        3 => (Tag::Empty, Content::Digest(ids(feed))),
        4 => (Tag::Empty, Content::DataRequest(ids(feed))),
        5 => {
            let data = vec![element(feed)];
            (
                Tag::Empty,
                Content::DataUpdate(DataUpdate { nonce, data, kind }),
            )
        }
        6 => {
            let leadership = Leadership {
                pki_id: name(feed),
                time: time(feed),
                is_declaration: feed.flag(),
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
