//! The application looks at blocks before they are stored and passed on.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender, TrySendError};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::task::AtomicWaker;
use gossip_core::{ChannelId, Node, PeerId, Ticket, Verdict};

/// A stream of the blocks of one channel that the orderers' check has passed, made by
/// [`Channel::validator`](crate::Channel::validator): none of them is stored or passed on before the
/// application has accepted it. It ends when the node stops or the channel is left.
///
/// Dropping it switches this off: candidates that wait in it are ignored, those taken out of it keep waiting
/// for their verdict, and blocks that come from then on are not shown to anybody.
#[must_use = "blocks wait for its verdicts until it is dropped"]
pub struct Validator {
    candidates: Pin<Box<Receiver<Candidate>>>,
}

impl Stream for Validator {
    type Item = Candidate;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Candidate>> {
        self.candidates.as_mut().poll_next(cx)
    }
}

impl Drop for Validator {
    fn drop(&mut self) {
        // Closed first, so that nothing comes after the last one is dropped.
        self.candidates.close();
        while self.candidates.try_recv().is_ok() {}
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").finish_non_exhaustive()
    }
}

/// A block that waits for the application's verdict: call one of [`Candidate::accept`],
/// [`Candidate::ignore`] and [`Candidate::reject`], from wherever. One that is dropped is ignored, and so is
/// one that is judged later than
/// [`GateConfig::check_timeout`](gossip_core::GateConfig::check_timeout).
#[derive(Debug)]
#[must_use = "a candidate that is dropped is ignored"]
pub struct Candidate {
    /// The block's number.
    pub seq: u64,
    /// The serialized block.
    pub block: Bytes,
    /// Who sent it; `None` if this node's application published it.
    pub from: Option<PeerId>,
    verdict: Judge,
}

impl Candidate {
    /// The block is stored and passed on.
    pub fn accept(mut self) {
        self.verdict.give(Verdict::Accept);
    }

    /// The block is neither stored nor passed on, and nobody is to blame. It may come again, and is asked for
    /// again after a pause.
    pub fn ignore(mut self) {
        self.verdict.give(Verdict::Ignore);
    }

    /// The block is as bad as one that does not verify: a peer that was asked for it is not asked again for a
    /// while.
    pub fn reject(mut self) {
        self.verdict.give(Verdict::Reject);
    }
}

/// Gives one verdict, the last chance being when it is dropped.
struct Judge {
    ticket: Option<Ticket>,
    verdicts: Sender<(Ticket, Verdict)>,
    wake: Arc<AtomicWaker>,
}

impl Judge {
    fn give(&mut self, verdict: Verdict) {
        if let Some(ticket) = self.ticket.take()
            && self.verdicts.try_send((ticket, verdict)).is_ok()
        {
            self.wake.wake();
        }
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.give(Verdict::Ignore);
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Judge").field(&self.ticket).finish()
    }
}

/// Where the driver shows blocks.
pub(crate) type Gallery = Sender<Candidate>;

/// A validator, and the driver's end of it. As many candidates wait in it as the core has outstanding.
pub(crate) fn validator(max: usize) -> (Gallery, Validator) {
    let (gallery, candidates) = async_channel::bounded(max.max(1));
    let candidates = Box::pin(candidates);
    (gallery, Validator { candidates })
}

/// What became of a block to be shown.
pub(crate) enum Shown {
    /// A verdict will come.
    Yes,
    /// The validator has not taken those before it.
    Full,
    /// There is no validator any more.
    Nobody,
}

/// The driver's ends of all validators.
pub(crate) struct Validators {
    galleries: BTreeMap<ChannelId, Gallery>,
    /// Twice as many as the core has outstanding: it may have given up the candidates of the others.
    judges: Sender<(Ticket, Verdict)>,
    verdicts: Receiver<(Ticket, Verdict)>,
    wake: Arc<AtomicWaker>,
    /// The channels have been looked at, at this version of them.
    channels: u64,
}

impl Validators {
    pub(crate) fn new(wake: Arc<AtomicWaker>, max: usize) -> Self {
        let (judges, verdicts) = async_channel::bounded(max.max(1).saturating_mul(2));
        Self {
            galleries: BTreeMap::new(),
            judges,
            verdicts,
            wake,
            channels: 0,
        }
    }

    /// Registers a validator; `false` if the channel has one.
    pub(crate) fn open(&mut self, channel: &ChannelId, gallery: Gallery) -> bool {
        self.galleries.retain(|_, gallery| !gallery.is_closed());
        let free = !self.galleries.contains_key(channel);
        if free {
            self.galleries.insert(channel.clone(), gallery);
        }
        free
    }

    /// Ends the streams of channels that have been left.
    pub(crate) fn retain(&mut self, node: &Node) {
        let version = node.channels_version();
        if self.galleries.is_empty() || self.channels == version {
            return;
        }
        self.channels = version;
        let joined = node.channels();
        self.galleries.retain(|id, _| joined.contains(id));
    }

    pub(crate) fn close(&mut self, channel: &ChannelId) {
        self.galleries.remove(channel);
    }

    pub(crate) fn show(
        &mut self,
        ticket: Ticket,
        channel: &ChannelId,
        (seq, block, from): (u64, Bytes, Option<PeerId>),
    ) -> Shown {
        let Some(gallery) = self.galleries.get(channel) else {
            return Shown::Nobody;
        };
        let verdict = Judge {
            ticket: Some(ticket),
            verdicts: self.judges.clone(),
            wake: Arc::clone(&self.wake),
        };
        let candidate = Candidate {
            seq,
            block,
            from,
            verdict,
        };
        let (mut refused, shown) = match gallery.try_send(candidate) {
            Ok(()) => return Shown::Yes,
            Err(TrySendError::Full(candidate)) => (candidate, Shown::Full),
            Err(TrySendError::Closed(candidate)) => (candidate, Shown::Nobody),
        };
        // The driver judges instead.
        refused.verdict.ticket = None;
        shown
    }

    pub(crate) fn next_verdict(&self) -> Option<(Ticket, Verdict)> {
        self.verdicts.try_recv().ok()
    }

    pub(crate) fn has_verdicts(&self) -> bool {
        !self.verdicts.is_empty()
    }
}
