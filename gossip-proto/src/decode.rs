use bytes::Bytes;
use prost::Message;

use crate::{DecodeError, Limits, common, msp, protos, raw, rwset, scan, schema, wire};

/// A message of the schema that [`decode`] can check before it allocates.
pub trait Checked: Message + Default + sealed::Sealed {}

pub(crate) mod sealed {
    /// The table of the schema that a message's bytes are checked against.
    #[allow(unnameable_types, reason = "only this crate may implement it")]
    pub trait Sealed {
        #[doc(hidden)]
        #[allow(private_interfaces, reason = "the trait is sealed")]
        const SCHEMA: &'static crate::scan::Schema;
    }
}

/// Decodes a message of the schema. Whatever exceeds `limits` is refused before memory is allocated
/// for it. Byte fields are slices of `bytes`.
///
/// For gossip messages use [`SignedMessage::decode`](crate::SignedMessage::decode), which also
/// validates them; this function is for their opaque contents: blocks, identities, private data.
///
/// # Errors
/// A [`DecodeError`] names the part that is malformed or too long.
///
/// ```
/// use gossip_proto::{Limits, common::Block, decode};
///
/// let block = decode::<Block>(bytes::Bytes::new(), &Limits::default())?;
/// assert_eq!(block.header, None);
/// # Ok::<(), gossip_proto::DecodeError>(())
/// ```
pub fn decode<T: Checked>(bytes: Bytes, limits: &Limits) -> Result<T, DecodeError> {
    scan::check(T::SCHEMA, &bytes, limits)?;
    let malformed = |_| DecodeError::Malformed {
        message: T::SCHEMA.name,
        reason: "it does not decode",
    };
    T::decode(bytes).map_err(malformed)
}

macro_rules! checked {
    ($($message:ty => $schema:ident,)*) => {$(
        impl Checked for $message {}
        impl sealed::Sealed for $message {
            #[allow(private_interfaces, reason = "the trait is sealed")]
            const SCHEMA: &'static scan::Schema = &schema::$schema;
        }
    )*};
}

checked! {
    common::Block => COMMON_BLOCK,
    common::BlockData => COMMON_BLOCK_DATA,
    common::BlockHeader => COMMON_BLOCK_HEADER,
    common::BlockMetadata => COMMON_BLOCK_METADATA,
    common::ChannelHeader => COMMON_CHANNEL_HEADER,
    common::Envelope => COMMON_ENVELOPE,
    common::Header => COMMON_HEADER,
    common::LastConfig => COMMON_LAST_CONFIG,
    common::Metadata => COMMON_METADATA,
    common::MetadataSignature => COMMON_METADATA_SIGNATURE,
    common::MspPrincipal => COMMON_MSPPRINCIPAL,
    common::MspRole => COMMON_MSPROLE,
    common::OrdererBlockMetadata => COMMON_ORDERER_BLOCK_METADATA,
    common::Payload => COMMON_PAYLOAD,
    common::SignatureHeader => COMMON_SIGNATURE_HEADER,
    common::SignaturePolicyEnvelope => COMMON_SIGNATURE_POLICY_ENVELOPE,
    msp::SerializedIdentity => MSP_SERIALIZED_IDENTITY,
    protos::CollectionConfigPackage => PROTOS_COLLECTION_CONFIG_PACKAGE,
    raw::GossipMessage => GOSSIP_GOSSIP_MESSAGE,
    rwset::TxPvtReadWriteSet => RWSET_TX_PVT_READ_WRITE_SET,
    wire::Envelope => GOSSIP_ENVELOPE,
    wire::GossipMessage => GOSSIP_GOSSIP_MESSAGE,
    wire::PvtDataPayload => GOSSIP_PVT_DATA_PAYLOAD,
    wire::Secret => GOSSIP_SECRET,
}
