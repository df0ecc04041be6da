//! The ledger of a node.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::{ChannelId, LedgerError};

/// Stores blocks.
///
/// The driver calls `commit` in the order of the blocks' numbers, one at a time per channel, from a task of
/// its own; other methods may run at the same time. Methods must not block the executor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a ledger",
    note = "give the builder a ledger by `.ledger(..)`: a `BlockLedger`, a `MemLedger`, or a type that implements \
            `Ledger`"
)]
pub trait Ledger: Send + Sync + 'static {
    /// The number of blocks of `channel` that are stored, which is the next number to commit; 0 for an
    /// unknown channel.
    ///
    /// # Errors
    /// The storage failed.
    fn height(&self, channel: &ChannelId) -> impl Future<Output = Result<u64, LedgerError>> + Send;

    /// Stores `block` as number `seq`. Durable once it returns `Ok`.
    ///
    /// # Errors
    /// [`LedgerError::NotNext`] if it does not follow the last block; nothing is stored.
    fn commit(
        &self,
        channel: &ChannelId,
        seq: u64,
        block: Bytes,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send;

    /// Consecutive blocks from the start of `range`: as many as exist and fit in `max_bytes`, at
    /// least one if it exists.
    ///
    /// # Errors
    /// The storage failed.
    fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Vec<Bytes>, LedgerError>> + Send;
}

impl<L: Ledger> Ledger for Arc<L> {
    fn height(&self, channel: &ChannelId) -> impl Future<Output = Result<u64, LedgerError>> + Send {
        (**self).height(channel)
    }

    fn commit(
        &self,
        channel: &ChannelId,
        seq: u64,
        block: Bytes,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send {
        (**self).commit(channel, seq, block)
    }

    fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Vec<Bytes>, LedgerError>> + Send {
        (**self).read(channel, range, max_bytes)
    }
}
