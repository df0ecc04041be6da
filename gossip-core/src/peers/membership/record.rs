//! What is kept of one member.

use bytes::Bytes;
use gossip_proto::{Alive, PeerTime, Pulse, RawEnvelope, SignedMessage};

use super::chain::ChainLink;
use super::disclosure::Party;
use crate::{Endpoint, Instant, OrgId};

/// Alive or dead: exactly one of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Liveness {
    /// With its place in the alive.
    Alive { place: usize },
    /// Since when.
    Dead { since: Instant },
}

/// A member as its latest heartbeat describes it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) liveness: Liveness,
    /// Of the latest heartbeat or pulse.
    pub(super) time: PeerTime,
    /// The sequence of the latest heartbeat.
    pub(super) signed_sequence: u64,
    /// The link of its hash chain that came with `time`, if its heartbeat has begun one.
    pub(super) link: Option<ChainLink>,
    /// A later incarnation that a link has shown to be no more: others may still tell of it.
    overturned: Option<u64>,
    pub(super) last_seen: Instant,
    /// We know of it because somebody listed it as dead: passed on, it would be remembered for ever.
    pub(super) hearsay: bool,
    /// When it was asked last because others told of it although it is held dead.
    pub(super) probed: Option<Instant>,
    /// The last dial to it failed, and so did all since this one.
    pub(super) unreachable_since: Option<Instant>,
    /// A link to it broke, or a dial failed, since it was heard of.
    pub(super) doubted: bool,
    pub(super) org: Option<OrgId>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) internal: Option<Endpoint>,
    /// The internal endpoint came from the member itself, not through a relay that may have
    /// attached an old one.
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
            hearsay: false,
            unreachable_since: None,
            doubted: false,
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

    /// Of the latest heartbeat.
    pub(super) fn signed_time(&self) -> PeerTime {
        PeerTime {
            sequence: self.signed_sequence,
            ..self.time
        }
    }

    /// Takes over a newer heartbeat. Returns whether anything but the clock has changed.
    pub(super) fn update(
        &mut self,
        message: &SignedMessage,
        alive: &Alive,
        direct: bool,
        now: Instant,
    ) -> bool {
        let restarted = self.time.incarnation != alive.time.incarnation;
        self.hearsay = false;
        self.time = alive.time;
        self.signed_sequence = alive.time.sequence;
        self.link = alive.pulse_anchor;
        self.last_seen = now;
        self.doubted = false;
        self.envelope = message.envelope().detach();
        self.describe(message, alive, direct) || restarted
    }

    /// Takes over a later sign of life.
    pub(super) fn beat(&mut self, pulse: &Pulse, now: Instant) {
        self.time.sequence = pulse.sequence;
        self.link = Some(pulse.proof);
        self.last_seen = now;
        self.doubted = false;
    }

    /// Would a heartbeat of this time be news?
    pub(super) fn is_older_than(&self, time: PeerTime) -> bool {
        time > self.time && self.overturned != Some(time.incarnation)
    }

    /// The member has proven to be this incarnation now, however late the one heard of before.
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
        let told = self.endpoint.as_ref().map_or("", Endpoint::as_str);
        if told != alive.endpoint {
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

    /// Whom it may be told of depends on this.
    pub(super) fn party(&self) -> Party<'_> {
        Party {
            org: self.org.as_ref(),
            external: self.endpoint.is_some(),
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.liveness, Liveness::Alive { .. })
    }

    /// Where to reach it: the internal endpoint if known, else the external one.
    pub(super) fn preferred_endpoint(&self) -> Option<&Endpoint> {
        self.internal.as_ref().or(self.endpoint.as_ref())
    }
}
