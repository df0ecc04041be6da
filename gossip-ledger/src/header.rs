//! The header of a block, as far as the ledger needs it.

use bytes::Bytes;
use gossip_driver::core::proto::block_header_hash;
use gossip_driver::core::proto::common::BlockHeader;
use prost::Message;

/// A `common.Block` of which only the header is decoded: transactions are neither copied nor
/// listed.
#[derive(Clone, PartialEq, Eq, Message)]
struct HeaderOnly {
    #[prost(message, tag = "1")]
    header: Option<BlockHeader>,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
}

/// Number and hashes of a block's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) number: u64,
    pub(crate) previous_hash: Bytes,
    pub(crate) header_hash: [u8; 32],
}

impl Links {
    /// Reads the header of a serialized block; an error says what is wrong.
    pub(crate) fn read(block: &Bytes) -> Result<Self, String> {
        let decoded = HeaderOnly::decode(block.clone()).map_err(|error| error.to_string())?;
        let header = decoded.header.ok_or("it has no header")?;
        if decoded.data.is_empty() {
            return Err("it has no transactions".into());
        }
        Ok(Self {
            number: header.number,
            header_hash: block_header_hash(&header),
            previous_hash: header.previous_hash,
        })
    }
}
