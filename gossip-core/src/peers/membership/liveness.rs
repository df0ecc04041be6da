//! Deadlines of members: to be probed, to count as dead, to be forgotten.

use std::time::Duration;

use gossip_proto::{Alive, PeerTime, SignedMessage};

use super::record::{Liveness, Record};
use super::tombstones::Tombstone;
use super::{MemberCx, MemberSignal, Membership};
use crate::out::Out;
use crate::timer::TimerKey;
use crate::{Notification, PeerId};

/// How long a member may be silent before it is probed. Pushes reach most peers, not all: in a large network some peers
/// miss several heartbeats of a member in a row.
pub(super) fn probe_after(expiration: Duration) -> Duration {
    expiration / 5 * 3
}

/// Returns whether a member still counts as alive but has been silent for long.
pub(super) fn is_silent(cx: &Out<'_>, record: &Record) -> bool {
    let config = &cx.config.membership;
    let longest = probe_after(config.alive_expiration).max(config.alive_interval.saturating_mul(2));
    record.is_alive() && cx.now.since(record.last_seen) >= longest
}

/// Average interval between probes of dead members, for any number of them ..
const DEAD_PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// .. but the interval per member is at least this, and at most the reconnect interval.
const MIN_DEAD_PROBE_INTERVAL: Duration = Duration::from_secs(5);

impl Membership {
    /// Handles a member's timer.
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
                let delay = match record.probed_early {
                    true => probe_after(usual) / 2,
                    false => probe_after(usual),
                };
                let (probe_at, dead) =
                    (seen + delay, seen + usual.saturating_mul(health_multiplier));
                // Heartbeats do not move the timer: it looks at the record again when it fires.
                if probe_at > cx.now {
                    cx.timers().set(TimerKey::Member(peer.clone()), probe_at);
                } else if dead > cx.now {
                    // Our health may be restored by then.
                    let due = Some(seen + usual).filter(|due| *due > cx.now);
                    let again = cx.now + pause.saturating_mul(health_multiplier);
                    let again = again.min(due.unwrap_or(dead)).min(dead);
                    cx.timers().set(TimerKey::Member(peer.clone()), again);
                    self.probe(cx, peer);
                } else {
                    self.declare_dead(cx, peer);
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

    /// Requests the view of a silent member as a probe, and soon those of other members, which may have received its
    /// heartbeats.
    fn probe(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let members = self.records.len();
        self.exchange.exchange_soon(cx, &mut self.rng, members);
        self.request(cx, peer);
    }

    fn declare_dead(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
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

    /// Adds an unknown member that a response lists as dead.
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
        record.listed_dead = true;
        self.records.insert(peer.clone(), record);
        self.version += 1;
        self.arm_dead(cx, &peer);
        true
    }

    fn arm_dead(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let dead = self.records.len().saturating_sub(self.alive.len());
        let share = DEAD_PROBE_INTERVAL.saturating_mul(u32::try_from(dead).unwrap_or(u32::MAX));
        let pause = share
            .max(MIN_DEAD_PROBE_INTERVAL)
            .min(cx.config.membership.reconnect_interval);
        let again = cx.now + self.rng.jitter(pause);
        let at = match self.liveness(peer) {
            Some(Liveness::Dead { since }) => again.min(since + cx.config.membership.forget_after),
            _ => again,
        };
        cx.timers().set(TimerKey::Member(peer.clone()), at);
    }

    /// Replaces a member's record with a tombstone.
    pub(crate) fn forget(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        if let Some(time) = self.erase(cx, peer) {
            let tombstone = Tombstone { time, left: false };
            self.leave_tombstone(cx, peer.clone(), tombstone);
            cx.notify(Notification::MemberForgotten(peer.clone()));
        }
    }

    /// Removes a member's record, and returns its last time.
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

    /// Handles a newly authenticated link to a peer, by the given incarnation if the peer has stated one. Returns
    /// whether it is earlier than one known before.
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
            record.probed_early = false;
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

    /// Accepts the earlier incarnation of a peer that was restarted with an earlier clock, in place of its former one.
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

    /// Handles the loss of a peer's last link. Drops the outstanding request to it.
    pub(crate) fn on_disconnected(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.set_disconnected(peer);
        self.exchange.drop_request(peer);
        self.mark_connected(peer, false);
        self.probe_early(cx, peer);
        self.retry_seeds_of(cx, peer);
    }

    /// Handles a failed dial to a peer. Drops the outstanding request to it. The peer still counts as alive.
    pub(crate) fn on_unreachable(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.drop_request(peer);
        if let Some(record) = self.records.get_mut(peer.as_bytes()) {
            record.unreachable_since.get_or_insert(cx.now);
            self.version += 1;
            if let Liveness::Alive { place } = record.liveness {
                self.alive.change(place, |member| member.unreachable = true);
            }
        }
        self.probe_early(cx, peer);
    }

    /// Probes an alive member earlier than usual if it stays silent.
    fn probe_early(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let expiration = cx.config.membership.alive_expiration;
        if let Some(record) = self.records.get_mut(peer.as_bytes())
            && record.is_alive()
            && !record.probed_early
        {
            record.probed_early = true;
            let at = self.health.silent_since(record.last_seen) + probe_after(expiration) / 2;
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
