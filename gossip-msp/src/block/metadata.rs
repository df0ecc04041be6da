//! The metadata of a block, within bounds.

use crate::BlockError;
use crate::wire::{NotProtobuf, StrictFields};

/// The entries of `BlockMetadata`: signatures, last configuration, transactions filter, orderer,
/// commit hash.
pub(crate) const METADATA_ENTRIES: usize = 5;
/// Most signatures on a block: more than any ordering service has members.
pub(crate) const MAX_SIGNATURES: usize = 128;
/// Longest signature together with its creator's identity, whose certificate takes about 1 KiB.
pub(crate) const MAX_SIGNATURE_BYTES: usize = 8 * 1024;
/// Longest value that the signatures cover.
const MAX_VALUE_BYTES: usize = 1024 * 1024;

const FILTER: usize = 2;
/// Longest unsigned entries. The last configuration and the orderer's state are a few numbers,
/// which orderers before Fabric 2.0 wrapped in a signature; the commit hash is a SHA-256. The
/// filter has one byte per transaction.
const MAX_UNSIGNED_BYTES: [usize; METADATA_ENTRIES] = [0, 4 * 1024, usize::MAX, 4 * 1024, 128];

/// The metadata of a block.
///
/// All of it is bounded, because the signatures do not cover all of it: otherwise a relay could pad
/// a block until it cannot be stored or served.
#[derive(Debug)]
pub(crate) struct MetadataView<'a> {
    /// The signed value besides the header.
    pub(crate) value: &'a [u8],
    pub(crate) signatures: Vec<SignatureView<'a>>,
    filter_length: usize,
}

/// An orderer's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SignatureView<'a> {
    /// The serialized `SignatureHeader`.
    pub(crate) header: &'a [u8],
    /// The identity that the header names.
    pub(crate) creator: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> MetadataView<'a> {
    /// Reads the entries of a block's metadata.
    pub(crate) fn read(
        entries: impl Iterator<Item = Result<&'a [u8], BlockError>>,
    ) -> Result<Self, BlockError> {
        let mut view = None;
        for (index, entry) in entries.enumerate() {
            let entry = entry?;
            let Some(&max) = MAX_UNSIGNED_BYTES.get(index) else {
                return Err(BlockError::TooManyMetadataEntries {
                    max: METADATA_ENTRIES,
                });
            };
            match &mut view {
                None => view = Some(Self::of_signatures(entry)?),
                Some(_) if entry.len() > max => {
                    return Err(BlockError::MetadataTooLong { index, max });
                }
                Some(view) if index == FILTER => view.filter_length = entry.len(),
                Some(_) => {}
            }
        }
        view.ok_or(BlockError::NoMetadata)
    }

    /// Checks that the filter has no more entries than there are transactions.
    pub(crate) const fn check_filter(&self, transactions: usize) -> Result<(), BlockError> {
        if self.filter_length > transactions {
            Err(BlockError::MetadataTooLong {
                index: FILTER,
                max: transactions,
            })
        } else {
            Ok(())
        }
    }

    fn of_signatures(entry: &'a [u8]) -> Result<Self, BlockError> {
        let undecodable = |NotProtobuf| BlockError::Undecodable("its signatures");
        let mut fields = StrictFields::new(entry).map_err(undecodable)?;
        let value = fields.non_empty(1).map_err(undecodable)?;
        if value.len() > MAX_VALUE_BYTES {
            let reason = "its signed metadata is longer than 1 MiB";
            return Err(BlockError::Undecodable(reason));
        }
        let mut signatures = Vec::new();
        while let Some(signature) = fields.bytes(2).map_err(undecodable)? {
            if signatures.len() == MAX_SIGNATURES || signature.len() > MAX_SIGNATURE_BYTES {
                return Err(BlockError::SignaturesTooLong);
            }
            signatures.push(SignatureView::read(signature).map_err(undecodable)?);
        }
        fields.end().map_err(undecodable)?;
        Ok(Self {
            value,
            signatures,
            filter_length: 0,
        })
    }
}

impl<'a> SignatureView<'a> {
    fn read(signature: &'a [u8]) -> Result<Self, NotProtobuf> {
        let mut fields = StrictFields::new(signature)?;
        let (header, signature) = (fields.non_empty(1)?, fields.non_empty(2)?);
        fields.end()?;
        // Strict, although it is signed: nothing marks the end of the signed value before it.
        let mut fields = StrictFields::new(header)?;
        let creator = fields.non_empty(1)?;
        fields.non_empty(2)?;
        fields.end()?;
        Ok(Self {
            header,
            creator,
            signature,
        })
    }
}
