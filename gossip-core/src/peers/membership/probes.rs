//! Hints in messages that there is more to learn: a peer without a known identity, or a dead member that may be alive.

use std::time::Duration;

use gossip_proto::{Alive, SignedMessage};

use super::{MemberCx, MemberSignal, Membership, may_see_secret};

use crate::{Endpoint, Instant, PeerId};

/// Senders of messages about unknown peers that are asked for the identities.
const MAX_UNKNOWN_SOURCES: usize = 64;
/// Least time between two probes of dead members: of any members, and of the same member.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
const MEMBER_PROBE_INTERVAL: Duration = Duration::from_secs(5);

impl Membership {
    /// A message of `from` about an unknown peer could not be verified. Requests its view with identities, and
    /// identities in the next request to any peer. At most once per interval and sender, as peers can be invented.
    pub(crate) fn on_unknown_identity(&mut self, cx: &mut MemberCx<'_>, from: &PeerId) {
        let (now, pause) = (cx.now, cx.config.membership.sync_interval);
        let unknown_sources = &mut self.exchange.unknown_sources;
        if unknown_sources
            .get(from)
            .is_none_or(|at| *at + pause <= now)
        {
            unknown_sources.retain(|_, at| *at + pause > now);
            if unknown_sources.len() < MAX_UNKNOWN_SOURCES {
                unknown_sources.insert(from.clone(), now);
                self.request(cx, from);
            }
        }
        self.exchange.wants_identities = true;
    }

    /// A message shows that a dead member may be alive: it repeats the last heartbeat of the member, or has an earlier
    /// incarnation, as if its clock was set back. Probes the member, unless it was probed recently.
    pub(crate) fn on_sign_of_life(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let now = cx.now;
        let Some(record) = self.records.get_mut(peer.as_bytes()) else {
            return;
        };
        let recent = |at: Option<Instant>, pause| at.is_some_and(|at| at + pause > now);
        let probed = recent(self.exchange.probed, PROBE_INTERVAL)
            || recent(record.probed, MEMBER_PROBE_INTERVAL);
        if !probed && !self.exchange.is_connected(peer) {
            record.probed = Some(now);
            self.exchange.probed = Some(now);
            self.request(cx, peer);
        }
    }

    /// Returns whether a dead member may be probed now because of messages from others.
    pub(crate) fn may_probe(&self, now: Instant) -> bool {
        let probed = self.exchange.probed;
        probed.is_none_or(|at| at + PROBE_INTERVAL <= now)
    }

    /// Dials a forgotten member of which a heartbeat with an earlier incarnation was received. Only a link shows
    /// whether the heartbeat is old, or the clock of the member was set back.
    pub(super) fn probe_former(
        &mut self,
        cx: &mut MemberCx<'_>,
        message: &SignedMessage,
        alive: &Alive,
    ) {
        let peer = PeerId::new(&alive.pki_id);
        if !self.may_probe(cx.now) || self.exchange.is_connected(&peer) {
            return;
        }
        self.exchange.probed = Some(cx.now);
        let inside = may_see_secret(&self.own_org, cx.identities.org_of(&alive.pki_id));
        let internal = message.internal_endpoint().filter(|_| inside);
        let stated = internal.unwrap_or_else(|| alive.endpoint.clone());
        if let Some(endpoint) = Endpoint::from_remote(&stated) {
            cx.raise(MemberSignal::Dial(endpoint));
        }
    }
}
