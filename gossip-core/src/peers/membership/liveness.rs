//! Deadlines of members: to die, to be tried again, to be forgotten.

use std::time::Duration;

use gossip_proto::{Alive, PeerTime, SignedMessage};

use super::record::{Liveness, Record};
use super::tombstones::Tombstone;
use super::{MemberCx, MemberSignal, Membership};
use crate::out::Out;
use crate::timer::TimerKey;
use crate::{Notification, PeerId};

/// How long a member may be silent before it is asked itself: pushes reach most peers, not all, and
/// in a large network somebody misses several of one member's heartbeats in a row.
pub(super) fn doubt_after(expiration: Duration) -> Duration {
    expiration / 5 * 3
}

/// Is it held alive although nothing was heard of it for long?
pub(super) fn is_silent(cx: &Out<'_>, record: &Record) -> bool {
    let config = &cx.config.membership;
    let longest = doubt_after(config.alive_expiration).max(config.alive_interval.saturating_mul(2));
    record.is_alive() && cx.now.since(record.last_seen) >= longest
}

/// One of the dead is tried about so often, whatever their number ..
const DEAD_EVERY: Duration = Duration::from_secs(1);
/// .. but none more often than this, nor less than the reconnect interval says.
const DEAD_AT_MOST_EVERY: Duration = Duration::from_secs(5);

impl Membership {
    /// A member's deadline has come.
    pub(crate) fn fire_member(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let Some(record) = self.records.get(peer.as_bytes()) else {
            return;
        };
        match record.liveness {
            Liveness::Alive { .. } => {
                let seen = self.health.silent_since(record.last_seen);
                let health_multiplier = self.health_multiplier(cx);
                let config = &cx.config.membership;
                let (usual, pause) = (config.alive_expiration, config.alive_interval);
                let doubt = match record.doubted {
                    true => doubt_after(usual) / 2,
                    false => doubt_after(usual),
                };
                let (doubted, dead) =
                    (seen + doubt, seen + usual.saturating_mul(health_multiplier));
                // Heartbeats do not move the timer: it probes again when it fires.
                if doubted > cx.now {
                    cx.timers().set(TimerKey::Member(peer.clone()), doubted);
                } else if dead > cx.now {
                    // By then we may trust ourselves again.
                    let due = Some(seen + usual).filter(|due| *due > cx.now);
                    let again = cx.now + pause.saturating_mul(health_multiplier);
                    let again = again.min(due.unwrap_or(dead)).min(dead);
                    cx.timers().set(TimerKey::Member(peer.clone()), again);
                    self.ask_after(cx, peer);
                } else {
                    self.die(cx, peer);
                }
            }
            Liveness::Dead { since } => {
                if cx.now >= since + cx.config.membership.forget_after {
                    self.forget(cx, peer);
                    cx.raise(MemberSignal::Forgotten(peer.clone()));
                } else {
                    self.arm_dead(cx, peer);
                    self.request(cx, peer);
                }
            }
        }
    }

    /// A member is asked whether it lives, and soon others who may have heard of it.
    fn ask_after(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let members = self.records.len();
        self.exchange.news(cx, &mut self.rng, members);
        self.request(cx, peer);
    }

    fn die(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.delist(peer);
        if let Some(record) = self.records.get_mut(peer.as_bytes()) {
            record.liveness = Liveness::Dead { since: cx.now };
        }
        self.arm_dead(cx, peer);
        cx.notify(Notification::MemberDead(peer.clone()));
        self.wake_seeds_of(cx, peer);
        tracing::debug!(%peer, "member is dead");
        cx.raise(MemberSignal::Dead(peer.clone()));
    }

    /// Somebody lists as dead a member that we do not know.
    pub(super) fn learn_dead(
        &mut self,
        cx: &mut MemberCx<'_>,
        message: &SignedMessage,
        alive: &Alive,
    ) -> bool {
        if !self.make_room(cx) {
            return false;
        }
        let peer = PeerId::new(&alive.pki_id);
        let org = cx.identities.org_of(peer.as_bytes()).cloned();
        let liveness = Liveness::Dead { since: cx.now };
        let mut record = Record::new(message, alive, org, false, liveness, cx.now);
        record.hearsay = true;
        self.records.insert(peer.clone(), record);
        self.version += 1;
        self.arm_dead(cx, &peer);
        true
    }

    fn arm_dead(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let dead = self.records.len().saturating_sub(self.alive.len());
        let share = DEAD_EVERY.saturating_mul(u32::try_from(dead).unwrap_or(u32::MAX));
        let pause = share
            .max(DEAD_AT_MOST_EVERY)
            .min(cx.config.membership.reconnect_interval);
        let again = cx.now + self.rng.jitter(pause);
        let at = match self.liveness(peer) {
            Some(Liveness::Dead { since }) => again.min(since + cx.config.membership.forget_after),
            _ => again,
        };
        cx.timers().set(TimerKey::Member(peer.clone()), at);
    }

    /// Erases a member but for the last time heard of it.
    pub(crate) fn forget(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        if let Some(time) = self.erase(cx, peer) {
            let tombstone = Tombstone { time, left: false };
            self.leave_tombstone(cx, peer.clone(), tombstone);
            cx.notify(Notification::MemberForgotten(peer.clone()));
        }
    }

    /// Removes a member's record, and returns the last time heard of it.
    pub(super) fn erase(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Option<PeerTime> {
        self.delist(peer);
        cx.timers().cancel(&TimerKey::Member(peer.clone()));
        self.exchange.drop_request(peer);
        self.addresses.release(peer);
        let (_, record) = self.records.remove(peer.as_bytes())?;
        self.version += 1;
        self.wake_seeds_of(cx, peer);
        Some(record.time)
    }

    fn delist(&mut self, peer: &PeerId) {
        let Some(Liveness::Alive { place }) = self.liveness(peer) else {
            return;
        };
        self.version += 1;
        let moved = self.alive.remove(place).cloned();
        if let Some(record) = moved.and_then(|moved| self.records.get_mut(moved.as_bytes())) {
            record.liveness = Liveness::Alive { place };
        }
    }

    /// A link to a peer has been authenticated, by this incarnation of it if it told one. Returns
    /// whether that is earlier than one heard of before.
    pub(crate) fn on_connected(
        &mut self,
        cx: &mut MemberCx<'_>,
        peer: &PeerId,
        incarnation: Option<u64>,
    ) -> bool {
        let proven = incarnation.map(|incarnation| (incarnation, cx.now));
        self.exchange.set_connected(peer, proven);
        let overturned = incarnation.is_some_and(|now| self.overturn_later_incarnation(peer, now));
        let org = cx.identities.org_of(peer.as_bytes());
        if let Some(record) = self.records.get_mut(peer.as_bytes()) {
            record.org = org.cloned();
            record.unreachable_since = None;
            record.doubted = false;
            if let Liveness::Alive { place } = record.liveness {
                self.alive.change(place, |member| {
                    member.org = org.cloned();
                    member.unreachable = false;
                });
            }
        }
        self.mark_connected(peer, true);
        overturned
    }

    /// A peer that was restarted with an earlier clock is the one that lives, whatever its former self
    /// has told.
    fn overturn_later_incarnation(&mut self, peer: &PeerId, incarnation: u64) -> bool {
        if let Some(record) = self.records.get_mut(peer.as_bytes()) {
            return record.overturn_later_incarnation(incarnation);
        }
        if let Some(tombstone) = self.tombstones.get_mut(peer.as_bytes())
            && tombstone.time.incarnation > incarnation
        {
            tombstone.time = PeerTime {
                incarnation,
                sequence: 0,
            };
            return true;
        }
        false
    }

    /// A peer's last link has gone, and with it what it was asked.
    pub(crate) fn on_disconnected(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.set_disconnected(peer);
        self.exchange.drop_request(peer);
        self.mark_connected(peer, false);
        self.doubt(cx, peer);
        self.retry_seeds_of(cx, peer);
    }

    /// A dial to a peer has failed, and with it what it was asked. That is no death.
    pub(crate) fn on_unreachable(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.drop_request(peer);
        if let Some(record) = self.records.get_mut(peer.as_bytes()) {
            record.unreachable_since.get_or_insert(cx.now);
            self.version += 1;
            if let Liveness::Alive { place } = record.liveness {
                self.alive.change(place, |member| member.unreachable = true);
            }
        }
        self.doubt(cx, peer);
    }

    /// Asks a living member itself as soon as it has been silent for a little longer than usual.
    fn doubt(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let expiration = cx.config.membership.alive_expiration;
        if let Some(record) = self.records.get_mut(peer.as_bytes())
            && record.is_alive()
            && !record.doubted
        {
            record.doubted = true;
            let at = self.health.silent_since(record.last_seen) + doubt_after(expiration) / 2;
            let at = at.max(cx.now);
            cx.timers().set_earlier(TimerKey::Member(peer.clone()), at);
        }
    }

    fn mark_connected(&mut self, peer: &PeerId, connected: bool) {
        self.version += 1;
        if let Some(Liveness::Alive { place }) = self.liveness(peer) {
            self.alive
                .change(place, |member| member.connected = connected);
        }
    }
}
