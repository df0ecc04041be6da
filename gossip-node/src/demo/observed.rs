//! A ledger that tells the board what it has stored.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gossip::Ledger;
use gossip::core::{ChannelId, LedgerError};

use super::board::Board;

/// Measures at the ledger, where no note can be lost as a notification can.
#[derive(Debug)]
pub(crate) struct Observed<L> {
    ledger: L,
    peer: usize,
    board: Arc<Board>,
}

impl<L> Observed<L> {
    /// The ledger of peer number `peer`.
    pub(crate) fn new(ledger: L, peer: usize, board: Arc<Board>) -> Self {
        Self {
            ledger,
            peer,
            board,
        }
    }
}

impl<L: Ledger> Ledger for Observed<L> {
    async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        self.ledger.height(channel).await
    }

    async fn commit(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        self.ledger.commit(channel, seq, block).await?;
        self.board.committed(self.peer, seq, Instant::now());
        Ok(())
    }

    async fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        self.ledger.read(channel, range, max_bytes).await
    }
}
