//! Requests for offered blocks.

use std::time::Duration;

use super::asked::Asked;
use super::{Ask, MAX_PARALLEL, Requester};
use crate::channel::commit::{PayloadBuffer, Want};
use crate::out::Out;
use crate::{Config, Instant, PeerId};

impl Requester {
    /// A peer offers a block. It is requested at once, unless the block is on its way, or an earlier one is missing and
    /// not on its way. Offered blocks are not pushed: if the peer does not deliver, another one is asked.
    pub(crate) fn on_offer(
        &mut self,
        cx: &mut Out<'_>,
        (peer, seq): (&PeerId, u64),
        buffer: &PayloadBuffer,
    ) -> Option<Ask> {
        let config = &cx.config.state_transfer;
        let (now, timeout) = (cx.now, config.response_timeout);
        let offered = self.asked.iter().filter(|asked| asked.is_awaited_offer());
        let busy = |asked: &Asked| asked.peer == *peer && asked.is_busy(now, timeout);
        let roomy = seq == buffer.next() || self.room(buffer, config.max_response_bytes);
        let free = offered.count() < MAX_PARALLEL
            && !self.asked.iter().any(busy)
            && !self.penalties.holds(peer, now);
        let wanted = buffer.want(seq) == Want::Yes
            && !self.is_arriving(cx.config, now, seq, buffer)
            && (buffer.frontier()..seq).all(|before| self.expects(before, buffer));
        if !wanted || !free || !roomy {
            return None;
        }
        self.overdue_to = self.overdue_to.max(seq.saturating_add(1));
        let hedge_after = self.answer_time.hedge_after(timeout);
        Some(self.request(cx, buffer, peer.clone(), (seq, seq), Some(hedge_after)))
    }

    /// Returns whether the block is held, being checked, or about to arrive. A peer that claims a height may not have
    /// the block: if it has not answered in the usual answer time, the block is requested from a peer that offers it
    /// too.
    pub(crate) fn is_arriving(
        &self,
        config: &Config,
        now: Instant,
        seq: u64,
        buffer: &PayloadBuffer,
    ) -> bool {
        let timeout = config.state_transfer.response_timeout;
        let hedge_after = self.answer_time.hedge_after(timeout);
        let arrives = |asked: &Asked| {
            let soon = asked.offered || now < asked.since + hedge_after;
            soon && (asked.start..=asked.end).contains(&seq)
        };
        buffer.holds(seq) || self.checking.contains_key(&seq) || self.awaited().any(arrives)
    }

    /// Takes the peers that offered a block and have not delivered it within the response timeout.
    pub(super) fn take_unkept_offers(&mut self, cx: &Out<'_>) -> Vec<PeerId> {
        let timeout = cx.config.state_transfer.response_timeout;
        let unkept =
            |asked: &&mut Asked| asked.offer_deadline(timeout).is_some_and(|at| at <= cx.now);
        let silent = self.asked.iter_mut().filter(unkept).map(|asked| {
            asked.offered = false;
            asked.peer.clone()
        });
        silent.collect()
    }

    /// The time at which the first of them is overdue.
    pub(super) fn next_offer_deadline(&self, timeout: Duration) -> Option<Instant> {
        let times = self.asked.iter().map(|asked| asked.offer_deadline(timeout));
        times.flatten().min()
    }
}
