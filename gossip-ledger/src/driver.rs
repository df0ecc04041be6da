//! The driver's ledger trait.

use std::ops::RangeInclusive;

use blocking::unblock;
use bytes::Bytes;
use gossip_driver::Ledger;
use gossip_driver::core::{ChannelId, LedgerError};

use crate::BlockLedger;

/// Runs under any executor: the database is used on the threads of the `blocking` pool.
impl Ledger for BlockLedger {
    async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        let (ledger, channel) = (self.clone(), channel.clone());
        Ok(unblock(move || ledger.height_of(&channel)).await?)
    }

    /// If the future is dropped, the block may or may not have been stored: ask for the height.
    async fn commit(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        let (ledger, channel) = (self.clone(), channel.clone());
        Ok(unblock(move || ledger.append(&channel, seq, &block)).await?)
    }

    async fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        let (ledger, channel) = (self.clone(), channel.clone());
        Ok(unblock(move || ledger.blocks(&channel, range, max_bytes)).await?)
    }
}
