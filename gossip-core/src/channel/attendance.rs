//! Who takes part.

use std::time::Duration;

use super::{Channel, Info};
use crate::membership::Membership;
use crate::msgstore::Held;
use crate::{Instant, OrgId, PeerId};

impl Channel {
    /// Drops what peers have pushed that have not shown themselves as members since. Returns them.
    pub(crate) fn sweep(
        &mut self,
        now: Instant,
        patience: Duration,
        membership: &Membership,
    ) -> Vec<PeerId> {
        let gone = self.infos.live().iter().filter_map(|(peer, info)| {
            let keep = membership.knows(peer.as_bytes()) || info.value.since + patience > now;
            (!keep).then(|| peer.clone())
        });
        let gone: Vec<PeerId> = gone.collect();
        for peer in &gone {
            self.forget(peer);
        }
        gone
    }

    /// A peer has started again with an earlier clock: all it says counts, whatever it said before.
    pub(crate) fn forget_restarted(&mut self, peer: &PeerId) {
        self.forget(peer);
        self.infos.lift(peer);
    }

    /// A member is no more. What it said remains known as said.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        if self.infos.retire(peer).is_some() {
            self.peers_version += 1;
            self.attendance += 1;
        }
        self.tree.forget(peer);
        self.exchange.asked.remove(peer);
    }

    /// Takes this peer part in the channel, as far as it told?
    pub(crate) fn is_eligible(&self, peer: &PeerId) -> bool {
        self.infos.get(peer).is_some_and(|info| !info.left)
    }

    /// Takes this peer part, and is it of this organisation?
    pub(crate) fn is_eligible_of(&self, peer: &PeerId, org: &OrgId) -> bool {
        let info = self.infos.get(peer);
        info.is_some_and(|info| !info.left && info.org == *org)
    }

    /// Alive members of our organisation that take part.
    pub(crate) fn eligible<'a>(
        &'a self,
        own_org: &'a OrgId,
        membership: &'a Membership,
    ) -> impl Iterator<Item = &'a PeerId> {
        let infos = self.infos.live().iter();
        let of_us = |(peer, held): (_, &Held<_, Info>)| {
            (held.value.org == *own_org && !held.value.left).then_some(peer)
        };
        let ours = infos.filter_map(of_us);
        ours.filter(|peer| membership.is_alive(peer.as_bytes()))
    }

    /// How many they are; counted anew only after a change.
    pub(crate) fn count_eligible(&mut self, own_org: &OrgId, membership: &Membership) -> usize {
        let versions = (membership.version(), self.attendance);
        if let Some((counted, count)) = self.eligible
            && counted == versions
        {
            return count;
        }
        let count = self.eligible(own_org, membership).count();
        self.eligible = Some((versions, count));
        count
    }

    /// The height that a peer published, if it takes part.
    pub(crate) fn height_of(&self, peer: &PeerId) -> Option<u64> {
        self.infos
            .get(peer)
            .filter(|info| !info.left)
            .map(|info| info.height)
    }
}
