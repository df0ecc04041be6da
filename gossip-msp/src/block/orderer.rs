//! Makes signed blocks of transactions.

use std::sync::Arc;

use bytes::Bytes;
use gossip_driver::core::ChannelId;
use gossip_driver::core::proto::common::BlockHeader;
use gossip_driver::core::proto::{block_header_der, block_header_hash};
use ring::digest::{Context, SHA256};

use super::metadata::{MAX_SIGNATURE_BYTES, MAX_SIGNATURES, METADATA_ENTRIES};
use super::transaction;
use crate::wire::{field_length, put_bytes, put_number, put_prefix};
use crate::{MakeError, SigningIdentity};

/// Largest block that is made or verified: 100 MiB of transactions, and the rest of the block. A
/// message that carries it is within the default of `Limits::max_envelope`.
pub const MAX_BLOCK_BYTES: usize = 100 * 1024 * 1024 + 32 * 1024;

/// An `OrdererBlockMetadata` with block 0 as the last configuration.
const LAST_CONFIG_IS_BLOCK_0: [u8; 2] = [0x0a, 0x00];

/// Makes the blocks of one channel, each linked to its predecessor.
///
/// It does not order transactions: it is the last stage of an ordering service, which signs what
/// was agreed, or a whole ordering service for a development network.
#[derive(Clone, Debug)]
pub struct Orderer {
    channel: ChannelId,
    signers: Vec<Arc<SigningIdentity>>,
    next: u64,
    /// Empty before block 0.
    previous_hash: Bytes,
}

/// A complete block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutBlock {
    /// Its number.
    pub number: u64,
    /// The serialized `common.Block`.
    pub bytes: Bytes,
    /// The hash that the next block links to.
    pub header_hash: [u8; 32],
}

impl Orderer {
    /// An orderer whose first block is number 0.
    #[must_use]
    pub fn new(channel: ChannelId, signer: Arc<SigningIdentity>) -> Self {
        Self {
            channel,
            signers: vec![signer],
            next: 0,
            previous_hash: Bytes::new(),
        }
    }

    /// Adds another signature to each block, for channels that require several.
    #[must_use]
    pub fn with_cosigner(mut self, signer: Arc<SigningIdentity>) -> Self {
        self.signers.push(signer);
        self
    }

    /// Continues a chain of `height` blocks whose last header has the hash `last_header_hash`.
    #[must_use]
    pub fn resume(mut self, height: u64, last_header_hash: [u8; 32]) -> Self {
        self.next = height;
        self.previous_hash = Bytes::copy_from_slice(&last_header_hash);
        self
    }

    /// The number of the next block.
    #[must_use]
    pub const fn next_number(&self) -> u64 {
        self.next
    }

    /// Wraps `data` into a transaction signed by the first signer. Copies `data` once; can be
    /// called from several threads.
    ///
    /// # Errors
    /// [`MakeError::Signing`].
    pub fn transaction(&self, data: &[u8]) -> Result<Bytes, MakeError> {
        let creator = self.signers.first().ok_or(MakeError::Signing)?;
        transaction::envelope(creator, &self.channel, data)
    }

    /// Makes the next block of these transactions (serialized `Envelope`s). Copies each of them
    /// once.
    ///
    /// # Errors
    /// There is no transaction, they have more than [`MAX_BLOCK_BYTES`] in all, the signatures are
    /// more or longer than a block may have, or a signing key failed. The chain does not grow then.
    pub fn cut(&mut self, transactions: &[Bytes]) -> Result<CutBlock, MakeError> {
        if transactions.is_empty() {
            return Err(MakeError::EmptyBlock);
        }
        let data: usize = transactions
            .iter()
            .map(|entry| field_length(entry.len()))
            .sum();
        if data > MAX_BLOCK_BYTES {
            return Err(MakeError::BlockTooLarge { size: data });
        }
        let mut hash = Context::new(&SHA256);
        transactions.iter().for_each(|entry| hash.update(entry));
        let header = BlockHeader {
            number: self.next,
            previous_hash: self.previous_hash.clone(),
            data_hash: Bytes::copy_from_slice(hash.finish().as_ref()),
        };
        let metadata = self.metadata(&block_header_der(&header))?;

        let mut head = Vec::with_capacity(96);
        put_number(&mut head, 1, header.number);
        put_bytes(&mut head, 2, &header.previous_hash);
        put_bytes(&mut head, 3, &header.data_hash);
        let size = field_length(head.len()) + field_length(data) + field_length(metadata.len());
        if size > MAX_BLOCK_BYTES {
            return Err(MakeError::BlockTooLarge { size });
        }
        let mut out = Vec::with_capacity(size);
        put_bytes(&mut out, 1, &head);
        put_prefix(&mut out, 2, data);
        for entry in transactions {
            put_prefix(&mut out, 1, entry.len());
            out.extend_from_slice(entry);
        }
        put_bytes(&mut out, 3, &metadata);

        let header_hash = block_header_hash(&header);
        let block = CutBlock {
            number: self.next,
            bytes: out.into(),
            header_hash,
        };
        self.next += 1;
        self.previous_hash = Bytes::copy_from_slice(&header_hash);
        Ok(block)
    }

    /// Fills the first entry of the metadata, the orderers' signatures.
    fn metadata(&self, header: &[u8]) -> Result<Vec<u8>, MakeError> {
        if self.signers.len() > MAX_SIGNATURES {
            return Err(MakeError::SignaturesTooLong);
        }
        let mut signatures = Vec::new();
        put_bytes(&mut signatures, 1, &LAST_CONFIG_IS_BLOCK_0);
        for signer in &self.signers {
            let (signature_header, _) = transaction::signature_header(signer)?;
            let signed = [&LAST_CONFIG_IS_BLOCK_0, &signature_header[..], header].concat();
            let signature = signer.sign(&signed)?;
            let mut entry = Vec::with_capacity(signature_header.len() + signature.len() + 8);
            put_bytes(&mut entry, 1, &signature_header);
            put_bytes(&mut entry, 2, &signature);
            if entry.len() > MAX_SIGNATURE_BYTES {
                return Err(MakeError::SignaturesTooLong);
            }
            put_bytes(&mut signatures, 2, &entry);
        }
        let mut metadata = Vec::with_capacity(signatures.len() + 16);
        put_prefix(&mut metadata, 1, signatures.len());
        metadata.extend(signatures);
        (1..METADATA_ENTRIES).for_each(|_| put_prefix(&mut metadata, 1, 0));
        Ok(metadata)
    }
}
