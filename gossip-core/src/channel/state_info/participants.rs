//! The peers that take part in a channel, by their state infos.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, PeerTime, RawEnvelope, SignedMessage, StateInfo};

use crate::msgstore::{Bounds, Held, MessageStore, Rejected};
use crate::out::Out;
use crate::peers::membership::Membership;
use crate::snapshot::Stores;
use crate::{Config, Instant, OrgId, PeerId};

/// The latest state info of each peer. Those of forgotten peers remain as tombstones, so that they are not new when
/// they arrive again.
#[derive(Debug)]
pub(crate) struct Participants {
    infos: MessageStore<PeerId, PeerTime, Info>,
    /// Changes with each state info.
    version: u64,
    /// Changes whenever a peer begins or ceases to take part.
    turnover: u64,
    /// The number of eligible peers, at these versions of the membership and the turnover.
    eligible: Option<((u64, u64), usize)>,
}

/// The content of a peer's state info.
#[derive(Debug)]
pub(crate) struct Info {
    pub(crate) org: OrgId,
    mac: Bytes,
    pub(crate) height: u64,
    pub(crate) left: bool,
    pub(crate) envelope: RawEnvelope,
    pub(crate) since: Instant,
}

impl Participants {
    pub(crate) fn new(config: &Config) -> Self {
        let max = config.membership.max_members.get();
        Self {
            infos: MessageStore::new(Bounds {
                ttl: None,
                max_live: max,
                max_tombstones: max,
            }),
            version: 0,
            turnover: 0,
            eligible: None,
        }
    }

    /// Changes with each state info.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The state infos of all peers, including those that have left.
    pub(crate) fn infos(&self) -> &BTreeMap<PeerId, Held<PeerTime, Info>> {
        self.infos.live()
    }

    /// The latest state info of a peer, as it was received.
    pub(crate) fn published_by(&self, peer: &PeerId) -> Option<(PeerTime, &RawEnvelope)> {
        let held = self.infos.live().get(peer)?;
        Some((held.time, &held.value.envelope))
    }

    /// Returns whether the peer has published a state info.
    pub(crate) fn knows(&self, peer: &[u8]) -> bool {
        self.infos.get(peer).is_some()
    }

    /// Returns whether this peer takes part, by its latest state info.
    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.infos.get(peer).is_some_and(|info| !info.left)
    }

    /// Returns whether this peer takes part and is of this organisation.
    pub(crate) fn contains_of(&self, peer: &PeerId, org: &OrgId) -> bool {
        let info = self.infos.get(peer);
        info.is_some_and(|info| !info.left && info.org == *org)
    }

    /// The height that a peer published, if it takes part.
    pub(crate) fn height_of(&self, peer: &PeerId) -> Option<u64> {
        let info = self.infos.get(peer).filter(|info| !info.left);
        info.map(|info| info.height)
    }

    /// The MAC of a peer's state info, if one is held. It never changes, so it need not be computed again.
    pub(crate) fn mac_of(&self, peer: &[u8]) -> Option<&[u8]> {
        Some(&self.infos.get(peer)?.mac)
    }

    /// The alive participants of an organisation.
    pub(crate) fn eligible<'a>(
        &'a self,
        org: &'a OrgId,
        membership: &'a Membership,
    ) -> impl Iterator<Item = &'a PeerId> {
        let infos = self.infos.live().iter();
        let of_org = |(peer, held): (_, &Held<_, Info>)| {
            (held.value.org == *org && !held.value.left).then_some(peer)
        };
        let ours = infos.filter_map(of_org);
        ours.filter(|peer| membership.is_alive(peer.as_bytes()))
    }

    /// The number of eligible peers. Counted again only after a change.
    pub(crate) fn count_eligible(&mut self, org: &OrgId, membership: &Membership) -> usize {
        let versions = (membership.version(), self.turnover);
        if let Some((counted, count)) = self.eligible
            && counted == versions
        {
            return count;
        }
        let count = self.eligible(org, membership).count();
        self.eligible = Some((versions, count));
        count
    }

    /// Returns whether this state info would change anything. The last state info of a forgotten peer counts again when
    /// the peer `is_there` again, and not when other peers repeat it while the peer is gone.
    pub(crate) fn is_news(&self, info: &StateInfo, is_there: impl FnOnce() -> bool) -> bool {
        match self.infos.check(&info.pki_id[..], &info.time) {
            Ok(()) | Err(Rejected::Full) => true,
            Err(Rejected::Held) => false,
            Err(Rejected::Past) => {
                self.infos.tombstone_of(&info.pki_id[..]) == Some(&info.time) && is_there()
            }
        }
    }

    /// Takes a new, verified state info. Returns whether it is the first of its publisher; `None`, counted, if there is
    /// no room for it.
    pub(crate) fn take(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        org: OrgId,
        message: &SignedMessage,
    ) -> Option<bool> {
        let Content::StateInfo(told) = message.content() else {
            return None;
        };
        if self.infos.tombstone_of(peer) == Some(&told.time) {
            self.infos.remove_tombstone(peer);
        }
        let properties = told.properties.as_ref();
        let left = properties.is_some_and(|told| told.left_channel);
        let info = Info {
            org,
            mac: Bytes::copy_from_slice(&told.channel_mac),
            height: properties.map_or(0, |told| told.ledger_height),
            left,
            envelope: message.envelope().detach(),
            since: cx.now,
        };
        let Ok(before) = self.infos.add(cx.now, peer.clone(), told.time, info) else {
            cx.metrics().state_infos_shed += 1;
            return None;
        };
        let changed = before.as_ref().is_none_or(|before| before.left != left);
        self.turnover += u64::from(changed);
        self.version += 1;
        Some(before.is_none())
    }

    /// A peer no longer takes part. Its last state info remains as a tombstone.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        if self.infos.retire(peer).is_some() {
            self.version += 1;
            self.turnover += 1;
        }
    }

    /// A peer has restarted with an earlier clock. Its state infos count, regardless of its earlier ones.
    pub(crate) fn remove_tombstone(&mut self, peer: &PeerId) {
        self.infos.remove_tombstone(peer);
    }

    /// Another configuration is in force. Returns the peers whose organisations are not in `orgs`.
    pub(crate) fn on_configured(&mut self, orgs: &BTreeSet<OrgId>) -> Vec<PeerId> {
        self.turnover += 1;
        let infos = self.infos.live().iter();
        let gone = infos.filter(|(_, info)| !orgs.contains(&info.value.org));
        gone.map(|(peer, _)| peer.clone()).collect()
    }

    /// The peers that have not been members for `timeout` since they published a state info.
    pub(crate) fn stale(
        &self,
        now: Instant,
        timeout: Duration,
        membership: &Membership,
    ) -> Vec<PeerId> {
        let gone = self.infos.live().iter().filter_map(|(peer, info)| {
            let keep = membership.knows(peer.as_bytes()) || info.value.since + timeout > now;
            (!keep).then(|| peer.clone())
        });
        gone.collect()
    }

    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        stores.add("state infos", self.infos.len(), max);
        stores.add("state infos of the past", self.infos.tombstones(), max);
    }
}
