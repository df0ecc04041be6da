//! A serialized block, read in place.

use bytes::Bytes;
use gossip_driver::core::proto::common::BlockHeader;
use gossip_driver::core::proto::{block_header_der, block_header_hash};

use crate::BlockError;
use crate::wire::{Field, Fields, NotProtobuf, StrictFields, last_bytes, last_nested_bytes};

/// The parts of a serialized block.
///
/// Only the canonical encoding is accepted: known fields, each once, in order, as short as
/// possible. Signatures do not cover the encoding: with a looser rule each relay could store
/// different, and longer, bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockView<'a> {
    pub(crate) header: HeaderView<'a>,
    /// The serialized `BlockData`.
    pub(crate) data: &'a [u8],
    /// The serialized `BlockMetadata`.
    pub(crate) metadata: &'a [u8],
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderView<'a> {
    pub(crate) number: u64,
    pub(crate) previous_hash: &'a [u8],
    pub(crate) data_hash: &'a [u8],
}

/// Longest hash in a header; Fabric's are SHA-256.
const MAX_HASH_BYTES: usize = 64;

impl<'a> BlockView<'a> {
    pub(crate) fn read(block: &'a [u8]) -> Result<Self, BlockError> {
        let not_block = |NotProtobuf| BlockError::Undecodable("its outermost fields");
        let mut fields = StrictFields::new(block).map_err(not_block)?;
        let header = fields.bytes(1).map_err(not_block)?;
        let data = fields.bytes(2).map_err(not_block)?.unwrap_or_default();
        let metadata = fields.bytes(3).map_err(not_block)?.unwrap_or_default();
        fields.end().map_err(not_block)?;
        let header = HeaderView::read(header.ok_or(BlockError::NoHeader)?)
            .map_err(|NotProtobuf| BlockError::Undecodable("its header"))?;
        Ok(Self {
            header,
            data,
            metadata,
        })
    }

    pub(crate) fn transactions(
        self,
    ) -> impl Iterator<Item = Result<&'a [u8], BlockError>> + use<'a> {
        entries(self.data, "its transactions")
    }

    pub(crate) fn metadata(self) -> impl Iterator<Item = Result<&'a [u8], BlockError>> + use<'a> {
        entries(self.metadata, "its metadata")
    }
}

impl<'a> HeaderView<'a> {
    fn read(header: &'a [u8]) -> Result<Self, NotProtobuf> {
        let mut fields = StrictFields::new(header)?;
        let header = Self {
            number: fields.number(1)?,
            previous_hash: fields.non_empty(2)?,
            data_hash: fields.non_empty(3)?,
        };
        fields.end()?;
        let longest = header.previous_hash.len().max(header.data_hash.len());
        if longest > MAX_HASH_BYTES {
            Err(NotProtobuf)
        } else {
            Ok(header)
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        block_header_der(&self.header())
    }

    pub(crate) fn hash(&self) -> [u8; 32] {
        block_header_hash(&self.header())
    }

    fn header(self) -> BlockHeader {
        BlockHeader {
            number: self.number,
            previous_hash: Bytes::copy_from_slice(self.previous_hash),
            data_hash: Bytes::copy_from_slice(self.data_hash),
        }
    }
}

/// The entries of a message that is a list of byte strings.
fn entries<'a>(
    list: &'a [u8],
    what: &'static str,
) -> impl Iterator<Item = Result<&'a [u8], BlockError>> {
    Fields::new(list).map(move |field| {
        let field = field.map_err(|NotProtobuf| BlockError::Undecodable(what))?;
        let entry = field.bytes().filter(|_| field.number == 1 && field.minimal);
        entry.ok_or(BlockError::Undecodable(what))
    })
}

/// Whether `transaction` is an `Envelope` with payload and signature that encodes back to the same
/// bytes. Nothing else fixes its boundaries, because the data hash covers the concatenation of the
/// transactions.
///
/// As in the reference implementations, fields that an `Envelope` does not define are kept after
/// those that it defines.
pub(crate) fn is_well_formed(transaction: &[u8]) -> bool {
    let check = || {
        let mut fields = StrictFields::new(transaction)?;
        let complete = !fields.non_empty(1)?.is_empty() && !fields.non_empty(2)?.is_empty();
        let unknown_only = fields.rest().try_fold(true, |so_far, field| {
            let Field {
                number,
                value: _,
                minimal: _,
            } = field?;
            let known = field?.bytes().is_some() && (number == 1 || number == 2);
            Ok::<_, NotProtobuf>(so_far && !known)
        })?;
        Ok::<_, NotProtobuf>(complete && unknown_only)
    };
    check().unwrap_or(false)
}

/// The serialized `ChannelHeader` of a transaction.
pub(crate) fn channel_header(transaction: &[u8]) -> Result<&[u8], NotProtobuf> {
    last_nested_bytes(last_bytes(transaction, 1)?, 1, 1)
}
