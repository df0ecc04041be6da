//! Blocks that peers offer instead of sending them unasked.

use super::payload_buffer::Want;
use super::{Effect, StateTransfer};
use crate::cx::Cx;
use crate::{Config, Instant, PeerId};

impl StateTransfer {
    /// Would a copy of the block be one too many, since it is held, stored or on its way?
    pub(crate) fn is_provided(&self, config: &Config, now: Instant, seq: u64) -> bool {
        self.buffer.want(seq) == Want::Known || self.is_coming(config, now, seq)
    }

    /// Is the block being checked, or about to come from somebody who was asked?
    pub(crate) fn is_coming(&self, config: &Config, now: Instant, seq: u64) -> bool {
        self.buffer.want(seq) == Want::Yes
            && self.requester.is_brought(config, now, seq, &self.buffer)
    }

    /// A peer offers a block, which it has claimed to have: it is asked for at once if it is the next one
    /// that nobody brings.
    pub(crate) fn on_offer(&mut self, cx: &mut Cx<'_>, peer: &PeerId, seq: u64) -> Vec<Effect> {
        let mut effects = Vec::new();
        if self.pipeline.runs() {
            self.requester
                .on_offer(cx, (peer, seq), &self.buffer, &mut effects);
            self.proceed(cx, None, &mut effects);
        }
        effects
    }
}
