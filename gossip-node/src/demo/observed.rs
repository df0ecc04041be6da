//! A ledger that records its commits.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gossip::Ledger;
use gossip::core::{ChannelId, LedgerError};

use super::commits::Commits;

/// Records commits in the ledger, because notifications can be lost.
#[derive(Debug)]
pub(crate) struct Observed<L> {
    ledger: L,
    peer: usize,
    commits: Arc<Commits>,
}

impl<L> Observed<L> {
    /// The ledger of peer number `peer`.
    pub(crate) fn new(ledger: L, peer: usize, commits: Arc<Commits>) -> Self {
        Self {
            ledger,
            peer,
            commits,
        }
    }
}

impl<L: Ledger> Ledger for Observed<L> {
    async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        self.ledger.height(channel).await
    }

    async fn commit(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        self.ledger.commit(channel, seq, block).await?;
        self.commits.committed(self.peer, seq, Instant::now());
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
