//! Hints that there is more to learn than what was told: somebody we cannot identify, somebody who may live.

use std::time::Duration;

use gossip_proto::{Alive, SignedMessage};

use super::{MemberCx, MemberSignal, Membership, may_see_secret};

use crate::{Endpoint, Instant, PeerId};

/// Peers that told of strangers and are asked who they are.
const MAX_STRANGERS: usize = 64;
/// Between two probes whether somebody lives who is held dead, of anybody and of the same one.
const PROBE_AGAIN: Duration = Duration::from_millis(500);
const PROBE_SAME_AGAIN: Duration = Duration::from_secs(5);

impl Membership {
    /// What `from` told could not be checked for want of an identity: it is asked who that is, and so is
    /// whoever is asked next. Anybody can tell of somebody who does not exist, so that does not happen often.
    pub(crate) fn on_unknown_identity(&mut self, cx: &mut MemberCx<'_>, from: &PeerId) {
        let (now, pause) = (cx.now, cx.config.membership.sync_interval);
        let strangers = &mut self.exchange.strangers;
        if strangers.get(from).is_none_or(|at| *at + pause <= now) {
            strangers.retain(|_, at| *at + pause > now);
            if strangers.len() < MAX_STRANGERS {
                strangers.insert(from.clone(), now);
                self.request(cx, from);
            }
        }
        self.exchange.wants_identities = true;
    }

    /// Somebody told what a member held dead has said, or may have said if its clock was set back: it is
    /// asked itself, if it was not a moment ago.
    pub(crate) fn on_sign_of_life(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let now = cx.now;
        let Some(record) = self.records.get_mut(peer.as_bytes()) else {
            return;
        };
        let recent = |at: Option<Instant>, pause| at.is_some_and(|at| at + pause > now);
        let probed =
            recent(self.exchange.probed, PROBE_AGAIN) || recent(record.probed, PROBE_SAME_AGAIN);
        if !probed && !self.exchange.is_connected(peer) {
            record.probed = Some(now);
            self.exchange.probed = Some(now);
            self.request(cx, peer);
        }
    }

    /// May we look for somebody now because of what others tell?
    pub(crate) fn may_probe(&self, now: Instant) -> bool {
        let probed = self.exchange.probed;
        probed.is_none_or(|at| at + PROBE_AGAIN <= now)
    }

    /// A member that was forgotten has told, in an earlier start than its last or with a clock set back, where
    /// it is: only a link can show which.
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
        let told = internal.unwrap_or_else(|| alive.endpoint.clone());
        if let Some(endpoint) = Endpoint::from_remote(&told) {
            cx.raise(MemberSignal::Dial(endpoint));
        }
    }
}
