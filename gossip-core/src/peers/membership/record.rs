//! The record of one member.

use bytes::Bytes;
use gossip_proto::{Alive, PeerTime, Pulse, RawEnvelope, SignedMessage};

use super::chain::ChainLink;
use super::disclosure::Party;
use crate::{Endpoint, Instant, OrgId};

/// Alive or dead: exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// `place` is its index in the alive members.
    Alive { place: usize },
    /// `since` is the time of its death.
    Dead { since: Instant },
}

/// A member as its latest heartbeat describes it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) liveness: Liveness,
    /// The time of the latest heartbeat or pulse.
    pub(super) time: PeerTime,
    /// The sequence number of the latest heartbeat.
    pub(super) signed_sequence: u64,
    /// The chain link that belongs to `time`, if its heartbeat has anchored a chain.
    pub(super) link: Option<ChainLink>,
    /// A later incarnation that a link has disproved; other members may still send its heartbeats.
    overturned: Option<u64>,
    pub(super) last_seen: Instant,
    /// Only known because a response listed it as dead. Not passed on: else no member would ever forget it.
    pub(super) listed_dead: bool,
    /// The time of the last probe because of messages from others, while it counted as dead.
    pub(super) probed: Option<Instant>,
    /// The time of the first of the failed dials since the last successful one; absent if the last dial succeeded.
    pub(super) unreachable_since: Option<Instant>,
    /// Whether it is probed early: a link to it broke or a dial failed since its last heartbeat.
    pub(super) probed_early: bool,
    pub(super) org: Option<OrgId>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) internal: Option<Endpoint>,
    /// Whether the internal endpoint came from the member itself, not through a relay, which may have attached an old
    /// one.
    internal_direct: bool,
    pub(super) metadata: Bytes,
    pub(super) envelope: RawEnvelope,
}

impl Record {
    pub(super) fn new(
        message: &SignedMessage,
        alive: &Alive,
        org: Option<OrgId>,
        direct: bool,
        liveness: Liveness,
        now: Instant,
    ) -> Self {
        let mut record = Self {
            liveness,
            time: alive.time,
            signed_sequence: alive.time.sequence,
            link: alive.pulse_anchor,
            overturned: None,
            last_seen: now,
            probed: None,
            listed_dead: false,
            unreachable_since: None,
            probed_early: false,
            org,
            endpoint: None,
            internal: None,
            internal_direct: false,
            metadata: Bytes::new(),
            envelope: message.envelope().detach(),
        };
        record.describe(message, alive, direct);
        record
    }

    /// The time of the latest heartbeat.
    pub(super) fn signed_time(&self) -> PeerTime {
        PeerTime {
            sequence: self.signed_sequence,
            ..self.time
        }
    }

    /// Applies a newer heartbeat. Returns whether anything but the time has changed.
    pub(super) fn update(
        &mut self,
        message: &SignedMessage,
        alive: &Alive,
        direct: bool,
        now: Instant,
    ) -> bool {
        let restarted = self.time.incarnation != alive.time.incarnation;
        self.listed_dead = false;
        self.time = alive.time;
        self.signed_sequence = alive.time.sequence;
        self.link = alive.pulse_anchor;
        self.last_seen = now;
        self.probed_early = false;
        self.envelope = message.envelope().detach();
        self.describe(message, alive, direct) || restarted
    }

    /// Applies a later pulse.
    pub(super) fn apply_pulse(&mut self, pulse: &Pulse, now: Instant) {
        self.time.sequence = pulse.sequence;
        self.link = Some(pulse.proof);
        self.last_seen = now;
        self.probed_early = false;
    }

    /// Returns whether a heartbeat of this time would be news.
    pub(super) fn is_older_than(&self, time: PeerTime) -> bool {
        time > self.time && self.overturned != Some(time.incarnation)
    }

    /// Sets the incarnation that the member has proven on a link. Returns whether it is earlier than the one known
    /// before.
    pub(super) fn overturn_later_incarnation(&mut self, incarnation: u64) -> bool {
        let later = self.time.incarnation > incarnation;
        if later {
            self.overturned = Some(self.time.incarnation);
            self.time = PeerTime {
                incarnation,
                sequence: 0,
            };
            self.link = None;
        }
        later
    }

    fn describe(&mut self, message: &SignedMessage, alive: &Alive, direct: bool) -> bool {
        let mut changed = false;
        let stated = self.endpoint.as_ref().map_or("", Endpoint::as_str);
        if stated != alive.endpoint {
            self.endpoint = Endpoint::from_remote(&alive.endpoint);
            changed = true;
        }
        if self.metadata != alive.metadata {
            self.metadata = Bytes::copy_from_slice(&alive.metadata);
            changed = true;
        }
        if (direct || !self.internal_direct)
            && let Some(internal) = message.internal_endpoint()
        {
            self.internal_direct = direct;
            if self.internal.as_ref().map(Endpoint::as_str) != Some(internal.as_str()) {
                self.internal = Endpoint::from_remote(&internal);
                changed = true;
            }
        }
        changed
    }

    /// Its properties for the rules of disclosure.
    pub(super) fn party(&self) -> Party<'_> {
        Party {
            org: self.org.as_ref(),
            external: self.endpoint.is_some(),
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.liveness, Liveness::Alive { .. })
    }

    /// The endpoint to reach it at: the internal one if known, else the external one.
    pub(super) fn preferred_endpoint(&self) -> Option<&Endpoint> {
        self.internal.as_ref().or(self.endpoint.as_ref())
    }
}
