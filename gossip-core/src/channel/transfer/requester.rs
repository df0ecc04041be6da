//! Repair of gaps: requests missing blocks from peers that may have them.

mod asked;
mod offer;
mod push_delay;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Payload, StateRequest};

use self::asked::{AnswerTime, Asked};
use self::push_delay::PushDelay;
use super::claims::{Claims, HeightClaim};
use super::penalties::Penalties;
use crate::channel::commit::{Commit, PayloadBuffer, Want};
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{ChannelId, Config, Instant, Notification, PeerId};

/// The most requests under way, each to another peer.
const MAX_PARALLEL: usize = 4;

/// The most requests kept after their timeout, because their late answers are still used. Beyond that, the oldest is
/// forgotten.
const MAX_LATE: usize = 8;

/// A gap of which no later block has arrived may be missing for so many times longer: a push may still be under way.
const UNSEEN_FACTOR: u32 = 3;

/// The missing numbers, the requests for them, and the peers not to ask.
///
/// A number is missing if it is the first one neither held nor on its way, and a later one is held or claimed by a
/// peer. If it is missing for longer than the push delay and for `gap_timeout` at least, it becomes *overdue*, with all
/// numbers up to the greatest one known then. Overdue numbers are requested in ranges of `batch`, within the window and
/// the room for bytes. So a false claim costs one request to the peer that made it, and then one per penalty of that
/// peer: claims of a penalised peer do not count.
#[derive(Debug)]
pub(crate) struct Requester {
    channel: ChannelId,
    rng: ModuleRng,
    claims: Claims,
    penalties: Penalties,
    /// At most `MAX_PARALLEL` awaited ones, as many again to peers that made an offer, and `MAX_LATE` late ones.
    asked: Vec<Asked>,
    /// The answer times of peers.
    answer_time: AnswerTime,
    /// Blocks that are being checked. Within the window.
    checking: BTreeMap<u64, Checking>,
    /// The missing number, and since when it is missing.
    missing: Option<(u64, Instant)>,
    /// The delay of pushes after the first sign of their blocks.
    push_delay: PushDelay,
    /// Numbers below are requested without waiting for the gap timeout.
    overdue_to: u64,
    /// The last gap that the application was notified of.
    notified: Option<u64>,
    /// The time for which the timer is set, if it is.
    armed: Option<Instant>,
}

/// A request for blocks to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) peer: PeerId,
    pub(crate) nonce: u64,
    pub(crate) request: StateRequest,
    /// The newest known block is in the range.
    pub(crate) newest: bool,
}

/// The result of a response.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    /// Blocks to verify, each with its number.
    pub(crate) blocks: Vec<(u64, Bytes)>,
    /// The peer sent less than requested: the rest is requested from another one.
    pub(crate) short: bool,
}

#[derive(Debug)]
struct Checking {
    /// The peer that sent it on request; `None` if it arrived unasked.
    asked_of: Option<PeerId>,
    bytes: u64,
    /// The time at which the check counts as lost. The verdict is due earlier.
    deadline: Instant,
}

impl Checking {
    const fn unsolicited(bytes: u64, deadline: Instant) -> Self {
        Self {
            asked_of: None,
            bytes,
            deadline,
        }
    }
}

impl Requester {
    pub(crate) fn new(channel: ChannelId, rng: ModuleRng) -> Self {
        Self {
            channel,
            rng,
            claims: Claims::default(),
            penalties: Penalties::default(),
            asked: Vec::new(),
            answer_time: AnswerTime::default(),
            checking: BTreeMap::new(),
            missing: None,
            push_delay: PushDelay::default(),
            overdue_to: 0,
            notified: None,
            armed: None,
        }
    }

    /// Reports all bounded stores.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let peers = config.membership.max_members.get();
        stores.add("heights claimed", self.claims.len(), peers);
        let asked = 2 * MAX_PARALLEL + MAX_LATE;
        stores.add("requests for blocks", self.asked.len(), asked);
        let window = config.state_transfer.window.get();
        stores.add("blocks being checked", self.checking.len(), window);
    }

    pub(super) fn on_claim(&mut self, cx: &mut Out<'_>, peer: &PeerId, claim: HeightClaim) {
        let max = cx.config.membership.max_members.get();
        if !self.claims.set(peer, claim, max) {
            cx.metrics().members_shed += 1;
        }
    }

    pub(crate) fn claimed(&self, peer: &PeerId) -> u64 {
        self.claims.height(peer).unwrap_or(0)
    }

    pub(crate) fn may_have(&self, peer: &PeerId, seq: u64) -> bool {
        self.claimed(peer) > seq
    }

    /// How long the number may be missing: longer, if no later one has arrived either.
    fn gap_timeout(&self, cx: &Out<'_>, number: u64, buffer: &PayloadBuffer) -> Duration {
        let gap = cx.config.state_transfer.gap_timeout;
        let least = if number < buffer.end() {
            gap
        } else {
            gap * UNSEEN_FACTOR
        };
        self.push_delay.timeout().max(least)
    }

    pub(crate) fn on_connected(&mut self, peer: &PeerId) {
        self.claims.set_connected(peer, true);
    }

    /// The last link to the peer has ended, and with it the requests to it.
    pub(crate) fn on_disconnected(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.claims.set_connected(peer, false);
        self.forget_requests_to(cx, peer);
    }

    pub(crate) fn on_peer_gone(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.claims.remove(peer);
        self.forget_requests_to(cx, peer);
    }

    /// The check of an unsolicited block begins. Until its verdict the number is not missing.
    pub(crate) fn on_checking(&mut self, cx: &mut Out<'_>, seq: u64, bytes: u64) {
        let missing = self.missing.filter(|(number, _)| *number == seq);
        let push_delay = missing.map(|(_, since)| cx.now.since(since));
        self.push_delay
            .on_pushed(push_delay, cx.config.state_transfer.gap_timeout);
        self.await_verdict(cx, seq, bytes);
    }

    /// A block is being checked that state transfer did not request.
    pub(crate) fn await_verdict(&mut self, cx: &Out<'_>, seq: u64, bytes: u64) {
        let deadline = cx.now + cx.config.gate.check_timeout;
        let checking = Checking::unsolicited(bytes, deadline);
        self.checking.entry(seq).or_insert(checking);
    }

    /// The application rejects this block for now: it counts as on its way for a while.
    pub(crate) fn on_ignored(&mut self, cx: &Out<'_>, seq: u64) {
        let deadline = cx.now + cx.config.state_transfer.peer_penalty;
        let checking = Checking::unsolicited(0, deadline);
        self.checking.insert(seq, checking);
    }

    /// A block that we have was pushed. If it was fetched, the request was too early.
    pub(crate) fn on_late_push(&mut self, now: Instant, seq: u64) {
        self.push_delay.on_late_push(now, seq);
    }

    /// Returns once whether the last pushes have all been late.
    pub(crate) fn take_late(&mut self) -> bool {
        self.push_delay.take_late()
    }

    /// A block passed its check. If it was sent on request, its sender is rewarded.
    pub(crate) fn on_checked(&mut self, cx: &mut Out<'_>, seq: u64) {
        if let Some(peer) = self.checking.remove(&seq).and_then(|done| done.asked_of) {
            let base = cx.config.state_transfer.peer_penalty;
            self.penalties.reward(&peer, cx.now, base);
        }
    }

    /// A block that the peer sent on request does not verify.
    pub(crate) fn on_bad_block(&mut self, cx: &mut Out<'_>, peer: &PeerId, seq: u64) {
        if self.end_check(seq, Some(peer)) {
            self.punish(cx, peer);
        }
    }

    /// The check of a block ends without a verdict on its sender. Returns whether it was the check of this copy: that
    /// of `asked_of` if it was requested, an unsolicited one otherwise.
    pub(crate) fn end_check(&mut self, seq: u64, asked_of: Option<&PeerId>) -> bool {
        let checking = self.checking.get(&seq);
        let ends = checking.is_some_and(|checking| checking.asked_of.as_ref() == asked_of);
        if ends {
            self.checking.remove(&seq);
        }
        ends
    }

    /// Takes an answer. An unsolicited one changes nothing, not even a timer.
    pub(crate) fn on_response(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        (peer, nonce): (&PeerId, u64),
        payloads: Vec<Payload>,
    ) -> Response {
        let mut received = Response::default();
        let found = self
            .asked
            .iter()
            .position(|asked| asked.nonce == nonce && asked.peer == *peer);
        let Some(index) = found else {
            cx.metrics().state_responses_refused += 1;
            return received;
        };
        let asked = self.asked.remove(index);
        // Refusals are quicker than single blocks, and batches slower.
        if asked.start == asked.end && !payloads.is_empty() {
            self.answer_time.learn(cx.now.since(asked.since));
        }
        if !asked.covers(&payloads) {
            cx.metrics().state_responses_refused += 1;
            cx.metrics().violations += 1;
            self.punish(cx, peer);
            received.short = true;
            return received;
        }
        let begins = payloads.first().map(|payload| payload.seq_num) == Some(asked.start);
        if !begins && !asked.late && buffer.want(asked.start) == Want::Yes {
            // The peer lacks a block that it claims to have.
            self.punish(cx, peer);
        }
        received.short = payloads.last().map(|payload| payload.seq_num) != Some(asked.end);
        let deadline = cx.now + cx.config.gate.check_timeout;
        for Payload {
            seq_num: seq, data, ..
        } in payloads
        {
            if buffer.want(seq) != Want::Yes || self.checking.contains_key(&seq) {
                continue;
            }
            let checking = Checking {
                asked_of: Some(peer.clone()),
                bytes: data.len() as u64,
                deadline,
            };
            self.checking.insert(seq, checking);
            received.blocks.push((seq, data));
        }
        received
    }

    /// Gives up overdue requests, and declares numbers overdue that have been missing for too long.
    pub(crate) fn on_timer(&mut self, cx: &mut Out<'_>, buffer: &PayloadBuffer) {
        self.armed = None;
        let now = cx.now;
        let mut silent = self.take_unkept_offers(cx);
        for asked in &mut self.asked {
            if !asked.late && asked.deadline <= now {
                asked.late = true;
                cx.metrics().state_requests_timed_out += 1;
                if !asked.offered {
                    silent.push(asked.peer.clone());
                }
            }
        }
        for peer in silent {
            self.punish(cx, &peer);
        }
        self.checking.retain(|_, checking| checking.deadline > now);
        self.observe(now, buffer);
        if let Some((number, since)) = self.missing
            && since + self.gap_timeout(cx, number, buffer) <= now
        {
            self.missing = None;
            self.push_delay.on_overdue(number, since);
            self.overdue_to = self.known_end(now, buffer);
            if self.notified != Some(number) {
                self.notified = Some(number);
                let (channel, next) = (self.channel.clone(), number);
                tracing::debug!(%channel, next, known = self.overdue_to, "gap");
                cx.notify(Notification::GapDetected { channel, next });
            }
        }
    }

    /// Requests all overdue numbers that may be requested, and sets the timer for the next deadline. `avoid` is asked
    /// only if no other peer is left.
    pub(crate) fn pump(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        avoid: Option<&PeerId>,
    ) -> Vec<Ask> {
        self.tidy(buffer);
        self.observe(cx.now, buffer);
        let mut asks = Vec::new();
        while let Some(ask) = self.ask(cx, buffer, avoid) {
            asks.push(ask);
        }
        let deadline = self.next_deadline(cx, buffer);
        self.arm(cx, deadline);
        asks
    }

    /// Ensures that the timer fires by then. A timer that is set is not postponed: blocks arrive much more often than
    /// deadlines expire, and if it fires early it is set again.
    pub(crate) fn arm(&mut self, cx: &mut Out<'_>, at: Option<Instant>) {
        if let Some(at) = at
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.armed = Some(at);
            let key = TimerKey::Channel(ChannelTimer::Transfer, self.channel.clone());
            cx.timers().set(key, at);
        }
    }

    fn disarm(&mut self, cx: &mut Out<'_>) {
        if self.armed.take().is_some() {
            let key = TimerKey::Channel(ChannelTimer::Transfer, self.channel.clone());
            cx.timers().cancel(&key);
        }
    }

    /// Forgets everything.
    pub(crate) fn stop(&mut self, cx: &mut Out<'_>) {
        self.claims.clear();
        self.asked.clear();
        self.checking.clear();
        self.disarm(cx);
    }

    fn tidy(&mut self, buffer: &PayloadBuffer) {
        let next = buffer.next();
        while let Some(first) = self.checking.first_entry() {
            if *first.key() >= next {
                break;
            }
            first.remove();
        }
        self.asked
            .retain(|asked| !asked.late || asked.offered || asked.end >= next);
        let late = self.asked.len() - self.awaited().count();
        for _ in MAX_LATE..late {
            if let Some(oldest) = self.asked.iter().position(|asked| asked.late) {
                self.asked.remove(oldest);
            }
        }
    }

    /// Records whether a number is missing that is not overdue yet.
    fn observe(&mut self, now: Instant, buffer: &PayloadBuffer) {
        let known = self.known_end(now, buffer);
        self.overdue_to = self.overdue_to.min(known);
        let absent = |seq: &u64| !buffer.holds(*seq) && !self.checking.contains_key(seq);
        let Some(number) = (buffer.frontier()..known.min(buffer.limit())).find(absent) else {
            self.missing = None;
            return;
        };
        if number < self.overdue_to {
            self.missing = None;
        } else if self.missing.is_none_or(|(before, _)| before != number) {
            self.missing = Some((number, now));
        }
    }

    /// One more than the greatest number that is held or claimed.
    pub(crate) fn known_end(&self, now: Instant, buffer: &PayloadBuffer) -> u64 {
        let counts = |peer: &PeerId| !self.penalties.holds(peer, now);
        self.claims.highest(counts).unwrap_or(0).max(buffer.end())
    }

    /// One more request, if there are numbers to request and a peer to ask.
    fn ask(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        avoid: Option<&PeerId>,
    ) -> Option<Ask> {
        let config = &cx.config.state_transfer;
        let limit = buffer.limit().min(self.overdue_to);
        let start = (buffer.frontier()..limit).find(|seq| !self.expects(*seq, buffer))?;
        let roomy = self.room(buffer, config.max_response_bytes);
        if self.awaited().count() >= MAX_PARALLEL || !roomy && start != buffer.next() {
            return None;
        }
        // Without room only the next number is sure to have a place.
        let batch = if roomy { config.batch.get() as u64 } else { 1 };
        let end = (start..limit.min(start.saturating_add(batch)))
            .take_while(|seq| !self.expects(*seq, buffer))
            .last()
            .unwrap_or(start);
        let (peer, height) = self.choose(cx, (start, end), avoid)?;
        let end = end.min(height.saturating_sub(1)).max(start);
        Some(self.request(cx, buffer, peer, (start, end), None))
    }

    /// Asks a peer, with the usual timeout or a shorter one.
    fn request(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        peer: PeerId,
        (start, end): (u64, u64),
        hedge_after: Option<Duration>,
    ) -> Ask {
        let nonce = self.rng.next_u64();
        let timeout = hedge_after.unwrap_or(cx.config.state_transfer.response_timeout);
        self.asked.push(Asked {
            peer: peer.clone(),
            nonce,
            start,
            end,
            since: cx.now,
            deadline: cx.now + timeout,
            offered: hedge_after.is_some(),
            late: false,
        });
        cx.metrics().state_requests_sent += 1;
        Ask {
            peer,
            nonce,
            request: StateRequest { start, end },
            newest: hedge_after.is_some()
                || end.saturating_add(1) >= self.known_end(cx.now, buffer),
        }
    }

    /// Returns whether this block is missing, with a place for it, and not on its way.
    pub(crate) fn lacks(&self, seq: u64, commit: &Commit) -> bool {
        commit.want(seq) == Want::Yes && !self.expects(seq, commit.buffer())
    }

    /// Returns whether the block is held, awaited or being checked.
    pub(crate) fn expects(&self, seq: u64, buffer: &PayloadBuffer) -> bool {
        buffer.holds(seq)
            || self.checking.contains_key(&seq)
            || self
                .awaited()
                .any(|asked| (asked.start..=asked.end).contains(&seq))
    }

    /// Returns whether one more answer of full size fits beside all expected ones.
    fn room(&self, buffer: &PayloadBuffer, answer: u64) -> bool {
        let checking: u64 = self.checking.values().map(|checking| checking.bytes).sum();
        let answers = (self.awaited().count() as u64 + 1).saturating_mul(answer);
        let expected = checking.saturating_add(answers);
        buffer.bytes().saturating_add(expected) <= buffer.max_bytes()
    }

    /// A random peer among the best that may have block `start`: not `avoid`, connected, with all of the range.
    fn choose(
        &mut self,
        cx: &Out<'_>,
        (start, end): (u64, u64),
        avoid: Option<&PeerId>,
    ) -> Option<(PeerId, u64)> {
        let (now, timeout) = (cx.now, cx.config.state_transfer.response_timeout);
        let mut best = (false, false, false);
        let mut pool = Vec::new();
        for (peer, claim) in self.claims.having(start) {
            let busy = |asked: &Asked| asked.peer == *peer && asked.is_busy(now, timeout);
            if self.asked.iter().any(busy) || self.penalties.holds(peer, now) {
                continue;
            }
            let rank = (avoid != Some(peer), claim.connected, claim.height > end);
            if rank > best {
                best = rank;
                pool.clear();
            }
            if rank == best {
                pool.push((peer, claim.height));
            }
        }
        let index = self.rng.below(pool.len());
        pool.get(index)
            .map(|(peer, height)| ((*peer).clone(), *height))
    }

    fn next_deadline(&self, cx: &Out<'_>, buffer: &PayloadBuffer) -> Option<Instant> {
        let frontier = buffer.frontier();
        let answer = self.awaited().map(|asked| asked.deadline).min();
        let checks = self.checking.values();
        let check = checks.map(|checking| checking.deadline).min();
        let overdue = self
            .missing
            .map(|(number, since)| since + self.gap_timeout(cx, number, buffer));
        let may_help = |peer: &PeerId| self.may_have(peer, frontier);
        let pardon = self.penalties.next_end(cx.now, may_help);
        let timeout = cx.config.state_transfer.response_timeout;
        let free = self
            .asked
            .iter()
            .filter(|asked| asked.late && asked.is_busy(cx.now, timeout))
            .map(|asked| asked.busy_until(timeout))
            .min();
        let unkept = self.next_offer_deadline(timeout);
        [answer, check, overdue, pardon, free, unkept]
            .into_iter()
            .flatten()
            .min()
    }

    /// The requests whose timeout has not expired.
    fn awaited(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|asked| !asked.late)
    }

    fn forget_requests_to(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let awaited = self.awaited().any(|asked| asked.peer == *peer);
        self.asked.retain(|asked| asked.peer != *peer);
        if awaited {
            self.punish(cx, peer);
        }
    }

    fn punish(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let base = cx.config.state_transfer.peer_penalty;
        self.penalties.punish(peer, cx.now, base, &mut self.rng);
    }
}
