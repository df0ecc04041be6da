//! Ordered commit of a channel's blocks.
//!
//! Blocks arrive in any order: published by the application, pushed by peers, or sent by peers on request. [`Commit`]
//! holds verified ones until their turn, and hands them to the ledger one at a time.
//!
//! Corresponds to Fabric's `gossip/state/payloads_buffer.go` and the commit in `state.go`.
//!
//! # Deviations
//! - The next number to commit always has a place, and nothing waits for room inside the core: the farthest block is
//!   dropped instead. A publication too far ahead is answered `Busy`, which is back-pressure for the publisher.
//! - The window moves only when a block is in the ledger. The place of a block that the ledger refuses is free for
//!   another copy.
//! - A failure of the ledger halts the channel, not the process; peers are still served.
//! - A publication is pushed to peers when it gets its place in the buffer, not when it is committed. So dissemination
//!   can run ahead of a slow ledger by one window, which is also what the peers would keep.

#[cfg(test)]
mod buffer_tests;
mod external;
mod payload_buffer;
mod pipeline;

use self::payload_buffer::Block;
pub(crate) use self::payload_buffer::PayloadBuffer;
pub(crate) use self::payload_buffer::{Insert, Want};
use self::pipeline::{Pipeline, Step};
use crate::gate::admitted::{Admitted, BlockItem};
use crate::out::Out;
use crate::snapshot::Stores;
use crate::{
    BlockOrigin, ChannelId, Config, LedgerError, LedgerOutcome, Notification, RequestError,
    RequestId,
};

/// A channel's blocks on their way to the ledger.
#[derive(Debug)]
pub(crate) struct Commit {
    channel: ChannelId,
    buffer: PayloadBuffer,
    pipeline: Pipeline,
    /// An external commit: a request and its height, which waits until the ledger's height is read.
    external: Option<(RequestId, u64)>,
}

/// The effects of an answer of the ledger.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The first read of the height is done, or has failed.
    pub(crate) started: Option<Result<(), LedgerError>>,
    /// The height has changed. Nearly always by one, upwards.
    pub(crate) moved: bool,
    /// Commits have stopped for good.
    pub(crate) halted: bool,
}

impl Commit {
    /// Reads the ledger's height. No block is wanted until it is known.
    pub(crate) fn new(cx: &mut Out<'_>, channel: ChannelId) -> Self {
        let config = &cx.config.state_transfer;
        let buffer = PayloadBuffer::new(0, config);
        Self {
            pipeline: Pipeline::start(cx, &channel),
            channel,
            buffer,
            external: None,
        }
    }

    /// Returns whether the ledger's height is known and the channel has not halted.
    pub(crate) fn runs(&self) -> bool {
        self.pipeline.runs()
    }

    /// Returns whether a block of this number is worth verifying.
    pub(crate) fn want(&self, seq: u64) -> Want {
        if self.pipeline.runs() {
            self.buffer.want(seq)
        } else {
            Want::Beyond
        }
    }

    /// Returns whether the block is held or stored.
    pub(crate) fn has(&self, seq: u64) -> bool {
        self.buffer.want(seq) == Want::Known
    }

    /// The blocks that wait for the ledger.
    pub(crate) fn buffer(&self) -> &PayloadBuffer {
        &self.buffer
    }

    /// The number of blocks in the ledger, as far as known.
    pub(crate) fn height(&self) -> u64 {
        self.buffer.next()
    }

    /// The first number beyond the window.
    pub(crate) fn limit(&self) -> u64 {
        self.buffer.limit()
    }

    /// Changes with the height, the number of blocks held, and the halt.
    pub(crate) fn version(&self) -> u64 {
        self.buffer.version()
    }

    /// The reason of the halt.
    pub(crate) fn halted(&self) -> Option<&str> {
        self.pipeline.halted()
    }

    /// Returns whether a block to publish, of this number and size, is new.
    ///
    /// # Errors
    /// `Busy` if the block has no place yet, `Halted` if it never will.
    pub(crate) fn check_room(&self, seq: u64, bytes: usize) -> Result<bool, RequestError> {
        match self.want(seq) {
            Want::Known => Ok(false),
            Want::Yes if self.buffer.has_room(seq, bytes as u64) => Ok(true),
            Want::Yes | Want::Beyond => Err(self.no_room()),
        }
    }

    /// The error for a block of the application that has no place.
    pub(crate) fn no_room(&self) -> RequestError {
        self.halted_error().unwrap_or(RequestError::Busy)
    }

    /// Takes a block, unless the channel has halted or its height is unknown.
    pub(crate) fn admit(&mut self, cx: &mut Out<'_>, block: &Admitted<BlockItem>) -> Insert {
        if !self.pipeline.runs() {
            return Insert::Beyond;
        }
        let BlockItem {
            seq, data, source, ..
        } = block.get();
        let origin = source.origin();
        let (data, metrics) = (data.clone(), cx.metrics());
        let (inserted, evicted) = self.buffer.insert(*seq, Block { data, origin });
        metrics.blocks_beyond_window += evicted;
        match (inserted, origin) {
            (Insert::Stored, BlockOrigin::Local) => metrics.blocks_published += 1,
            (Insert::Stored, BlockOrigin::Push) => metrics.blocks_pushed += 1,
            (Insert::Stored, BlockOrigin::StateTransfer) => metrics.blocks_transferred += 1,
            (Insert::Stored, BlockOrigin::Pull) => metrics.blocks_pulled += 1,
            (Insert::Known, BlockOrigin::Push) => metrics.blocks_duplicate += 1,
            (Insert::Known | Insert::Beyond, BlockOrigin::Local) | (Insert::Known, _) => {}
            (Insert::Beyond, _) => metrics.blocks_beyond_window += 1,
        }
        inserted
    }

    /// Hands the next block to the ledger, if it is held and the ledger is idle.
    pub(crate) fn proceed(&mut self, cx: &mut Out<'_>) {
        self.pipeline.commit_next(cx, &self.channel, &self.buffer);
    }

    /// The ledger has answered. Call [`Commit::proceed`] next.
    pub(crate) fn on_ledger_done(&mut self, cx: &mut Out<'_>, outcome: LedgerOutcome) -> Progress {
        let mut progress = Progress::default();
        let before = self.buffer.next();
        let step = self
            .pipeline
            .on_done(cx, &self.channel, &mut self.buffer, outcome);
        match step {
            Step::Started => progress.started = Some(Ok(())),
            Step::StartFailed(error) => progress.started = Some(Err(error)),
            Step::Committed { seq, origin } => {
                cx.metrics().blocks_committed += 1;
                let channel = self.channel.clone();
                cx.notify(Notification::Committed {
                    channel,
                    seq,
                    origin,
                });
                progress.moved = true;
            }
            Step::Resyncing => {}
            Step::Refused { seq, reason } => {
                tracing::warn!(channel = %self.channel, seq, %reason, "the ledger refuses a block");
                cx.notify(Notification::BlockRefused {
                    channel: self.channel.clone(),
                    seq,
                    reason,
                });
            }
            Step::ExternalHeight(result) => {
                self.answer_external(cx, result);
                progress.moved = self.buffer.next() != before;
            }
            Step::Resynced => progress.moved = self.buffer.next() != before,
            Step::Halted => {
                self.halt(cx);
                progress.halted = true;
            }
        }
        if self.external.is_some() {
            self.pipeline.read_height(cx, &self.channel);
        }
        progress
    }

    /// Stops, and answers waiting requests with `error`.
    pub(crate) fn stop(&mut self, cx: &mut Out<'_>, error: &RequestError) {
        if let Some((id, _)) = self.external.take() {
            cx.answer(id, Err(error.clone()));
        }
    }

    /// Reports all bounded stores.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let transfer = &config.state_transfer;
        // The next block always has a place.
        let block = config.limits.max_envelope as u64;
        let bytes = transfer.window_bytes.saturating_add(block);
        let (held, window) = (self.buffer.len(), transfer.window.get());
        let size = (self.buffer.bytes(), bytes);
        stores.add_bytes("blocks that wait for the ledger", (held, window), size);
    }

    fn halt(&mut self, cx: &mut Out<'_>) {
        let Some(error) = self.halted_error() else {
            return;
        };
        tracing::warn!(channel = %self.channel, %error, "channel halted");
        self.stop(cx, &error);
        self.buffer.clear();
        if let Some(reason) = self.pipeline.halted() {
            cx.notify(Notification::ChannelHalted {
                channel: self.channel.clone(),
                reason: reason.to_owned(),
            });
        }
    }

    fn halted_error(&self) -> Option<RequestError> {
        self.pipeline.halted().map(|reason| RequestError::Halted {
            channel: self.channel.clone(),
            reason: reason.to_owned(),
        })
    }
}
