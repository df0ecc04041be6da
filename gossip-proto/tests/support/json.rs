//! The schema's messages as the vectors write them: protobuf's JSON form with the schema's field
//! names, without default values.
#![allow(unreachable_pub, reason = "shared by a test's modules")]

use bytes::Bytes;
use gossip_proto::{common, msp, protos, rwset, wire};
use serde_json::{Map, Value};

/// The JSON form of a field's value.
pub trait Json {
    fn json(&self) -> Value;
    /// Whether the JSON form omits the field.
    fn is_default(&self) -> bool;
}

macro_rules! scalar {
    ($($type:ty: $value:ident => $json:expr;)*) => {$(
        impl Json for $type {
            fn json(&self) -> Value {
                let $value = self;
                Value::from($json)
            }
            fn is_default(&self) -> bool {
                *self == Self::default()
            }
        }
    )*};
}

scalar! {
    u64: value => value.to_string();
    i32: value => *value;
    bool: value => *value;
    String: value => value.as_str();
    Bytes: value => base64(value);
}

impl<T: Json> Json for Vec<T> {
    fn json(&self) -> Value {
        self.iter().map(Json::json).collect()
    }
    fn is_default(&self) -> bool {
        self.is_empty()
    }
}

impl<T: Json> Json for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Json::json)
    }
    fn is_default(&self) -> bool {
        self.is_none()
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

/// Fields by name; `field as Enum` for enumerations, `..oneof` for a choice.
macro_rules! messages {
    ($($type:path { $($field:ident $(= $name:literal)? $(as $enum:path)?),* } $(.. $oneof:ident $choice:path { $($variant:ident $key:literal),* })?;)*) => {$(
        impl Json for $type {
            fn json(&self) -> Value {
                #[allow(unused_mut, reason = "a message without fields")]
                let mut map = Map::new();
                let Self { $($field,)* $($oneof,)? } = self;
                $(if !$field.is_default() {
                    let name = messages!(@name $field $($name)?);
                    map.insert(name.to_owned(), messages!(@value $field $($enum)?));
                })*
                $(
                    type Choice = $choice;
                    match $oneof {
                        None => {}
                        $(Some(Choice::$variant(body)) => {
                            map.insert($key.to_owned(), body.json());
                        })*
                    }
                )?
                Value::Object(map)
            }
            fn is_default(&self) -> bool {
                false
            }
        }
    )*};
    (@name $field:ident) => { stringify!($field).trim_start_matches("r#") };
    (@name $field:ident $name:literal) => { $name };
    (@value $field:ident) => { $field.json() };
    (@value $field:ident $enum:path) => {
        Value::from(<$enum>::try_from(*$field).unwrap().as_str_name())
    };
}

use gossip_proto::{
    common::signature_policy, protos::application_policy, protos::collection_config,
    protos::collection_policy_config, wire::gossip_message::Content as GossipContent,
};

messages! {
    wire::Envelope { payload, signature, secret_envelope };
    wire::SecretEnvelope { payload, signature };
    wire::Secret {} .. content wire::secret::Content { InternalEndpoint "internalEndpoint" };
    wire::GossipMessage { nonce, channel, tag as wire::gossip_message::Tag } .. content GossipContent {
        AliveMsg "alive_msg", MemReq "mem_req", MemRes "mem_res", DataMsg "data_msg",
        Hello "hello", DataDig "data_dig", DataReq "data_req", DataUpdate "data_update",
        Empty "empty", Conn "conn", StateInfo "state_info", StateSnapshot "state_snapshot",
        StateInfoPullReq "state_info_pull_req", StateRequest "state_request",
        StateResponse "state_response", LeadershipMsg "leadership_msg",
        PeerIdentity "peer_identity", Ack "ack", PrivateReq "privateReq",
        PrivateRes "privateRes", PrivateData "private_data", Pulses "pulses", Tree "tree",
        Application "application"
    };
    wire::StateInfo { timestamp, pki_id, channel_mac = "channel_MAC", properties };
    wire::Properties { ledger_height, left_channel, chaincodes };
    wire::StateInfoSnapshot { elements };
    wire::StateInfoPullRequest { channel_mac = "channel_MAC", held };
    wire::ConnEstablish { pki_id, identity, tls_cert_hash, probe, capabilities, network_id, incarnation };
    wire::PeerIdentity { pki_id, cert, metadata };
    wire::GossipHello { nonce, metadata, msg_type as wire::PullMsgType };
    wire::DataDigest { nonce, digests, msg_type as wire::PullMsgType };
    wire::DataRequest { nonce, digests, msg_type as wire::PullMsgType };
    wire::DataUpdate { nonce, data, msg_type as wire::PullMsgType };
    wire::DataMessage { payload };
    wire::Payload { seq_num, data, private_data };
    wire::PrivateDataMessage { payload };
    wire::PrivatePayload { collection_name, namespace, tx_id, private_rwset, private_sim_height, collection_configs };
    wire::AliveMessage { membership, timestamp, identity, pulse_anchor, leaving };
    wire::Pulses { pulses };
    wire::ApplicationMessage { topic, data };
    wire::Tree { ledger_height, branch as wire::Branch, tell_at, limit, offer };
    wire::Pulse { pki_id, seq_num, proof };
    wire::LeadershipMessage { pki_id, timestamp, is_declaration };
    wire::PeerTime { inc_num, seq_num };
    wire::MembershipRequest { self_information, known, want_identities, held, pulse };
    wire::MembershipResponse { alive, dead, identities, pulses };
    wire::Member { endpoint, metadata, pki_id };
    wire::Empty {};
    wire::RemoteStateRequest { start_seq_num, end_seq_num };
    wire::RemoteStateResponse { payloads };
    wire::RemotePvtDataRequest { digests };
    wire::PvtDataDigest { tx_id, namespace, collection, block_seq, seq_in_block };
    wire::RemotePvtDataResponse { elements };
    wire::PvtDataElement { digest, payload };
    wire::PvtDataPayload { tx_seq_in_block, payload };
    wire::Acknowledgement { error };
    wire::Chaincode { name, version, metadata };
    protos::CollectionConfigPackage { config };
    protos::CollectionConfig {} .. payload collection_config::Payload {
        StaticCollectionConfig "static_collection_config"
    };
    protos::StaticCollectionConfig {
        name, member_orgs_policy, required_peer_count, maximum_peer_count, block_to_live,
        member_only_read, member_only_write, endorsement_policy
    };
    protos::CollectionPolicyConfig {} .. payload collection_policy_config::Payload {
        SignaturePolicy "signature_policy"
    };
    protos::ApplicationPolicy {} .. r#type application_policy::Type {
        SignaturePolicy "signature_policy",
        ChannelConfigPolicyReference "channel_config_policy_reference"
    };
    common::SignaturePolicyEnvelope { version, rule, identities };
    common::SignaturePolicy {} .. r#type signature_policy::Type {
        SignedBy "signed_by", NOutOf "n_out_of"
    };
    signature_policy::NOutOf { n, rules };
    common::MspPrincipal { principal_classification as common::msp_principal::Classification, principal };
    common::Block { header, data, metadata };
    common::BlockHeader { number, previous_hash, data_hash };
    common::BlockData { data };
    common::BlockMetadata { metadata };
    rwset::TxPvtReadWriteSet { data_model as rwset::tx_pvt_read_write_set::DataModel, ns_pvt_rwset };
    rwset::NsPvtReadWriteSet { namespace, collection_pvt_rwset };
    rwset::CollectionPvtReadWriteSet { collection_name, rwset };
    msp::SerializedIdentity { mspid, id_bytes };
}
