//! Maps a [`LedgerOp`] to a call of the ledger.

use gossip_core::{LedgerError, LedgerOp, LedgerOutcome};
use tracing::warn;

use crate::Ledger;
use crate::counters::Counters;
use crate::tasks::shielded;

/// Performs an operation. A panic of the ledger counts as a failure of the storage. The method is called inside
/// the shield, since a method that is not an `async fn` may panic before it returns a future.
pub(crate) async fn perform(
    ledger: &impl Ledger,
    op: LedgerOp,
    counters: &Counters,
) -> LedgerOutcome {
    match op {
        LedgerOp::Height { channel, .. } => LedgerOutcome::Height(
            shielded(async { ledger.height(&channel).await })
                .await
                .unwrap_or_else(|| panicked(counters)),
        ),
        LedgerOp::Commit {
            channel,
            seq,
            block,
        } => LedgerOutcome::Committed(
            shielded(async { ledger.commit(&channel, seq, block).await })
                .await
                .unwrap_or_else(|| panicked(counters)),
        ),
        LedgerOp::Read {
            channel,
            start,
            end,
            max_bytes,
        } => LedgerOutcome::Blocks(
            shielded(async { ledger.read(&channel, start..=end, max_bytes).await })
                .await
                .unwrap_or_else(|| panicked(counters)),
        ),
    }
}

fn panicked<T>(counters: &Counters) -> Result<T, LedgerError> {
    counters.ledger_panics.add();
    warn!("the ledger panicked; the operation counts as failed");
    Err(LedgerError::Storage("the ledger panicked".into()))
}
