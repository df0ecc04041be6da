//! The local health: how reliable our own judgement of other members is (Dadgar, Phillips, Currey, "Lifeguard: local
//! health awareness for more accurate failure detection", 2018).
//!
//! To a node that lacks processor time or is cut off, all members seem silent. Signs that the fault is its own
//! therefore raise a score, and the score extends the time that members have before they count as dead.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Membership;
use crate::config::MAX_HEALTH_MULTIPLIER;
use crate::out::Out;
use crate::{Instant, PeerId};

/// Signs that this node itself is at fault.
#[derive(Debug)]
pub(super) struct Health {
    /// From 0, healthy, to `MAX_SCORE`.
    score: u8,
    /// The end of the last time that this node was suspended. Silence of members before it does not count.
    resumed: Instant,
    /// The time of the last message from any peer.
    heard: Instant,
    /// Alive members that have not answered since the last answer from any member. At most `MAX_UNANSWERED`.
    unanswered: BTreeSet<PeerId>,
}

const MAX_SCORE: u8 = 8;
/// Number of different unanswered members that raise the score by one: that many are more likely a fault of our own.
const UNANSWERED_STEP: usize = 3;
/// Further unanswered members could not raise the score.
const MAX_UNANSWERED: usize = UNANSWERED_STEP * MAX_SCORE as usize;
/// A timer that is late by more than this fraction of the expiration shows that the node was suspended ..
const SUSPENDED: u32 = 10;
/// .. and one that is late by more than this fraction shows that it is slow.
const SLOW: u32 = 50;

impl Health {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            score: 0,
            resumed: now,
            heard: now,
            unanswered: BTreeSet::new(),
        }
    }

    /// Records that a message was received.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The begin of the silence of a member last seen at `seen`, as far as this node can tell.
    pub(super) fn silent_since(&self, seen: Instant) -> Instant {
        seen.max(self.resumed)
    }

    fn worsen(&mut self, cx: &mut Out<'_>, by: u8) {
        self.score = self.score.saturating_add(by).min(MAX_SCORE);
        cx.metrics().health = self.score.into();
    }

    fn improve(&mut self, cx: &mut Out<'_>) {
        self.score = self.score.saturating_sub(1);
        cx.metrics().health = self.score.into();
    }

    /// Handles an answer from any member.
    pub(super) fn on_answer(&mut self, cx: &mut Out<'_>) {
        self.unanswered.clear();
        self.improve(cx);
    }

    /// Handles a missing answer of an alive member. Each member counts once until the next answer from any member.
    pub(super) fn on_no_answer(&mut self, cx: &mut Out<'_>, peer: PeerId) {
        let counts = self.unanswered.len() < MAX_UNANSWERED && self.unanswered.insert(peer);
        if counts && self.unanswered.len().is_multiple_of(UNANSWERED_STEP) {
            self.worsen(cx, 1);
        }
    }
}

impl Membership {
    /// Records how late the first of the timers that fire now is.
    pub(crate) fn on_tick(&mut self, cx: &mut Out<'_>, late: Duration) {
        let expiration = cx.config.membership.alive_expiration;
        if late > expiration / SUSPENDED {
            tracing::info!(?late, "this node was suspended");
            self.health.resumed = cx.now;
            self.health.worsen(cx, 2);
        } else if late > expiration / SLOW {
            self.health.worsen(cx, 1);
        }
    }

    /// Records that a message was received on an authenticated link.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        self.health.on_heard(now);
    }

    /// Improves the score with our heartbeat's timer, if there are no signs of a fault.
    pub(super) fn recover(&mut self, cx: &mut Out<'_>) {
        if self.health.unanswered.is_empty() && !self.hears_nothing(cx) {
            self.health.improve(cx);
        }
    }

    /// The factor by which the expiration of members is extended.
    pub(super) fn health_multiplier(&self, cx: &Out<'_>) -> u32 {
        let isolation = u32::from(self.hears_nothing(cx)) + 1;
        (1 + u32::from(self.health.score))
            .saturating_mul(isolation)
            .min(MAX_HEALTH_MULTIPLIER)
    }

    /// Returns whether no message has been received for two heartbeat intervals, although several members are alive.
    pub(super) fn hears_nothing(&self, cx: &Out<'_>) -> bool {
        let longest = cx.config.membership.alive_interval.saturating_mul(2);
        self.alive.len() > 1 && cx.now.since(self.health.heard) > longest
    }
}
