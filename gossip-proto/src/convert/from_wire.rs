//! Validation: a message without a part that the protocol needs is refused.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::{
    Alive, Application, Branch, Chaincode, ConnEstablish, Content, DataUpdate, DecodeError,
    GossipMessage, Hello, Leadership, MembershipRequest, MembershipResponse, Payload, PeerIdentity,
    PeerTime, PrivateData, PrivateDigest, PrivateElement, Properties, PullIds, PullKind, Pulse,
    RawEnvelope, StateInfo, StateInfoPull, StateRequest, Tag, Tree, raw,
    raw::gossip_message::Content as Raw, wire,
};

impl TryFrom<raw::GossipMessage> for GossipMessage {
    type Error = DecodeError;

    fn try_from(raw: raw::GossipMessage) -> Result<Self, DecodeError> {
        Ok(Self {
            nonce: raw.nonce,
            channel: raw.channel,
            tag: tag(raw.tag)?,
            content: content(raw.content.ok_or(DecodeError::NoContent)?)?,
        })
    }
}

fn tag(value: i32) -> Result<Tag, DecodeError> {
    use wire::gossip_message::Tag as Wire;
    let unknown = |_| DecodeError::UnknownEnum {
        message: "gossip.GossipMessage",
        field: "tag",
        value,
    };
    Ok(match Wire::try_from(value).map_err(unknown)? {
        Wire::Undefined => Tag::Undefined,
        Wire::Empty => Tag::Empty,
        Wire::OrgOnly => Tag::OrgOnly,
        Wire::ChanOnly => Tag::ChanOnly,
        Wire::ChanAndOrg => Tag::ChanAndOrg,
        Wire::ChanOrOrg => Tag::ChanOrOrg,
    })
}

fn content(raw: Raw) -> Result<Content, DecodeError> {
    Ok(match raw {
        Raw::AliveMsg(raw) => Content::Alive(alive(raw)?),
        Raw::MemReq(raw) => Content::MembershipRequest(membership_request(raw)?),
        Raw::MemRes(raw) => Content::MembershipResponse(membership_response(raw)?),
        Raw::DataMsg(raw) => Content::Data(payload(needed(
            raw.payload,
            "gossip.DataMessage",
            "payload",
        )?)),
        Raw::Hello(raw) => Content::Hello(hello(raw)?),
        Raw::DataDig(raw) => Content::Digest(PullIds {
            nonce: raw.nonce,
            ids: raw.digests,
            kind: pull_kind(raw.msg_type, "gossip.DataDigest")?,
        }),
        Raw::DataReq(raw) => Content::DataRequest(PullIds {
            nonce: raw.nonce,
            ids: raw.digests,
            kind: pull_kind(raw.msg_type, "gossip.DataRequest")?,
        }),
        Raw::DataUpdate(raw) => Content::DataUpdate(DataUpdate {
            nonce: raw.nonce,
            data: envelopes(raw.data)?,
            kind: pull_kind(raw.msg_type, "gossip.DataUpdate")?,
        }),
        Raw::Empty(wire::Empty {}) => Content::Empty,
        Raw::Conn(raw) => Content::Conn(conn(raw)?),
        Raw::StateInfo(raw) => Content::StateInfo(state_info(raw)?),
        Raw::StateSnapshot(raw) => Content::StateSnapshot(envelopes(raw.elements)?),
        Raw::StateInfoPullReq(raw) => Content::StateInfoPull(StateInfoPull {
            channel_mac: raw.channel_mac,
            held: raw.held,
        }),
        Raw::StateRequest(raw) => Content::StateRequest(StateRequest {
            start: raw.start_seq_num,
            end: raw.end_seq_num,
        }),
        Raw::StateResponse(raw) => {
            Content::StateResponse(raw.payloads.into_iter().map(payload).collect())
        }
        Raw::LeadershipMsg(raw) => Content::Leadership(leadership(raw)?),
        Raw::PeerIdentity(raw) => Content::PeerIdentity(peer_identity(raw)?),
        Raw::Ack(raw) => Content::Ack(raw.error),
        Raw::PrivateReq(raw) => {
            Content::PrivateRequest(raw.digests.into_iter().map(private_digest).collect())
        }
        Raw::PrivateRes(raw) => Content::PrivateResponse(
            raw.elements
                .into_iter()
                .map(private_element)
                .collect::<Result<_, _>>()?,
        ),
        Raw::PrivateData(raw) => Content::PrivateData(private_data(raw)?),
        Raw::Pulses(raw) => Content::Pulses(pulses(raw.pulses)?),
        Raw::Tree(raw) => Content::Tree(tree(raw)?),
        Raw::Application(raw) => {
            let (topic, data) = (raw.topic, raw.data);
            Content::Application(Application { topic, data })
        }
    })
}

fn alive(raw: wire::AliveMessage) -> Result<Alive, DecodeError> {
    const MESSAGE: &str = "gossip.AliveMessage";
    let member = needed(raw.membership, MESSAGE, "membership")?;
    Ok(Alive {
        pki_id: present(member.pki_id, "gossip.Member", "pki_id")?,
        endpoint: member.endpoint,
        metadata: member.metadata,
        time: time(raw.timestamp, MESSAGE)?,
        identity: Some(raw.identity).filter(|identity| !identity.is_empty()),
        pulse_anchor: match raw.pulse_anchor {
            anchor if anchor.is_empty() => None,
            anchor => Some(chain_link(&anchor, MESSAGE, "pulse_anchor")?),
        },
        leaving: raw.leaving,
    })
}

fn membership_request(raw: raw::MembershipRequest) -> Result<MembershipRequest, DecodeError> {
    const MESSAGE: &str = "gossip.MembershipRequest";
    let self_information = present(raw.self_information, MESSAGE, "self_information")?;
    Ok(MembershipRequest {
        self_information: RawEnvelope::slice(self_information)?,
        want_identities: raw.want_identities,
        held: raw.held,
        pulse: raw.pulse.map(pulse).transpose()?,
    })
}

fn membership_response(raw: raw::MembershipResponse) -> Result<MembershipResponse, DecodeError> {
    let identities = raw.identities.into_iter().map(peer_identity);
    Ok(MembershipResponse {
        alive: envelopes(raw.alive)?,
        dead: envelopes(raw.dead)?,
        identities: identities.collect::<Result<_, _>>()?,
        pulses: pulses(raw.pulses)?,
    })
}

fn hello(raw: wire::GossipHello) -> Result<Hello, DecodeError> {
    Ok(Hello {
        nonce: raw.nonce,
        metadata: raw.metadata,
        kind: pull_kind(raw.msg_type, "gossip.GossipHello")?,
    })
}

fn tree(raw: wire::Tree) -> Result<Tree, DecodeError> {
    Ok(Tree {
        ledger_height: raw.ledger_height,
        branch: branch(raw.branch)?,
        tell_at: NonZeroU64::new(raw.tell_at),
        limit: NonZeroU64::new(raw.limit),
        offer: NonZeroU64::new(raw.offer),
    })
}

fn pulses(raw: Vec<wire::Pulse>) -> Result<Vec<Pulse>, DecodeError> {
    raw.into_iter().map(pulse).collect()
}

fn pulse(raw: wire::Pulse) -> Result<Pulse, DecodeError> {
    const MESSAGE: &str = "gossip.Pulse";
    Ok(Pulse {
        pki_id: present(raw.pki_id, MESSAGE, "pki_id")?,
        sequence: raw.seq_num,
        proof: chain_link(&raw.proof, MESSAGE, "proof")?,
    })
}

fn chain_link(
    bytes: &[u8],
    message: &'static str,
    field: &'static str,
) -> Result<[u8; 32], DecodeError> {
    bytes.try_into().map_err(|_| DecodeError::WrongLength {
        message,
        field,
        actual: bytes.len(),
        expected: 32,
    })
}

fn conn(raw: wire::ConnEstablish) -> Result<ConnEstablish, DecodeError> {
    const MESSAGE: &str = "gossip.ConnEstablish";
    Ok(ConnEstablish {
        pki_id: present(raw.pki_id, MESSAGE, "pki_id")?,
        identity: present(raw.identity, MESSAGE, "identity")?,
        binding: raw.tls_cert_hash,
        probe: raw.probe,
        capabilities: raw.capabilities,
        network_id: raw.network_id,
        incarnation: raw.incarnation,
    })
}

fn state_info(raw: wire::StateInfo) -> Result<StateInfo, DecodeError> {
    const MESSAGE: &str = "gossip.StateInfo";
    let chaincode = |raw: wire::Chaincode| Chaincode {
        name: raw.name,
        version: raw.version,
        metadata: raw.metadata,
    };
    Ok(StateInfo {
        pki_id: present(raw.pki_id, MESSAGE, "pki_id")?,
        time: time(raw.timestamp, MESSAGE)?,
        channel_mac: raw.channel_mac,
        properties: raw.properties.map(|raw| Properties {
            ledger_height: raw.ledger_height,
            left_channel: raw.left_channel,
            chaincodes: raw.chaincodes.into_iter().map(chaincode).collect(),
        }),
    })
}

fn leadership(raw: wire::LeadershipMessage) -> Result<Leadership, DecodeError> {
    const MESSAGE: &str = "gossip.LeadershipMessage";
    Ok(Leadership {
        pki_id: present(raw.pki_id, MESSAGE, "pki_id")?,
        time: time(raw.timestamp, MESSAGE)?,
        is_declaration: raw.is_declaration,
    })
}

fn peer_identity(raw: wire::PeerIdentity) -> Result<PeerIdentity, DecodeError> {
    const MESSAGE: &str = "gossip.PeerIdentity";
    Ok(PeerIdentity {
        pki_id: present(raw.pki_id, MESSAGE, "pki_id")?,
        cert: present(raw.cert, MESSAGE, "cert")?,
        metadata: raw.metadata,
    })
}

fn private_element(raw: wire::PvtDataElement) -> Result<PrivateElement, DecodeError> {
    let digest = needed(raw.digest, "gossip.PvtDataElement", "digest")?;
    Ok(PrivateElement {
        digest: private_digest(digest),
        payload: raw.payload,
    })
}

fn private_digest(raw: wire::PvtDataDigest) -> PrivateDigest {
    PrivateDigest {
        tx_id: raw.tx_id,
        namespace: raw.namespace,
        collection: raw.collection,
        block_seq: raw.block_seq,
        seq_in_block: raw.seq_in_block,
    }
}

fn private_data(raw: raw::PrivateDataMessage) -> Result<PrivateData, DecodeError> {
    let raw = needed(raw.payload, "gossip.PrivateDataMessage", "payload")?;
    Ok(PrivateData {
        collection: raw.collection_name,
        namespace: raw.namespace,
        tx_id: raw.tx_id,
        rwset: present(raw.private_rwset, "gossip.PrivatePayload", "private_rwset")?,
        sim_height: raw.private_sim_height,
        collection_configs: raw.collection_configs,
    })
}

fn payload(raw: wire::Payload) -> Payload {
    Payload {
        seq_num: raw.seq_num,
        data: raw.data,
        private_data: raw.private_data,
    }
}

fn envelopes(raw: Vec<Bytes>) -> Result<Vec<RawEnvelope>, DecodeError> {
    raw.into_iter().map(RawEnvelope::slice).collect()
}

fn branch(value: i32) -> Result<Option<Branch>, DecodeError> {
    match wire::Branch::try_from(value) {
        Ok(wire::Branch::Unchanged) => Ok(None),
        Ok(wire::Branch::Graft) => Ok(Some(Branch::Graft)),
        Ok(wire::Branch::Prune) => Ok(Some(Branch::Prune)),
        Err(_) => Err(DecodeError::UnknownEnum {
            message: "gossip.Tree",
            field: "branch",
            value,
        }),
    }
}

fn pull_kind(value: i32, message: &'static str) -> Result<PullKind, DecodeError> {
    match wire::PullMsgType::try_from(value) {
        Ok(wire::PullMsgType::BlockMsg) => Ok(PullKind::Block),
        Ok(wire::PullMsgType::IdentityMsg) => Ok(PullKind::Identity),
        Ok(wire::PullMsgType::Undefined) | Err(_) => Err(DecodeError::UnknownEnum {
            message,
            field: "msg_type",
            value,
        }),
    }
}

fn time(raw: Option<wire::PeerTime>, message: &'static str) -> Result<PeerTime, DecodeError> {
    let raw = needed(raw, message, "timestamp")?;
    Ok(PeerTime {
        incarnation: raw.inc_num,
        sequence: raw.seq_num,
    })
}

fn needed<T>(
    part: Option<T>,
    message: &'static str,
    field: &'static str,
) -> Result<T, DecodeError> {
    part.ok_or(DecodeError::Missing { message, field })
}

fn present(bytes: Bytes, message: &'static str, field: &'static str) -> Result<Bytes, DecodeError> {
    needed(
        Some(bytes).filter(|bytes| !bytes.is_empty()),
        message,
        field,
    )
}
