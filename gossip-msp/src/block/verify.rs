//! Verification of a block: its number, channel, signatures and transactions.

use std::collections::BTreeSet;
use std::sync::Arc;

use gossip_driver::core::ChannelId;
use ring::digest::{Context, SHA256};

use super::metadata::MetadataView;
use super::orderer::MAX_BLOCK_BYTES;
use super::view::{self, BlockView, HeaderView};
use crate::wire::{Field, Fields, NotProtobuf, Value, last_bytes};
use crate::{BlockError, ChannelDefinition, Identity};

/// `ChannelHeader.type` of a configuration transaction.
const CONFIG: u64 = 1;

/// Decides who is an orderer.
pub(crate) trait OrdererCheck {
    /// The identity of `creator` if it is an orderer of `channel`.
    fn orderer(&self, channel: &ChannelDefinition, creator: &[u8]) -> Option<Arc<Identity>>;
}

/// Verifies a block. Cheap checks come first, and signatures before the hash of the data, so that a
/// peer without an orderer's key cannot make the node hash megabytes.
pub(crate) fn verify(
    channel: &ChannelDefinition,
    seq: u64,
    block: &[u8],
    orderers: &impl OrdererCheck,
) -> Result<(), BlockError> {
    if block.len() > MAX_BLOCK_BYTES {
        return Err(BlockError::TooLarge { size: block.len() });
    }
    let block = BlockView::read(block)?;
    let found = block.header.number;
    if found != seq {
        return Err(BlockError::WrongNumber {
            expected: seq,
            found,
        });
    }
    let config = check_first_transaction(&block, channel.id())?;
    let metadata = MetadataView::read(block.metadata())?;
    check_signatures(&block.header, &metadata, channel, orderers)?;
    let transactions = check_data(&block, config)?;
    metadata.check_filter(transactions)
}

/// Checks the channel of the first transaction; returns whether it is a configuration.
fn check_first_transaction(block: &BlockView<'_>, channel: &ChannelId) -> Result<bool, BlockError> {
    let first = block.transactions().next().ok_or(BlockError::Empty)??;
    let header =
        view::channel_header(first).map_err(|NotProtobuf| BlockError::IllFormedTransaction(0))?;
    let read = || {
        let mut kind = 0;
        for field in Fields::new(header) {
            if let Field {
                number: 1,
                value: Value::Varint(value),
                ..
            } = field?
            {
                kind = value;
            }
        }
        Ok::<_, NotProtobuf>((kind, last_bytes(header, 4)?))
    };
    let (kind, id) = read().map_err(|NotProtobuf| BlockError::IllFormedTransaction(0))?;
    if id == channel.as_str().as_bytes() {
        Ok(kind == CONFIG)
    } else {
        Err(BlockError::WrongChannel(channel.as_str().into()))
    }
}

/// Checks the transactions and their hash; returns their number. In a configuration block, the
/// single transaction needs no check of its boundaries.
fn check_data(block: &BlockView<'_>, config: bool) -> Result<usize, BlockError> {
    let single_config = config && block.transactions().nth(1).is_none();
    let mut hash = Context::new(&SHA256);
    let mut count = 0;
    for (index, transaction) in block.transactions().enumerate() {
        let transaction = transaction?;
        if !single_config && !view::is_well_formed(transaction) {
            return Err(BlockError::IllFormedTransaction(index));
        }
        hash.update(transaction);
        count = index + 1;
    }
    if hash.finish().as_ref() == block.header.data_hash {
        Ok(count)
    } else {
        Err(BlockError::WrongDataHash)
    }
}

fn check_signatures(
    header: &HeaderView<'_>,
    metadata: &MetadataView<'_>,
    channel: &ChannelDefinition,
    orderers: &impl OrdererCheck,
) -> Result<(), BlockError> {
    let required = channel.required_signatures();
    let der = header.der();
    let mut tried = BTreeSet::new();
    let mut found = 0;
    for entry in &metadata.signatures {
        let Some(signer) = orderers.orderer(channel, entry.creator) else {
            continue;
        };
        // Counted by key: neither a repeated signature nor a renewed certificate is a second
        // orderer.
        if !tried.insert(signer.key().clone()) {
            continue;
        }
        let signed = [metadata.value, entry.header, &der].concat();
        found += usize::from(signer.key().verifies(&signed, entry.signature));
        if found >= required {
            return Ok(());
        }
    }
    Err(BlockError::TooFewSignatures { required, found })
}
