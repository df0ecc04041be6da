//! Asking for what a peer offers.

use super::super::payload_buffer::{PayloadBuffer, Want};
use super::asked::Asked;
use super::{Effect, MAX_PARALLEL, Requester};
use crate::PeerId;
use crate::cx::Cx;

impl Requester {
    /// A peer offers a block. It is asked for at once, unless the block is on its way, or one before it is
    /// missing that may be. Nobody brings what is offered: if the peer does not either, another is asked.
    pub(in crate::state_transfer) fn on_offer(
        &mut self,
        cx: &mut Cx<'_>,
        (peer, seq): (&PeerId, u64),
        buffer: &PayloadBuffer,
        effects: &mut Vec<Effect>,
    ) {
        let config = &cx.config.state_transfer;
        let (now, timeout) = (cx.now, config.response_timeout);
        let awaited = self.asked.iter().filter(|asked| !asked.late).count();
        let busy = |asked: &Asked| asked.peer == *peer && asked.is_busy(now, timeout);
        let roomy = seq == buffer.next() || self.room(buffer, awaited, config.max_response_bytes);
        let free = awaited < MAX_PARALLEL
            && !self.asked.iter().any(busy)
            && !self.penalties.holds(peer, now);
        let wanted = buffer.want(seq) == Want::Yes
            && !self.expects(seq, buffer)
            && (buffer.frontier()..seq).all(|before| self.expects(before, buffer));
        if !wanted || !free || !roomy {
            return;
        }
        self.overdue_to = self.overdue_to.max(seq.saturating_add(1));
        let patience = self.answer_time.patience(timeout);
        let effect = self.request(cx, buffer, peer.clone(), (seq, seq), Some(patience));
        effects.push(effect);
    }
}
