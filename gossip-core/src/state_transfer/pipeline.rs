//! One commit after the other.

use super::payload_buffer::PayloadBuffer;
use crate::cx::Cx;
use crate::{BlockOrigin, ChannelId, Command, LedgerError, LedgerOp, LedgerOutcome, Ticket};

/// Commits refused in a row as not following the last block, after which the channel halts.
const MAX_RESYNCS: u32 = 3;

/// The one outstanding operation that moves a channel's ledger.
#[derive(Debug)]
pub(super) struct Pipeline {
    state: State,
    resyncs: u32,
}

#[derive(Debug)]
enum State {
    /// The height is being asked for the first time.
    Starting(Ticket),
    /// That failed: nothing will ever be committed.
    Failed,
    Idle,
    Committing(Ticket),
    /// The ledger refused a block; its height is being asked for.
    Resyncing(Ticket),
    /// The application has stored blocks itself; the height is being asked for.
    Rereading(Ticket),
    Halted(String),
}

/// What an answer of the ledger led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Started,
    StartFailed(LedgerError),
    Committed {
        seq: u64,
        origin: BlockOrigin,
    },
    Resyncing,
    Resynced,
    /// What the application asked for was read.
    Reread(Result<u64, LedgerError>),
    Halted,
}

impl Pipeline {
    pub(super) fn start(cx: &mut Cx<'_>, channel: &ChannelId) -> Self {
        Self {
            state: State::Starting(ask_height(cx, channel)),
            resyncs: 0,
        }
    }

    pub(super) fn owns(&self, ticket: Ticket) -> bool {
        match &self.state {
            State::Starting(own)
            | State::Committing(own)
            | State::Resyncing(own)
            | State::Rereading(own) => *own == ticket,
            State::Failed | State::Idle | State::Halted(_) => false,
        }
    }

    /// The ledger's height is known and the channel has not stopped.
    pub(super) fn runs(&self) -> bool {
        match &self.state {
            State::Idle | State::Committing(_) | State::Resyncing(_) | State::Rereading(_) => true,
            State::Starting(_) | State::Failed | State::Halted(_) => false,
        }
    }

    /// The commit that is under way.
    pub(super) fn committing(&self) -> Option<Ticket> {
        if let State::Committing(ticket) = self.state {
            Some(ticket)
        } else {
            None
        }
    }

    pub(super) fn halted(&self) -> Option<&str> {
        if let State::Halted(reason) = &self.state {
            Some(reason)
        } else {
            None
        }
    }

    /// Reads the ledger's height, unless the ledger is busy: then call it again after `on_done`.
    pub(super) fn reread(&mut self, cx: &mut Cx<'_>, channel: &ChannelId) {
        if matches!(self.state, State::Idle) {
            self.state = State::Rereading(ask_height(cx, channel));
        }
    }

    /// Hands the next block to the ledger, if there is one and the ledger is free.
    pub(super) fn commit_next(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &ChannelId,
        buffer: &PayloadBuffer,
    ) {
        let (State::Idle, Some(block)) = (&self.state, buffer.next_block()) else {
            return;
        };
        let ticket = cx.ticket();
        cx.emit(Command::Ledger {
            ticket,
            op: LedgerOp::Commit {
                channel: channel.clone(),
                seq: buffer.next(),
                block: block.data.clone(),
            },
        });
        self.state = State::Committing(ticket);
    }

    /// Takes the answer to the outstanding operation. A block leaves the buffer only here: when it
    /// is in the ledger, or when the ledger will not have it.
    pub(super) fn on_done(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &ChannelId,
        buffer: &mut PayloadBuffer,
        outcome: LedgerOutcome,
    ) -> Step {
        match (&self.state, outcome) {
            (State::Starting(_), outcome) => self.on_first_height(buffer, outcome),
            (State::Committing(_), LedgerOutcome::Committed(Ok(()))) => {
                self.resyncs = 0;
                self.state = State::Idle;
                let seq = buffer.next();
                let origin = buffer.committed().unwrap_or(BlockOrigin::Push);
                Step::Committed { seq, origin }
            }
            (State::Committing(_), LedgerOutcome::Committed(Err(error))) => {
                self.on_commit_refused(cx, channel, error)
            }
            (State::Resyncing(_), LedgerOutcome::Height(Ok(height))) => {
                if height == buffer.next() {
                    // The ledger is where we thought it was, so the block is what does not fit.
                    buffer.discard_next();
                } else {
                    buffer.rebase(height);
                }
                self.state = State::Idle;
                Step::Resynced
            }
            (State::Resyncing(_), LedgerOutcome::Height(Err(error))) => {
                self.halt(error.to_string())
            }
            (State::Rereading(_), LedgerOutcome::Height(result)) => {
                if let Ok(height) = &result
                    && *height != buffer.next()
                {
                    buffer.rebase(*height);
                }
                self.state = State::Idle;
                Step::Reread(result)
            }
            (
                State::Committing(_)
                | State::Resyncing(_)
                | State::Rereading(_)
                | State::Failed
                | State::Idle
                | State::Halted(_),
                LedgerOutcome::Height(_) | LedgerOutcome::Committed(_) | LedgerOutcome::Blocks(_),
            ) => self.halt(WRONG_KIND.to_owned()),
        }
    }

    fn on_first_height(&mut self, buffer: &mut PayloadBuffer, outcome: LedgerOutcome) -> Step {
        let error = match outcome {
            LedgerOutcome::Height(Ok(height)) => {
                buffer.rebase(height);
                self.state = State::Idle;
                return Step::Started;
            }
            LedgerOutcome::Height(Err(error)) => error,
            LedgerOutcome::Committed(_) | LedgerOutcome::Blocks(_) => {
                LedgerError::Storage(WRONG_KIND.to_owned())
            }
        };
        self.state = State::Failed;
        Step::StartFailed(error)
    }

    fn on_commit_refused(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &ChannelId,
        error: LedgerError,
    ) -> Step {
        match &error {
            LedgerError::NotNext(_) if self.resyncs < MAX_RESYNCS => {
                self.resyncs += 1;
                self.state = State::Resyncing(ask_height(cx, channel));
                Step::Resyncing
            }
            LedgerError::NotNext(_) | LedgerError::UnknownChannel(_) | LedgerError::Storage(_) => {
                self.halt(error.to_string())
            }
        }
    }

    fn halt(&mut self, reason: String) -> Step {
        self.state = State::Halted(reason);
        Step::Halted
    }
}

const WRONG_KIND: &str = "the ledger answered another question than it was asked";

fn ask_height(cx: &mut Cx<'_>, channel: &ChannelId) -> Ticket {
    let ticket = cx.ticket();
    cx.emit(Command::Ledger {
        ticket,
        op: LedgerOp::Height {
            channel: channel.clone(),
        },
    });
    ticket
}
