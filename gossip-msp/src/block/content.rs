//! The content of a block.

use bytes::Bytes;
use gossip_driver::core::ChannelId;

use super::view::{BlockView, channel_header};
use crate::BlockError;
use crate::wire::last_bytes;

/// The content of a serialized block. It shares the block's bytes and copies none of them.
///
/// Reading does not verify the block: see
/// [`X509Service::check_block`](crate::X509Service::check_block).
#[derive(Clone, Debug)]
pub struct BlockContent {
    bytes: Bytes,
    number: u64,
    previous_hash: Bytes,
    data_hash: Bytes,
    header_hash: [u8; 32],
}

impl BlockContent {
    /// Reads a block.
    ///
    /// # Errors
    /// The bytes are no canonically encoded block, or the block has no header.
    pub fn read(bytes: Bytes) -> Result<Self, BlockError> {
        let header = BlockView::read(&bytes)?.header;
        Ok(Self {
            number: header.number,
            previous_hash: bytes.slice_ref(header.previous_hash),
            data_hash: bytes.slice_ref(header.data_hash),
            header_hash: header.hash(),
            bytes,
        })
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// The hash of the previous header; empty in block 0.
    #[must_use]
    pub const fn previous_hash(&self) -> &Bytes {
        &self.previous_hash
    }

    /// The hash of the transactions, according to the header.
    #[must_use]
    pub const fn data_hash(&self) -> &Bytes {
        &self.data_hash
    }

    /// The hash of the header, which the next block links to.
    #[must_use]
    pub const fn header_hash(&self) -> [u8; 32] {
        self.header_hash
    }

    /// The transactions (serialized `Envelope`s), in order.
    pub fn transactions(&self) -> impl Iterator<Item = Result<Bytes, BlockError>> {
        let (entries, error) = match BlockView::read(&self.bytes) {
            Ok(view) => (Some(view.transactions()), None),
            Err(error) => (None, Some(Err(error))),
        };
        let entries = entries.into_iter().flatten();
        entries
            .map(|entry| entry.map(|entry| self.bytes.slice_ref(entry)))
            .chain(error)
    }

    /// The payloads of the transactions (`Payload.data`), in order. For transactions of
    /// [`Orderer::transaction`](crate::Orderer::transaction) these are the bytes given to it.
    pub fn payloads(&self) -> impl Iterator<Item = Result<Bytes, BlockError>> {
        self.transactions().enumerate().map(|(index, transaction)| {
            let transaction = transaction?;
            last_bytes(&transaction, 1)
                .and_then(|payload| last_bytes(payload, 2))
                .map(|data| {
                    if data.is_empty() {
                        Bytes::new()
                    } else {
                        transaction.slice_ref(data)
                    }
                })
                .map_err(|_| BlockError::IllFormedTransaction(index))
        })
    }

    /// The channel that the first transaction names.
    ///
    /// # Errors
    /// There is no transaction, or it names none.
    pub fn channel(&self) -> Result<ChannelId, BlockError> {
        let first = BlockView::read(&self.bytes)?.transactions().next();
        let first = first.ok_or(BlockError::Empty)??;
        channel_header(first)
            .and_then(|header| last_bytes(header, 4))
            .ok()
            .and_then(|id| std::str::from_utf8(id).ok())
            .filter(|id| !id.is_empty())
            .map(ChannelId::new)
            .ok_or(BlockError::IllFormedTransaction(0))
    }
}
