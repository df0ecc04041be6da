//! The application's side of validation: blocks that wait for its verdict.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::task::AtomicWaker;
use gossip_core::{PeerId, Ticket, Verdict};

/// A stream of blocks of one channel that have passed the orderers' check, returned by
/// [`Channel::validator`](crate::Channel::validator). No block is stored or passed on before the application has
/// accepted it. The stream ends when the node stops or the channel is left.
///
/// [`Validator::finish`] ends validation. A validator that is dropped instead, for example because its task has
/// panicked, is *lost*: blocks of the channel are ignored, and so requested again, until the channel has another
/// validator. The first block reports it as [`Notice::ValidatorLost`](crate::Notice::ValidatorLost).
#[must_use = "if it is dropped, all blocks of the channel are ignored"]
pub struct Validator {
    candidates: Pin<Box<Receiver<Candidate>>>,
    finished: Arc<AtomicBool>,
}

/// The driver's end of a [`Validator`].
#[derive(Debug)]
pub(crate) struct CandidateQueue {
    pub(crate) sender: Sender<Candidate>,
    /// Validation has ended: blocks need no verdict.
    pub(crate) finished: Arc<AtomicBool>,
    /// The loss of the validator was reported.
    pub(crate) lost: bool,
}

impl Validator {
    /// A validator and the driver's end of it. At most `max` candidates wait.
    pub(crate) fn new(max: usize) -> (CandidateQueue, Self) {
        let (sender, candidates) = async_channel::bounded(max.max(1));
        // Nothing is lost if the caller does not wait until the validator is installed.
        let finished = Arc::new(AtomicBool::new(true));
        let queue = CandidateQueue {
            sender,
            finished: Arc::clone(&finished),
            lost: false,
        };
        let candidates = Box::pin(candidates);
        let validator = Self {
            candidates,
            finished,
        };
        (queue, validator)
    }

    /// The validator, for the application: from now on it must say when it ends.
    pub(crate) fn installed(self) -> Self {
        self.finished.store(false, Ordering::Release);
        self
    }

    /// Ends validation: candidates that wait in the stream are ignored, candidates taken from it still wait for their
    /// verdict, and later blocks are stored without one.
    pub fn finish(self) {
        self.finished.store(true, Ordering::Release);
    }
}

impl Stream for Validator {
    type Item = Candidate;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Candidate>> {
        self.candidates.as_mut().poll_next(cx)
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        // Closed first: no candidate can follow the last one that is dropped here.
        self.candidates.close();
        while self.candidates.try_recv().is_ok() {}
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

/// A block that waits for the application's verdict: one of [`Candidate::accept`], [`Candidate::ignore`] and
/// [`Candidate::reject`], from any task. A candidate is ignored if it is dropped, or if its verdict is given later
/// than [`GateConfig::check_timeout`](gossip_core::GateConfig::check_timeout).
#[derive(Debug)]
#[must_use = "a candidate that is dropped is ignored"]
pub struct Candidate {
    /// The block's number.
    pub seq: u64,
    /// The serialized block.
    pub block: Bytes,
    /// The peer that sent it; `None` if this node's application published it.
    pub from: Option<PeerId>,
    verdict: PendingVerdict,
}

impl Candidate {
    pub(crate) fn new(
        (seq, block, from): (u64, Bytes, Option<PeerId>),
        verdict: PendingVerdict,
    ) -> Self {
        Self {
            seq,
            block,
            from,
            verdict,
        }
    }

    /// Accepts the block: it is stored and passed on.
    pub fn accept(mut self) {
        self.verdict.give(Verdict::Accept);
    }

    /// Ignores the block: it is neither stored nor passed on. Its sender is not penalised, and the node requests the
    /// block again after a pause.
    pub fn ignore(mut self) {
        self.verdict.give(Verdict::Ignore);
    }

    /// Rejects the block, as one that does not verify: it is dropped, and a peer that sent it on request is avoided
    /// for a while.
    pub fn reject(mut self) {
        self.verdict.give(Verdict::Reject);
    }

    /// Drops the candidate without a verdict.
    pub(crate) fn discard(mut self) {
        self.verdict.ticket = None;
    }
}

/// Gives one verdict, at the latest when it is dropped.
pub(crate) struct PendingVerdict {
    ticket: Option<Ticket>,
    verdicts: Sender<(Ticket, Verdict)>,
    wake: Arc<AtomicWaker>,
}

impl PendingVerdict {
    pub(crate) fn new(
        ticket: Ticket,
        verdicts: Sender<(Ticket, Verdict)>,
        wake: Arc<AtomicWaker>,
    ) -> Self {
        Self {
            ticket: Some(ticket),
            verdicts,
            wake,
        }
    }

    fn give(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take()
            && self.verdicts.try_send((ticket, verdict)).is_ok()
        {
            self.wake.wake();
        }
    }
}

impl Drop for PendingVerdict {
    fn drop(&mut self) {
        self.give(Verdict::Ignore);
    }
}

impl fmt::Debug for PendingVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingVerdict").field(&self.ticket).finish()
    }
}
