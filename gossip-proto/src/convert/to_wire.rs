//! Conversion to the schema's types: it cannot fail, and byte fields are shared.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::{
    Alive, Application, Branch, Chaincode, ConnEstablish, Content, GossipMessage, Hello,
    Leadership, MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime,
    PrivateData, PrivateDigest, PrivateElement, PullKind, Pulse, RawEnvelope, StateInfo, Tag, Tree,
    raw, raw::gossip_message::Content as Raw, wire,
};

impl From<&GossipMessage> for raw::GossipMessage {
    fn from(message: &GossipMessage) -> Self {
        Self {
            nonce: message.nonce,
            channel: message.channel.clone(),
            tag: tag(message.tag).into(),
            content: Some(content(&message.content)),
        }
    }
}

const fn tag(tag: Tag) -> wire::gossip_message::Tag {
    use wire::gossip_message::Tag as Wire;
    match tag {
        Tag::Undefined => Wire::Undefined,
        Tag::Empty => Wire::Empty,
        Tag::OrgOnly => Wire::OrgOnly,
        Tag::ChanOnly => Wire::ChanOnly,
        Tag::ChanAndOrg => Wire::ChanAndOrg,
        Tag::ChanOrOrg => Wire::ChanOrOrg,
    }
}

fn content(content: &Content) -> Raw {
    match content {
        Content::Alive(alive) => Raw::AliveMsg(alive_msg(alive)),
        Content::MembershipRequest(request) => Raw::MemReq(mem_req(request)),
        Content::MembershipResponse(response) => Raw::MemRes(mem_res(response)),
        Content::Data(data) => Raw::DataMsg(wire::DataMessage {
            payload: Some(payload(data)),
        }),
        Content::Hello(hello) => Raw::Hello(gossip_hello(hello)),
        Content::Digest(ids) => Raw::DataDig(wire::DataDigest {
            nonce: ids.nonce,
            digests: ids.ids.clone(),
            msg_type: pull_kind(ids.kind),
        }),
        Content::DataRequest(ids) => Raw::DataReq(wire::DataRequest {
            nonce: ids.nonce,
            digests: ids.ids.clone(),
            msg_type: pull_kind(ids.kind),
        }),
        Content::DataUpdate(update) => Raw::DataUpdate(raw::DataUpdate {
            nonce: update.nonce,
            data: envelopes(&update.data),
            msg_type: pull_kind(update.kind),
        }),
        Content::Empty => Raw::Empty(wire::Empty {}),
        Content::Conn(establish) => Raw::Conn(conn(establish)),
        Content::StateInfo(info) => Raw::StateInfo(state_info(info)),
        Content::StateSnapshot(elements) => Raw::StateSnapshot(raw::StateInfoSnapshot {
            elements: envelopes(elements),
        }),
        Content::StateInfoPull(request) => Raw::StateInfoPullReq(wire::StateInfoPullRequest {
            channel_mac: request.channel_mac.clone(),
            held: request.held.clone(),
        }),
        Content::StateRequest(request) => Raw::StateRequest(wire::RemoteStateRequest {
            start_seq_num: request.start,
            end_seq_num: request.end,
        }),
        Content::StateResponse(payloads) => Raw::StateResponse(wire::RemoteStateResponse {
            payloads: payloads.iter().map(payload).collect(),
        }),
        Content::Leadership(message) => Raw::LeadershipMsg(leadership(message)),
        Content::PeerIdentity(identity) => Raw::PeerIdentity(peer_identity(identity)),
        Content::Ack(error) => Raw::Ack(wire::Acknowledgement {
            error: error.clone(),
        }),
        Content::PrivateRequest(digests) => Raw::PrivateReq(wire::RemotePvtDataRequest {
            digests: digests.iter().map(private_digest).collect(),
        }),
        Content::PrivateResponse(elements) => Raw::PrivateRes(wire::RemotePvtDataResponse {
            elements: elements.iter().map(private_element).collect(),
        }),
        Content::PrivateData(data) => Raw::PrivateData(private_data(data)),
        Content::Tree(tree) => Raw::Tree(tree_msg(tree)),
        Content::Application(message) => Raw::Application(application(message)),
        Content::Pulses(list) => Raw::Pulses(wire::Pulses {
            pulses: pulses(list),
        }),
    }
}

fn application(message: &Application) -> wire::ApplicationMessage {
    wire::ApplicationMessage {
        topic: message.topic.clone(),
        data: message.data.clone(),
    }
}

fn tree_msg(tree: &Tree) -> wire::Tree {
    wire::Tree {
        ledger_height: tree.ledger_height,
        branch: branch(tree.branch).into(),
        tell_at: tree.tell_at.map_or(0, NonZeroU64::get),
        limit: tree.limit.map_or(0, NonZeroU64::get),
        offer: tree.offer.map_or(0, NonZeroU64::get),
    }
}

const fn branch(branch: Option<Branch>) -> wire::Branch {
    match branch {
        None => wire::Branch::Unchanged,
        Some(Branch::Graft) => wire::Branch::Graft,
        Some(Branch::Prune) => wire::Branch::Prune,
    }
}

fn alive_msg(alive: &Alive) -> wire::AliveMessage {
    wire::AliveMessage {
        membership: Some(wire::Member {
            endpoint: alive.endpoint.clone(),
            metadata: alive.metadata.clone(),
            pki_id: alive.pki_id.clone(),
        }),
        timestamp: time(alive.time),
        identity: alive.identity.clone().unwrap_or_default(),
        pulse_anchor: alive
            .pulse_anchor
            .map_or_else(Bytes::new, |anchor| Bytes::copy_from_slice(&anchor)),
        leaving: alive.leaving,
    }
}

fn pulses(pulses: &[Pulse]) -> Vec<wire::Pulse> {
    pulses.iter().map(pulse).collect()
}

fn pulse(pulse: &Pulse) -> wire::Pulse {
    wire::Pulse {
        pki_id: pulse.pki_id.clone(),
        seq_num: pulse.sequence,
        proof: Bytes::copy_from_slice(&pulse.proof),
    }
}

fn mem_req(request: &MembershipRequest) -> raw::MembershipRequest {
    raw::MembershipRequest {
        self_information: request.self_information.encoded().clone(),
        known: Vec::new(),
        want_identities: request.want_identities,
        held: request.held.clone(),
        pulse: request.pulse.as_ref().map(pulse),
    }
}

fn mem_res(response: &MembershipResponse) -> raw::MembershipResponse {
    raw::MembershipResponse {
        alive: envelopes(&response.alive),
        dead: envelopes(&response.dead),
        identities: response.identities.iter().map(peer_identity).collect(),
        pulses: pulses(&response.pulses),
    }
}

fn conn(conn: &ConnEstablish) -> wire::ConnEstablish {
    wire::ConnEstablish {
        pki_id: conn.pki_id.clone(),
        identity: conn.identity.clone(),
        tls_cert_hash: conn.binding.clone(),
        probe: conn.probe,
        capabilities: conn.capabilities,
        network_id: conn.network_id.clone(),
        incarnation: conn.incarnation,
    }
}

fn state_info(info: &StateInfo) -> wire::StateInfo {
    let chaincode = |chaincode: &Chaincode| wire::Chaincode {
        name: chaincode.name.clone(),
        version: chaincode.version.clone(),
        metadata: chaincode.metadata.clone(),
    };
    wire::StateInfo {
        timestamp: time(info.time),
        pki_id: info.pki_id.clone(),
        channel_mac: info.channel_mac.clone(),
        properties: info.properties.as_ref().map(|properties| wire::Properties {
            ledger_height: properties.ledger_height,
            left_channel: properties.left_channel,
            chaincodes: properties.chaincodes.iter().map(chaincode).collect(),
        }),
    }
}

fn leadership(message: &Leadership) -> wire::LeadershipMessage {
    wire::LeadershipMessage {
        pki_id: message.pki_id.clone(),
        timestamp: time(message.time),
        is_declaration: message.is_declaration,
    }
}

fn peer_identity(identity: &PeerIdentity) -> wire::PeerIdentity {
    wire::PeerIdentity {
        pki_id: identity.pki_id.clone(),
        cert: identity.cert.clone(),
        metadata: identity.metadata.clone(),
    }
}

fn private_element(element: &PrivateElement) -> wire::PvtDataElement {
    wire::PvtDataElement {
        digest: Some(private_digest(&element.digest)),
        payload: element.payload.clone(),
    }
}

fn private_digest(digest: &PrivateDigest) -> wire::PvtDataDigest {
    wire::PvtDataDigest {
        tx_id: digest.tx_id.clone(),
        namespace: digest.namespace.clone(),
        collection: digest.collection.clone(),
        block_seq: digest.block_seq,
        seq_in_block: digest.seq_in_block,
    }
}

fn private_data(data: &PrivateData) -> raw::PrivateDataMessage {
    raw::PrivateDataMessage {
        payload: Some(raw::PrivatePayload {
            collection_name: data.collection.clone(),
            namespace: data.namespace.clone(),
            tx_id: data.tx_id.clone(),
            private_rwset: data.rwset.clone(),
            private_sim_height: data.sim_height,
            collection_configs: data.collection_configs.clone(),
        }),
    }
}

fn payload(payload: &Payload) -> wire::Payload {
    wire::Payload {
        seq_num: payload.seq_num,
        data: payload.data.clone(),
        private_data: payload.private_data.clone(),
    }
}

fn envelopes(envelopes: &[RawEnvelope]) -> Vec<Bytes> {
    envelopes
        .iter()
        .map(|envelope| envelope.encoded().clone())
        .collect()
}

fn gossip_hello(hello: &Hello) -> wire::GossipHello {
    wire::GossipHello {
        nonce: hello.nonce,
        metadata: hello.metadata.clone(),
        msg_type: pull_kind(hello.kind),
    }
}

fn pull_kind(kind: PullKind) -> i32 {
    match kind {
        PullKind::Block => wire::PullMsgType::BlockMsg.into(),
        PullKind::Identity => wire::PullMsgType::IdentityMsg.into(),
    }
}

const fn time(time: PeerTime) -> Option<wire::PeerTime> {
    Some(wire::PeerTime {
        inc_num: time.incarnation,
        seq_num: time.sequence,
    })
}
