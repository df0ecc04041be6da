//! Forged messages that are well formed.

use bytes::Bytes;
use gossip_core::proto::{
    Alive, Branch, ConnEstablish, Content, DataUpdate, GossipMessage, Hello, Leadership,
    MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData,
    Properties, PullIds, PullKind, Pulse, RawEnvelope, SignedMessage, StateInfo, StateInfoPull,
    StateRequest, Tag, Tree, UnsignedMessage, channel_mac,
};
use gossip_core::{ChannelId, PeerId};

use super::stage::Stage;

/// Later than any clock of the simulator.
const LATE: PeerTime = PeerTime {
    incarnation: u64::MAX / 2,
    sequence: u64::MAX / 2,
};

/// A PKI-ID that no peer has.
pub(crate) fn invented(stage: &mut Stage) -> Bytes {
    let (a, b) = (stage.draw(u64::MAX), stage.draw(u64::MAX));
    Bytes::from(
        [
            a.to_le_bytes(),
            b.to_le_bytes(),
            a.to_be_bytes(),
            b.to_be_bytes(),
        ]
        .concat(),
    )
}

pub(crate) fn plain(nonce: u64, channel: &[u8], tag: Tag, content: Content) -> SignedMessage {
    let channel = Bytes::copy_from_slice(channel);
    SignedMessage::unsigned(GossipMessage {
        nonce,
        channel,
        tag,
        content,
    })
}

/// A message with an invalid signature.
pub(crate) fn badly_signed(tag: Tag, content: Content) -> SignedMessage {
    let message = GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag,
        content,
    };
    UnsignedMessage::new(message, None).sign(Bytes::from(vec![0x5a; 32]), None)
}

/// A message of any content, signed by mallory.
pub(crate) fn signed(stage: &mut Stage, tag: Tag, content: Content) -> SignedMessage {
    let message = GossipMessage {
        nonce: 0,
        channel: Bytes::new(),
        tag,
        content,
    };
    let unsigned = UnsignedMessage::new(message, None);
    let signature = stage.world.sign_as(stage.mallory, unsigned.payload());
    unsigned.sign(signature, None)
}

/// A heartbeat in the name of another peer.
pub(crate) fn alive(pki_id: &[u8], identity: Option<Bytes>) -> Content {
    Content::Alive(Alive {
        leaving: false,
        pki_id: Bytes::copy_from_slice(pki_id),
        endpoint: "nowhere.example:1".to_owned(),
        metadata: Bytes::new(),
        time: LATE,
        identity,
        pulse_anchor: Some([7; 32]),
    })
}

/// A farewell in the name of another peer.
pub(crate) fn farewell(pki_id: &[u8]) -> Content {
    let mut content = alive(pki_id, None);
    if let Content::Alive(alive) = &mut content {
        alive.leaving = true;
    }
    content
}

/// A state info in the name of another peer.
pub(crate) fn state_info(pki_id: &[u8], channel: &[u8], height: u64) -> Content {
    Content::StateInfo(StateInfo {
        pki_id: Bytes::copy_from_slice(pki_id),
        time: LATE,
        channel_mac: Bytes::copy_from_slice(&channel_mac(pki_id, channel)),
        properties: Some(Properties {
            ledger_height: height,
            left_channel: height == 0,
            chaincodes: Vec::new(),
        }),
    })
}

pub(crate) fn pulse(pki_id: &[u8], sequence: u64) -> Pulse {
    Pulse {
        pki_id: Bytes::copy_from_slice(pki_id),
        sequence,
        proof: [9; 32],
    }
}

pub(crate) fn payload(seq_num: u64, data: Bytes) -> Payload {
    Payload {
        seq_num,
        data,
        private_data: Vec::new(),
    }
}

pub(crate) fn ids(nonce: u64, ids: Vec<Bytes>, kind: PullKind) -> PullIds {
    PullIds { nonce, ids, kind }
}

/// A block that the orderer did not make.
pub(crate) fn false_block(stage: &Stage, channel: &ChannelId, number: u64) -> Bytes {
    let mut block = stage
        .world
        .orderer()
        .block(channel, number, b"forged")
        .to_vec();
    if let Some(last) = block.last_mut() {
        *last ^= 1;
    }
    block.into()
}

/// A message of each kind that violates the protocol: unsolicited, about other peers, with extreme numbers.
pub(crate) fn one_of_each_kind(
    stage: &mut Stage,
    about: &PeerId,
    channel: &ChannelId,
) -> Vec<SignedMessage> {
    let (name, nonce) = (about.as_bytes().to_vec(), stage.draw(u64::MAX));
    let id = Bytes::from(name.clone());
    let own = stage.world.identity(stage.mallory).bytes.clone();
    let heartbeat = badly_signed(Tag::Empty, alive(&name, Some(own.clone())));
    let info = badly_signed(
        Tag::ChanOrOrg,
        state_info(&name, channel.as_str().as_bytes(), u64::MAX),
    );
    let identity = PeerIdentity {
        pki_id: id.clone(),
        cert: own.clone(),
        metadata: Bytes::new(),
    };
    let in_channel = channel.as_str().as_bytes();
    let block = false_block(
        stage,
        channel,
        stage.world.ledger(stage.honest[0]).height(channel),
    );
    let mut all = vec![heartbeat.clone(), info.clone()];
    all.extend(of_node(nonce, &heartbeat, &identity));
    all.extend(of_channel(nonce, in_channel, &info, &block));
    all.push(signed(stage, Tag::Empty, alive(&name, None)));
    all.push(signed(stage, Tag::Empty, farewell(&name)));
    all.push(badly_signed(Tag::Empty, farewell(&name)));
    all.push(signed(
        stage,
        Tag::ChanOrOrg,
        state_info(&name, in_channel, 0),
    ));
    let leadership = Leadership {
        pki_id: id,
        time: LATE,
        is_declaration: true,
    };
    all.push(plain(
        nonce,
        in_channel,
        Tag::ChanAndOrg,
        Content::Leadership(leadership),
    ));
    all
}

fn of_node(nonce: u64, heartbeat: &SignedMessage, identity: &PeerIdentity) -> Vec<SignedMessage> {
    let element: RawEnvelope = heartbeat.envelope().clone();
    let name = identity.pki_id.clone();
    let conn = ConnEstablish {
        pki_id: name.clone(),
        identity: identity.cert.clone(),
        binding: Bytes::from_static(b"another connection"),
        probe: false,
        capabilities: u64::MAX,
        network_id: Bytes::from_static(b"sim"),
        incarnation: u64::MAX,
    };
    let request = MembershipRequest {
        self_information: element.clone(),
        want_identities: true,
        held: Bytes::from(vec![3; 800]),
        pulse: Some(pulse(&name, u64::MAX)),
    };
    let response = MembershipResponse {
        alive: vec![element.clone(); 3],
        dead: vec![element.clone(); 3],
        identities: vec![identity.clone(); 2],
        pulses: vec![pulse(&name, u64::MAX), pulse(&name, 0)],
    };
    let kind = PullKind::Identity;
    let hello = Hello {
        nonce,
        metadata: Bytes::new(),
        kind,
    };
    let update = DataUpdate {
        nonce,
        data: vec![element; 3],
        kind,
    };
    let names = vec![name.clone(); 20];
    let contents = [
        Content::Conn(conn),
        Content::MembershipRequest(request),
        Content::MembershipResponse(response),
        Content::Pulses(vec![pulse(&name, u64::MAX), pulse(&name, 1)]),
        Content::Hello(hello),
        Content::Digest(ids(nonce, names.clone(), kind)),
        Content::DataRequest(ids(nonce, names, kind)),
        Content::DataUpdate(update),
        Content::PeerIdentity(identity.clone()),
        Content::Empty,
    ];
    contents
        .into_iter()
        .map(|content| plain(nonce, b"", Tag::Empty, content))
        .collect()
}

#[allow(clippy::too_many_lines, reason = "a table: one message for each kind")]
fn of_channel(
    nonce: u64,
    channel: &[u8],
    info: &SignedMessage,
    block: &Bytes,
) -> Vec<SignedMessage> {
    let kind = PullKind::Block;
    let hello = Hello {
        nonce,
        metadata: Bytes::new(),
        kind,
    };
    let numbers: Vec<_> = (0..30).map(|n| Bytes::from(format!("{n}"))).collect();
    let update = DataUpdate {
        nonce,
        data: vec![info.envelope().clone()],
        kind,
    };
    let tree = |ledger_height, branch| {
        Content::Tree(Tree {
            ledger_height,
            branch,
            ..Tree::default()
        })
    };
    let private = PrivateData {
        collection: "c".to_owned(),
        namespace: "n".to_owned(),
        tx_id: "t".to_owned(),
        rwset: Bytes::from_static(b"x"),
        sim_height: nonce,
        collection_configs: Bytes::new(),
    };
    let request = |start, end| Content::StateRequest(StateRequest { start, end });
    let contents = [
        (Tag::ChanAndOrg, Content::Data(payload(0, block.clone()))),
        (
            Tag::ChanAndOrg,
            Content::Data(payload(u64::MAX, block.clone())),
        ),
        (Tag::ChanAndOrg, Content::Hello(hello)),
        (
            Tag::ChanAndOrg,
            Content::Digest(ids(nonce, numbers.clone(), kind)),
        ),
        (
            Tag::ChanAndOrg,
            Content::DataRequest(ids(nonce, numbers, kind)),
        ),
        (Tag::ChanAndOrg, Content::DataUpdate(update)),
        (
            Tag::ChanOrOrg,
            Content::StateSnapshot(vec![info.envelope().clone(); 5]),
        ),
        (
            Tag::ChanOrOrg,
            Content::StateInfoPull(StateInfoPull {
                channel_mac: Bytes::from(vec![1; 32]),
                held: Bytes::from(vec![7; 20]),
            }),
        ),
        (Tag::ChanOrOrg, request(0, u64::MAX)),
        (Tag::ChanOrOrg, request(u64::MAX, 0)),
        (
            Tag::ChanOrOrg,
            Content::StateResponse(vec![payload(5, block.clone()); 4]),
        ),
        (Tag::ChanAndOrg, tree(u64::MAX, Some(Branch::Graft))),
        (Tag::ChanAndOrg, tree(0, Some(Branch::Prune))),
        (Tag::ChanOnly, Content::PrivateData(private)),
        (Tag::ChanOnly, Content::PrivateRequest(Vec::new())),
        (Tag::ChanOnly, Content::PrivateResponse(Vec::new())),
    ];
    contents
        .into_iter()
        .map(|(tag, content)| plain(nonce, channel, tag, content))
        .collect()
}
