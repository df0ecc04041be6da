//! What the ledger looks at in a block.

use bytes::Bytes;
use gossip_driver::core::proto::block_header_hash;
use gossip_driver::core::proto::common::BlockHeader;
use prost::Message;

/// A `common.Block` of which only the header is decoded: the transactions are neither copied nor
/// listed, however many there are.
#[derive(Clone, PartialEq, Eq, Message)]
struct Outline {
    #[prost(message, tag = "1")]
    header: Option<BlockHeader>,
    #[prost(bytes = "bytes", tag = "2")]
    data: Bytes,
}

/// The links of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) number: u64,
    pub(crate) previous_hash: Bytes,
    pub(crate) header_hash: [u8; 32],
}

impl Links {
    /// Reads the links of a serialized block, or says why it is none.
    pub(crate) fn read(block: &Bytes) -> Result<Self, String> {
        let outline = Outline::decode(block.clone()).map_err(|error| error.to_string())?;
        let header = outline.header.ok_or("it has no header")?;
        if outline.data.is_empty() {
            return Err("it has no transactions".into());
        }
        Ok(Self {
            number: header.number,
            header_hash: block_header_hash(&header),
            previous_hash: header.previous_hash,
        })
    }
}
