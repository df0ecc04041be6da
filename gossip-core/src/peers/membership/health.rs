//! How far we may trust our own judgement of others (Dadgar, Phillips, Currey, "Lifeguard: local health
//! awareness for more accurate failure detection", 2018).
//!
//! A node that is starved of processor time or cut off sees everybody fall silent. So it probes for signs that
//! the fault is its own, and gives others more time the more of them there are.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Membership;
use crate::config::MAX_HEALTH_MULTIPLIER;
use crate::out::Out;
use crate::{Instant, PeerId};

/// Signs that something is wrong with ourselves.
#[derive(Debug)]
pub(super) struct Health {
    /// From 0, well, to `WORST`.
    score: u8,
    /// We were frozen until then: what silence there was before says nothing.
    thawed: Instant,
    /// When anything at all arrived last.
    heard: Instant,
    /// Living members that have not answered since somebody has. At most `MOST_UNANSWERED`.
    unanswered: BTreeSet<PeerId>,
}

const WORST: u8 = 8;
/// So many different peers in a row that do not answer are more likely to be unheard by us.
const DEAF: usize = 3;
/// When so many have not answered, more would say nothing new.
const MOST_UNANSWERED: usize = DEAF * WORST as usize;
/// A timer this part of the expiration late shows that we were frozen; a fifth of that, that we are slow.
const FROZEN: u32 = 10;
const SLOW: u32 = 50;

impl Health {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            score: 0,
            thawed: now,
            heard: now,
            unanswered: BTreeSet::new(),
        }
    }

    /// A message has arrived.
    pub(super) fn on_heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// When a member seen last at `seen` began to be silent, as far as we can tell.
    pub(super) fn silent_since(&self, seen: Instant) -> Instant {
        seen.max(self.thawed)
    }

    fn worsen(&mut self, cx: &mut Out<'_>, by: u8) {
        self.score = self.score.saturating_add(by).min(WORST);
        cx.metrics().health = self.score.into();
    }

    fn improve(&mut self, cx: &mut Out<'_>) {
        self.score = self.score.saturating_sub(1);
        cx.metrics().health = self.score.into();
    }

    /// Somebody has answered us.
    pub(super) fn on_answer(&mut self, cx: &mut Out<'_>) {
        self.unanswered.clear();
        self.improve(cx);
    }

    /// A living member has not; it counts once until somebody answers, however often it is asked.
    pub(super) fn on_no_answer(&mut self, cx: &mut Out<'_>, peer: PeerId) {
        let counts = self.unanswered.len() < MOST_UNANSWERED && self.unanswered.insert(peer);
        if counts && self.unanswered.len().is_multiple_of(DEAF) {
            self.worsen(cx, 1);
        }
    }
}

impl Membership {
    /// Timers fire, the first of them so late.
    pub(crate) fn on_tick(&mut self, cx: &mut Out<'_>, late: Duration) {
        let expiration = cx.config.membership.alive_expiration;
        if late > expiration / FROZEN {
            tracing::info!(?late, "this node was frozen");
            self.health.thawed = cx.now;
            self.health.worsen(cx, 2);
        } else if late > expiration / SLOW {
            self.health.worsen(cx, 1);
        }
    }

    /// A message has arrived on an authenticated link.
    pub(crate) fn on_heard(&mut self, now: Instant) {
        self.health.on_heard(now);
    }

    /// Our heartbeat's timer was in time, as it is when nothing is wrong.
    pub(super) fn recover(&mut self, cx: &mut Out<'_>) {
        if self.health.unanswered.is_empty() && !self.is_deaf(cx) {
            self.health.improve(cx);
        }
    }

    /// How much more time than usual a member has to show itself.
    pub(super) fn health_multiplier(&self, cx: &Out<'_>) -> u32 {
        let doubtful = u32::from(self.is_deaf(cx)) + 1;
        (1 + u32::from(self.health.score))
            .saturating_mul(doubtful)
            .min(MAX_HEALTH_MULTIPLIER)
    }

    /// Nothing has come from anybody for two heartbeats, though there are several who should be heard.
    pub(super) fn is_deaf(&self, cx: &Out<'_>) -> bool {
        let longest = cx.config.membership.alive_interval.saturating_mul(2);
        self.alive.len() > 1 && cx.now.since(self.health.heard) > longest
    }
}
