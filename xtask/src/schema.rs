//! Writes the tables that a frame is checked against before it is decoded.

use std::fmt::Write as _;

use protox::prost_reflect::prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

use crate::Failure;

/// Fields with a limit of their own; other fields are bounded by their frame.
const SIZES: [(&str, &str); 44] = [
    ("common.ChannelHeader.channel_id", "Channel"),
    ("common.ChannelHeader.tls_cert_hash", "Hash"),
    ("common.ChannelHeader.tx_id", "Name"),
    ("common.MSPRole.msp_identifier", "Name"),
    ("gossip.Acknowledgement.error", "Text"),
    ("gossip.AliveMessage.identity", "Identity"),
    ("gossip.AliveMessage.pulse_anchor", "Hash"),
    ("gossip.ApplicationMessage.topic", "Name"),
    ("gossip.Chaincode.metadata", "Metadata"),
    ("gossip.Chaincode.name", "Name"),
    ("gossip.Chaincode.version", "Name"),
    ("gossip.ConnEstablish.identity", "Identity"),
    ("gossip.ConnEstablish.network_id", "Hash"),
    ("gossip.ConnEstablish.pki_id", "PkiId"),
    ("gossip.ConnEstablish.tls_cert_hash", "Hash"),
    ("gossip.DataDigest.digests", "PkiId"),
    ("gossip.DataRequest.digests", "PkiId"),
    ("gossip.Envelope.signature", "Signature"),
    ("gossip.GossipHello.metadata", "Metadata"),
    ("gossip.GossipMessage.channel", "Channel"),
    ("gossip.LeadershipMessage.pki_id", "PkiId"),
    ("gossip.Member.endpoint", "Endpoint"),
    ("gossip.Member.metadata", "Metadata"),
    ("gossip.Member.pki_id", "PkiId"),
    ("gossip.MembershipRequest.known", "PkiId"),
    ("gossip.PeerIdentity.cert", "Identity"),
    ("gossip.PeerIdentity.metadata", "Metadata"),
    ("gossip.PeerIdentity.pki_id", "PkiId"),
    ("gossip.PrivatePayload.collection_name", "Name"),
    ("gossip.PrivatePayload.namespace", "Name"),
    ("gossip.PrivatePayload.tx_id", "Name"),
    ("gossip.Pulse.pki_id", "PkiId"),
    ("gossip.Pulse.proof", "Hash"),
    ("gossip.PvtDataDigest.collection", "Name"),
    ("gossip.PvtDataDigest.namespace", "Name"),
    ("gossip.PvtDataDigest.tx_id", "Name"),
    ("gossip.Secret.internalEndpoint", "Endpoint"),
    ("gossip.SecretEnvelope.payload", "Metadata"),
    ("gossip.SecretEnvelope.signature", "Signature"),
    ("gossip.StateInfo.channel_MAC", "Hash"),
    ("gossip.StateInfo.pki_id", "PkiId"),
    ("gossip.StateInfoPullRequest.channel_MAC", "Hash"),
    ("msp.SerializedIdentity.id_bytes", "Identity"),
    ("msp.SerializedIdentity.mspid", "Name"),
];

/// Sub-messages that are kept as bytes and therefore cannot be merged: at most one occurrence.
const ONCE: [&str; 2] = [
    "gossip.MembershipRequest.self_information",
    "gossip.PrivatePayload.collection_configs",
];

/// Assigns counters to the counted fields: lists, and those of [`ONCE`].
#[derive(Default)]
struct Tables {
    text: String,
    counters: usize,
    sized: usize,
}

/// The Rust source of the tables for all messages in `set`.
pub(crate) fn tables(set: &FileDescriptorSet) -> Result<String, Failure> {
    let mut tables = Tables::default();
    for file in &set.file {
        for message in &file.message_type {
            tables.message(file.package(), message)?;
        }
    }
    if tables.sized != SIZES.len() {
        return Err("schema.rs: SIZES names a field that the schema does not have".into());
    }
    let head = "use crate::scan::{Count, Field, Kind, Schema, Size};\n\n";
    let count = "/// Number of counted fields.\n";
    Ok(format!(
        "{head}{count}pub(crate) const COUNTERS: usize = {};\n{}",
        tables.counters, tables.text
    ))
}

impl Tables {
    fn message(&mut self, scope: &str, message: &DescriptorProto) -> Result<(), Failure> {
        let name = format!("{scope}.{}", message.name());
        let mut fields = String::new();
        for field in &message.field {
            fields += &self.field(&name, field)?;
        }
        write!(
            self.text,
            "\npub(crate) static {}: Schema = Schema {{\n    name: \"{name}\",\n    fields: &[{}{}],\n}};\n",
            constant(&name),
            fields,
            if fields.is_empty() { "" } else { "\n    " },
        )?;
        for nested in &message.nested_type {
            self.message(&name, nested)?;
        }
        Ok(())
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "types that the schema does not use"
    )]
    fn field(&mut self, message: &str, field: &FieldDescriptorProto) -> Result<String, Failure> {
        let path = format!("{message}.{}", field.name());
        let size = SIZES
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, size)| *size);
        self.sized += usize::from(size.is_some());
        let size = size.unwrap_or("Frame");
        let repeated = field.label() == Label::Repeated;
        let kind = match field.r#type() {
            Type::Uint64 | Type::Int64 | Type::Uint32 | Type::Int32 | Type::Bool | Type::Enum
                if !repeated =>
            {
                "Kind::Varint".to_owned()
            }
            Type::String => format!("Kind::Text(Size::{size})"),
            Type::Bytes => format!("Kind::Bytes(Size::{size})"),
            Type::Message => {
                format!(
                    "Kind::Message(&{})",
                    constant(field.type_name().trim_start_matches('.'))
                )
            }
            other => return Err(format!("{path}: {other:?} is not supported").into()),
        };
        let count = if repeated {
            self.counter("List")
        } else if ONCE.contains(&path.as_str()) {
            self.counter("Once")
        } else {
            "Count::None".to_owned()
        };
        Ok(format!(
            "\n        Field {{ number: {}, name: \"{}\", kind: {kind}, count: {count} }},",
            field.number(),
            field.name()
        ))
    }

    fn counter(&mut self, kind: &str) -> String {
        self.counters += 1;
        format!("Count::{kind}({})", self.counters - 1)
    }
}

/// `gossip.GossipMessage` becomes `GOSSIP_GOSSIP_MESSAGE`.
fn constant(name: &str) -> String {
    let mut text = String::new();
    let mut previous = '_';
    for letter in name.chars() {
        if letter == '.' {
            text.push('_');
        } else {
            if letter.is_uppercase() && previous.is_lowercase() {
                text.push('_');
            }
            text.push(letter.to_ascii_uppercase());
        }
        previous = letter;
    }
    text
}
