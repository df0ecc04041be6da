//! The driver's side of validation: sends blocks to the validators and collects their verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_channel::{Receiver, Sender, TrySendError};
use bytes::Bytes;
use futures_util::task::AtomicWaker;
use gossip_core::{ChannelId, Node, PeerId, Ticket, Verdict};

use crate::validator::{Candidate, PendingVerdict};

/// The validators of all channels, at most one each.
pub(crate) struct Validators {
    queues: BTreeMap<ChannelId, Sender<Candidate>>,
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
    /// The channel has no validator.
    NoValidator,
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
    pub(crate) fn open(&mut self, channel: &ChannelId, queue: Sender<Candidate>) -> bool {
        self.queues.retain(|_, queue| !queue.is_closed());
        let free = !self.queues.contains_key(channel);
        if free {
            self.queues.insert(channel.clone(), queue);
        }
        free
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
        let Some(queue) = self.queues.get(channel) else {
            return Submitted::NoValidator;
        };
        let (verdicts, wake) = (self.verdict_sender.clone(), Arc::clone(&self.wake));
        let candidate = Candidate::new(block, PendingVerdict::new(ticket, verdicts, wake));
        let (refused, outcome) = match queue.try_send(candidate) {
            Ok(()) => return Submitted::Waits,
            Err(TrySendError::Full(candidate)) => (candidate, Submitted::Full),
            Err(TrySendError::Closed(candidate)) => (candidate, Submitted::NoValidator),
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
