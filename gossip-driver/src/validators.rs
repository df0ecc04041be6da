//! The driver's side of validation: sends blocks to the validators and collects their verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_channel::{Receiver, Sender, TrySendError};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use gossip_core::{ChannelId, Node, PeerId, Ticket, Verdict};

use crate::validator::{Candidate, CandidateQueue, PendingVerdict};

/// The validators of all channels, at most one each.
pub(crate) struct Validators {
    queues: BTreeMap<ChannelId, CandidateQueue>,
    /// Has room for twice as many verdicts as the core has outstanding: others may have timed out in the core.
    verdict_sender: Sender<(Ticket, Verdict)>,
    verdicts: Receiver<(Ticket, Verdict)>,
    wake: Arc<AtomicWaker>,
    /// The version of the channels at the latest comparison.
    channels: u64,
}

/// The outcome of [`Validators::submit`].
pub(crate) enum Submitted {
    /// The block waits for its verdict.
    Waits,
    /// The validator's queue is full.
    Full,
    /// The validator was dropped without a word. `first`: this is the first block since.
    Lost {
        /// Whether it is.
        first: bool,
    },
    /// The validator has finished.
    NoValidator,
}

impl CandidateQueue {
    fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    fn ended(&mut self) -> Submitted {
        if self.finished.load(Ordering::Acquire) {
            return Submitted::NoValidator;
        }
        let first = !std::mem::replace(&mut self.lost, true);
        Submitted::Lost { first }
    }
}

impl Validators {
    pub(crate) fn new(wake: Arc<AtomicWaker>, max: usize) -> Self {
        let (verdict_sender, verdicts) = async_channel::bounded(max.max(1).saturating_mul(2));
        Self {
            queues: BTreeMap::new(),
            verdict_sender,
            verdicts,
            wake,
            channels: 0,
        }
    }

    /// Registers a validator; `false` if the channel has one.
    pub(crate) fn open(&mut self, channel: &ChannelId, queue: CandidateQueue) -> bool {
        let taken = self
            .queues
            .get(channel)
            .is_some_and(CandidateQueue::is_open);
        if !taken {
            self.queues.insert(channel.clone(), queue);
        }
        !taken
    }

    /// Ends the streams of channels that have been left.
    pub(crate) fn retain(&mut self, node: &Node) {
        let version = node.channels_version();
        if self.queues.is_empty() || self.channels == version {
            return;
        }
        self.channels = version;
        let joined = node.channels();
        self.queues.retain(|id, _| joined.contains(id));
    }

    pub(crate) fn close(&mut self, channel: &ChannelId) {
        self.queues.remove(channel);
    }

    /// Queues a block for the channel's validator.
    pub(crate) fn submit(
        &mut self,
        ticket: Ticket,
        channel: &ChannelId,
        block: (u64, Bytes, Option<PeerId>),
    ) -> Submitted {
        let Some(queue) = self.queues.get_mut(channel) else {
            return Submitted::NoValidator;
        };
        let (verdicts, wake) = (self.verdict_sender.clone(), Arc::clone(&self.wake));
        let candidate = Candidate::new(block, PendingVerdict::new(ticket, verdicts, wake));
        let (refused, outcome) = match queue.sender.try_send(candidate) {
            Ok(()) => return Submitted::Waits,
            Err(TrySendError::Full(candidate)) => (candidate, Submitted::Full),
            Err(TrySendError::Closed(candidate)) => (candidate, queue.ended()),
        };
        // The driver gives the verdict instead.
        refused.discard();
        outcome
    }

    pub(crate) fn next_verdict(&self) -> Option<(Ticket, Verdict)> {
        self.verdicts.try_recv().ok()
    }

    pub(crate) fn has_verdicts(&self) -> bool {
        !self.verdicts.is_empty()
    }
}
