//! Commits, one at a time.

use super::payload_buffer::PayloadBuffer;
use crate::out::Out;
use crate::ticket::{LedgerUse, Owner};
use crate::{BlockOrigin, ChannelId, LedgerError, LedgerOp, LedgerOutcome};

/// The number of consecutive commits refused as not following the last block after which the channel halts.
const MAX_RESYNCS: u32 = 3;

/// The one outstanding operation that changes a channel's ledger or reads its height.
#[derive(Debug)]
pub(super) struct Pipeline {
    stage: Stage,
    resyncs: u32,
}

#[derive(Debug)]
enum Stage {
    /// The height is being read for the first time.
    Starting,
    /// The first read failed: nothing will be committed.
    Failed,
    Idle,
    Committing,
    /// The ledger refused a block with this error; its height is being read.
    Resyncing(String),
    /// An external commit; the height is being read.
    External,
    Halted(String),
}

/// The result of an answer of the ledger.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Started,
    StartFailed(LedgerError),
    Committed {
        seq: u64,
        origin: BlockOrigin,
    },
    Resyncing,
    /// The block does not fit, and is dropped.
    Refused {
        seq: u64,
        reason: String,
    },
    /// The ledger's height was another one.
    Resynced,
    /// The height after an external commit was read.
    ExternalHeight(Result<u64, LedgerError>),
    Halted,
}

impl Pipeline {
    pub(super) fn start(cx: &mut Out<'_>, channel: &ChannelId) -> Self {
        read_ledger_height(cx, channel, true);
        Self {
            stage: Stage::Starting,
            resyncs: 0,
        }
    }

    /// Returns whether the ledger's height is known and the channel has not halted.
    pub(super) fn runs(&self) -> bool {
        match &self.stage {
            Stage::Idle | Stage::Committing | Stage::Resyncing(_) | Stage::External => true,
            Stage::Starting | Stage::Failed | Stage::Halted(_) => false,
        }
    }

    pub(super) fn halted(&self) -> Option<&str> {
        if let Stage::Halted(reason) = &self.stage {
            Some(reason)
        } else {
            None
        }
    }

    /// Reads the ledger's height. If the ledger is busy, call it again after `on_done`.
    pub(super) fn read_height(&mut self, cx: &mut Out<'_>, channel: &ChannelId) {
        if matches!(self.stage, Stage::Idle) {
            read_ledger_height(cx, channel, false);
            self.stage = Stage::External;
        }
    }

    /// Hands the next block to the ledger, if there is one and the ledger is idle.
    pub(super) fn commit_next(
        &mut self,
        cx: &mut Out<'_>,
        channel: &ChannelId,
        buffer: &PayloadBuffer,
    ) {
        let (Stage::Idle, Some(block)) = (&self.stage, buffer.next_block()) else {
            return;
        };
        let op = LedgerOp::Commit {
            channel: channel.clone(),
            seq: buffer.next(),
            block: block.data.clone(),
        };
        cx.ledger(owner(channel, LedgerUse::Commit), op);
        self.stage = Stage::Committing;
    }

    /// Takes the answer to the outstanding operation. Only here does a block leave the buffer: when the ledger has
    /// stored or refused it.
    pub(super) fn on_done(
        &mut self,
        cx: &mut Out<'_>,
        channel: &ChannelId,
        buffer: &mut PayloadBuffer,
        outcome: LedgerOutcome,
    ) -> Step {
        match (&self.stage, outcome) {
            (Stage::Starting, outcome) => self.on_first_height(buffer, outcome),
            (Stage::Committing, LedgerOutcome::Committed(Ok(()))) => {
                self.resyncs = 0;
                self.stage = Stage::Idle;
                let seq = buffer.next();
                let origin = buffer.committed().unwrap_or(BlockOrigin::Push);
                Step::Committed { seq, origin }
            }
            (Stage::Committing, LedgerOutcome::Committed(Err(error))) => {
                self.on_commit_refused(cx, channel, error)
            }
            (Stage::Resyncing(reason), LedgerOutcome::Height(Ok(height))) => {
                let reason = reason.clone();
                self.stage = Stage::Idle;
                if height == buffer.next() {
                    // The ledger's height is as expected, so the block itself does not fit.
                    buffer.discard_next();
                    return Step::Refused {
                        seq: height,
                        reason,
                    };
                }
                buffer.rebase(height);
                Step::Resynced
            }
            (Stage::Resyncing(_), LedgerOutcome::Height(Err(error))) => {
                self.halt(error.to_string())
            }
            (Stage::External, LedgerOutcome::Height(result)) => {
                if let Ok(height) = &result
                    && *height != buffer.next()
                {
                    buffer.rebase(*height);
                }
                self.stage = Stage::Idle;
                Step::ExternalHeight(result)
            }
            (
                Stage::Committing
                | Stage::Resyncing(_)
                | Stage::External
                | Stage::Failed
                | Stage::Idle
                | Stage::Halted(_),
                LedgerOutcome::Height(_) | LedgerOutcome::Committed(_) | LedgerOutcome::Blocks(_),
            ) => self.halt(WRONG_KIND.to_owned()),
        }
    }

    fn on_first_height(&mut self, buffer: &mut PayloadBuffer, outcome: LedgerOutcome) -> Step {
        let error = match outcome {
            LedgerOutcome::Height(Ok(height)) => {
                buffer.rebase(height);
                self.stage = Stage::Idle;
                return Step::Started;
            }
            LedgerOutcome::Height(Err(error)) => error,
            LedgerOutcome::Committed(_) | LedgerOutcome::Blocks(_) => {
                LedgerError::Storage(WRONG_KIND.to_owned())
            }
        };
        self.stage = Stage::Failed;
        Step::StartFailed(error)
    }

    fn on_commit_refused(
        &mut self,
        cx: &mut Out<'_>,
        channel: &ChannelId,
        error: LedgerError,
    ) -> Step {
        match &error {
            LedgerError::NotNext(_) if self.resyncs < MAX_RESYNCS => {
                self.resyncs += 1;
                read_ledger_height(cx, channel, false);
                self.stage = Stage::Resyncing(error.to_string());
                Step::Resyncing
            }
            LedgerError::NotNext(_) | LedgerError::UnknownChannel(_) | LedgerError::Storage(_) => {
                self.halt(error.to_string())
            }
        }
    }

    fn halt(&mut self, reason: String) -> Step {
        self.stage = Stage::Halted(reason);
        Step::Halted
    }
}

const WRONG_KIND: &str = "the ledger's answer does not match the operation";

fn read_ledger_height(cx: &mut Out<'_>, channel: &ChannelId, joining: bool) {
    let op = LedgerOp::Height {
        channel: channel.clone(),
        joining,
    };
    cx.ledger(owner(channel, LedgerUse::Height), op);
}

fn owner(channel: &ChannelId, purpose: LedgerUse) -> Owner {
    let channel = channel.clone();
    Owner { channel, purpose }
}
