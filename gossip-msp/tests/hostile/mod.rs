//! Arbitrary input for the functions that read it first.
//!
//! Shared by the test, with seeded bytes, and the fuzz targets, with libFuzzer's.
#![allow(dead_code, reason = "each fuzz target uses its part of it")]

use std::sync::LazyLock;

use bytes::Bytes;
use gossip_driver::core::ChannelId;
use gossip_driver::core::proto::msp::SerializedIdentity;
use gossip_msp::{
    BlockContent, ChannelDefinition, Credentials, Identity, Organisation, SigningIdentity,
    X509Service,
};
use pem::{EncodeConfig, LineEnding, Pem};
use prost::Message;

const ORGANISATION: &str = "Org1MSP";
pub(crate) const AUTHORITY: &str = include_str!("../../testdata/ca.pem");
pub(crate) const PEER: &str = include_str!("../../testdata/peer.pem");
const PEER_KEY: &str = include_str!("../../testdata/peer-key.pem");
pub(crate) const ORDERER: &str = include_str!("../../testdata/orderer.pem");
pub(crate) const REVOCATION_LIST: &str = include_str!("../../testdata/list.pem");
pub(crate) const BLOCK: &[u8] = include_bytes!("../../testdata/block");

static CHANNEL: LazyLock<ChannelId> = LazyLock::new(|| ChannelId::new("mychannel"));

/// The service of a peer, with a channel whose blocks a member of the same organisation signs.
static SERVICE: LazyLock<X509Service> = LazyLock::new(|| {
    let own = SigningIdentity::from_pem(ORGANISATION, PEER, PEER_KEY).unwrap();
    let organisation = Organisation::new(ORGANISATION, AUTHORITY).unwrap();
    let service = X509Service::new(own, [organisation]).unwrap();
    let definition = ChannelDefinition::new(CHANNEL.clone())
        .with_member(ORGANISATION, [])
        .with_orderer_organisation(ORGANISATION);
    service.set_channel(&definition).unwrap();
    service
});

/// Reads `data` as an identity, as the text of its certificate, as the certificate itself, and as
/// an operator's configuration. Returns whether one of them was a member's.
///
/// # Panics
/// Bytes that are no identity, or two forms of one identity, are accepted.
pub(crate) fn identity(data: &[u8]) -> bool {
    if let Ok(text) = str::from_utf8(data) {
        let _ = Credentials::from_pem(ORGANISATION, text, PEER_KEY);
        let _ = Credentials::from_pem(ORGANISATION, PEER, text);
        configure(text);
    }
    configure(&canonical_pem(data));
    configure(&pem::encode(&Pem::new("X509 CRL", data)));
    [
        data.to_vec(),
        identity_of(data),
        identity_of(canonical_pem(data).as_bytes()),
    ]
    .iter()
    .any(|bytes| is_member(bytes))
}

/// Reads `data` as a block. Returns whether its orderer signed it.
///
/// # Panics
/// A block is accepted with another header or other transactions than its orderer signed.
pub(crate) fn block(data: &[u8]) -> bool {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(content) = BlockContent::read(bytes.clone()) {
        let _ = content.channel();
        let transactions = content.transactions().count();
        assert_eq!(content.payloads().count(), transactions);
    }
    let accepted = SERVICE.check_block(&CHANNEL, 0, &bytes).is_ok();
    if accepted {
        assert_eq!(signed_part(bytes), signed_part(Bytes::from_static(BLOCK)));
    }
    accepted
}

fn is_member(bytes: &[u8]) -> bool {
    if let Ok(identity) = Identity::read(bytes) {
        let certificate = canonical_pem(identity.certificate());
        let only_form = serialized(identity.msp_id(), certificate.as_bytes());
        assert_eq!(only_form, bytes);
    }
    let valid = SERVICE.validate(bytes).is_ok();
    if valid {
        let members = [PEER, ORDERER].map(|text| identity_of(text.as_bytes()));
        assert!(members.iter().any(|member| member == bytes));
    }
    valid
}

fn configure(text: &str) {
    let Ok(organisation) = Organisation::new(ORGANISATION, AUTHORITY) else {
        return;
    };
    let _ = Organisation::new(ORGANISATION, text);
    let _ = organisation.clone().with_intermediates(text);
    let _ = organisation.with_revocation_lists(text);
}

pub(crate) fn identity_of(text: &[u8]) -> Vec<u8> {
    serialized(ORGANISATION, text)
}

fn serialized(msp_id: &str, text: &[u8]) -> Vec<u8> {
    let identity = SerializedIdentity {
        mspid: msp_id.into(),
        id_bytes: Bytes::copy_from_slice(text),
    };
    identity.encode_to_vec()
}

fn canonical_pem(der: &[u8]) -> String {
    let config = EncodeConfig::new()
        .set_line_ending(LineEnding::LF)
        .set_line_wrap(64);
    pem::encode_config(&Pem::new("CERTIFICATE", der), config)
}

/// The hash of a block's header, and its transactions.
fn signed_part(block: Bytes) -> ([u8; 32], Vec<Bytes>) {
    let content = BlockContent::read(block).unwrap();
    let transactions = content.transactions().map(Result::unwrap).collect();
    (content.header_hash(), transactions)
}
