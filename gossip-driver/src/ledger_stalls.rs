//! Operations of the ledger that take too long.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gossip_core::{ChannelId, LedgerOp, Ticket};

/// An operation of the ledger that has not ended within
/// [`DriverConfig::ledger_timeout`](crate::DriverConfig::ledger_timeout).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerStall {
    /// The channel.
    pub channel: ChannelId,
    /// The operation.
    pub operation: LedgerOperation,
    /// The start of the operation.
    pub since: Instant,
}

/// A method of [`Ledger`](crate::Ledger).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerOperation {
    /// [`Ledger::height`](crate::Ledger::height). A channel that is being joined does not wait for it: joining fails.
    Height,
    /// [`Ledger::commit`](crate::Ledger::commit). The channel waits for it.
    Commit,
    /// [`Ledger::read`](crate::Ledger::read). The peer that requested the blocks asks another one meanwhile.
    Read,
}

impl LedgerStall {
    pub(crate) fn of(op: &LedgerOp, since: Instant) -> Self {
        let (channel, operation) = match op {
            LedgerOp::Height { channel, .. } => (channel, LedgerOperation::Height),
            LedgerOp::Commit { channel, .. } => (channel, LedgerOperation::Commit),
            LedgerOp::Read { channel, .. } => (channel, LedgerOperation::Read),
        };
        Self {
            channel: channel.clone(),
            operation,
            since,
        }
    }
}

/// All operations that are late now. The core bounds the operations that it waits for; of those that it does not, each
/// channel has one.
#[derive(Debug, Default)]
pub(crate) struct LedgerStalls(Mutex<BTreeMap<Ticket, LedgerStall>>);

impl LedgerStalls {
    pub(crate) fn begin(&self, ticket: Ticket, stall: LedgerStall) {
        self.lock().insert(ticket, stall);
    }

    pub(crate) fn end(&self, ticket: Ticket) {
        self.lock().remove(&ticket);
    }

    /// Returns whether the height of this channel is late.
    pub(crate) fn has_height_of(&self, channel: &ChannelId) -> bool {
        let stalls = self.lock();
        let mut stalls = stalls.values();
        stalls.any(|stall| stall.operation == LedgerOperation::Height && stall.channel == *channel)
    }

    /// In the order of their starts.
    pub(crate) fn all(&self) -> Vec<LedgerStall> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Ticket, LedgerStall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
