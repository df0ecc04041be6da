//! Frames of remote peers. The crypto service of this workload accepts all signatures.

use bytes::Bytes;
use gossip_core::proto::{
    Alive, Branch, ConnEstablish, Content, GossipMessage, Payload, PeerTime, Properties,
    SignedMessage, StateInfo, Tag, Tree, UnsignedMessage, channel_mac,
};

pub(super) const CHANNEL: &str = "bench";
const SIGNATURE: [u8; 70] = [7; 70];
/// The capabilities of our peers beyond the original protocol.
const CAPABILITIES: u64 = 0b1111;

/// The PKI-ID of peer number `index`: 32 bytes that differ in the first ones, like hashes.
pub(super) fn pki_id(index: usize) -> Bytes {
    let mut id = [0; 32];
    let mixed = (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    id[24..].copy_from_slice(&(index as u64).to_be_bytes());
    Bytes::copy_from_slice(&id)
}

pub(super) fn identity(index: usize) -> Bytes {
    let mut identity = vec![9; 800];
    identity[..32].copy_from_slice(&pki_id(index));
    identity.into()
}

pub(super) fn conn(index: usize, binding: Bytes) -> SignedMessage {
    signed(
        Bytes::new(),
        Tag::Empty,
        Content::Conn(ConnEstablish {
            pki_id: pki_id(index),
            identity: identity(index),
            binding,
            probe: false,
            capabilities: CAPABILITIES,
            network_id: Bytes::new(),
            incarnation: 1,
        }),
    )
}

pub(super) fn alive(index: usize, sequence: u64) -> Bytes {
    let alive = Alive {
        pki_id: pki_id(index),
        endpoint: format!("10.0.{}.{}:7051", index >> 8, index & 255),
        metadata: Bytes::new(),
        time: PeerTime {
            incarnation: 1,
            sequence,
        },
        identity: None,
        pulse_anchor: None,
        leaving: false,
    };
    signed(Bytes::new(), Tag::Empty, Content::Alive(alive))
        .encoded()
        .clone()
}

/// A heartbeat with the identity, as a peer sends it after its start.
pub(super) fn first_alive(index: usize) -> SignedMessage {
    let alive = Alive {
        pki_id: pki_id(index),
        endpoint: format!("10.0.{}.{}:7051", index >> 8, index & 255),
        metadata: Bytes::new(),
        time: PeerTime {
            incarnation: 1,
            sequence: 1,
        },
        identity: Some(identity(index)),
        pulse_anchor: None,
        leaving: false,
    };
    signed(Bytes::new(), Tag::Empty, Content::Alive(alive))
}

pub(super) fn state_info(index: usize) -> SignedMessage {
    let info = StateInfo {
        pki_id: pki_id(index),
        time: PeerTime {
            incarnation: 1,
            sequence: 1,
        },
        channel_mac: Bytes::copy_from_slice(&channel_mac(&pki_id(index), CHANNEL.as_bytes())),
        properties: Some(Properties::default()),
    };
    signed(Bytes::new(), Tag::ChanOrOrg, Content::StateInfo(info))
}

/// A request of a neighbour in the channel's tree.
pub(super) fn tree(branch: Branch) -> SignedMessage {
    let tree = Tree {
        branch: Some(branch),
        ..Tree::default()
    };
    SignedMessage::unsigned(GossipMessage {
        nonce: 0,
        channel: Bytes::from_static(CHANNEL.as_bytes()),
        tag: Tag::ChanAndOrg,
        content: Content::Tree(tree),
    })
}

pub(super) fn block(number: u64, size: usize) -> Bytes {
    let message = GossipMessage {
        nonce: 0,
        channel: Bytes::from_static(CHANNEL.as_bytes()),
        tag: Tag::ChanAndOrg,
        content: Content::Data(Payload {
            seq_num: number,
            data: vec![5; size].into(),
            private_data: Vec::new(),
        }),
    };
    SignedMessage::unsigned(message).encoded().clone()
}

fn signed(channel: Bytes, tag: Tag, content: Content) -> SignedMessage {
    let message = GossipMessage {
        nonce: 0,
        channel,
        tag,
        content,
    };
    UnsignedMessage::new(message, None).sign(Bytes::from_static(&SIGNATURE), None)
}
