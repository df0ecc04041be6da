//! Asking for what a peer offers.

use std::time::Duration;

use super::asked::Asked;
use super::{Ask, MAX_PARALLEL, Requester};
use crate::channel::commit::{PayloadBuffer, Want};
use crate::out::Out;
use crate::{Config, Instant, PeerId};

impl Requester {
    /// A peer offers a block. It is asked for at once, unless the block is on its way, or one before it is
    /// missing that may be. Nobody brings what is offered: if the peer does not either, another is asked.
    pub(crate) fn on_offer(
        &mut self,
        cx: &mut Out<'_>,
        (peer, seq): (&PeerId, u64),
        buffer: &PayloadBuffer,
    ) -> Option<Ask> {
        let config = &cx.config.state_transfer;
        let (now, timeout) = (cx.now, config.response_timeout);
        let awaited = self.asked.iter().filter(|asked| !asked.late).count();
        let offered = self.asked.iter().filter(|asked| asked.is_offered());
        let busy = |asked: &Asked| asked.peer == *peer && asked.is_busy(now, timeout);
        let roomy = seq == buffer.next() || self.room(buffer, awaited, config.max_response_bytes);
        let free = offered.count() < MAX_PARALLEL
            && !self.asked.iter().any(busy)
            && !self.penalties.holds(peer, now);
        let wanted = buffer.want(seq) == Want::Yes
            && !self.is_brought(cx.config, now, seq, buffer)
            && (buffer.frontier()..seq).all(|before| self.expects(before, buffer));
        if !wanted || !free || !roomy {
            return None;
        }
        self.overdue_to = self.overdue_to.max(seq.saturating_add(1));
        let hedge_after = self.answer_time.hedge_after(timeout);
        Some(self.request(cx, buffer, peer.clone(), (seq, seq), Some(hedge_after)))
    }

    /// Held, being checked, or about to come. One who merely claims a height may not have it: what such a peer has
    /// not answered in the time that answers take is asked of one who offers it too.
    pub(crate) fn is_brought(
        &self,
        config: &Config,
        now: Instant,
        seq: u64,
        buffer: &PayloadBuffer,
    ) -> bool {
        let timeout = config.state_transfer.response_timeout;
        let hedge_after = self.answer_time.hedge_after(timeout);
        let brings = |asked: &Asked| {
            let soon = asked.hurried || now < asked.since + hedge_after;
            !asked.late && soon && (asked.start..=asked.end).contains(&seq)
        };
        buffer.holds(seq) || self.checking.contains_key(&seq) || self.asked.iter().any(brings)
    }

    /// Those who have offered what they have not delivered in all the time that answers have.
    pub(super) fn take_unkept(&mut self, cx: &Out<'_>) -> Vec<PeerId> {
        let timeout = cx.config.state_transfer.response_timeout;
        let unkept = |asked: &&mut Asked| asked.unkept_at(timeout).is_some_and(|at| at <= cx.now);
        let blamed = self.asked.iter_mut().filter(unkept).map(|asked| {
            asked.hurried = false;
            asked.peer.clone()
        });
        blamed.collect()
    }

    /// When the first of them is.
    pub(super) fn next_unkept(&self, timeout: Duration) -> Option<Instant> {
        let times = self.asked.iter().map(|asked| asked.unkept_at(timeout));
        times.flatten().min()
    }
}
