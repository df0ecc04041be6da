//! The peers that take part in a channel, as their state infos tell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, PeerTime, RawEnvelope, SignedMessage, StateInfo};

use crate::msgstore::{Bounds, Held, MessageStore, Rejected};
use crate::out::Out;
use crate::peers::membership::Membership;
use crate::snapshot::Stores;
use crate::{Config, Instant, OrgId, PeerId};

/// The latest state info of each peer. What was said by peers that are forgotten remains known as said, so that it is
/// not news when it is told again.
#[derive(Debug)]
pub(crate) struct Participants {
    infos: MessageStore<PeerId, PeerTime, Info>,
    /// Changes whenever a state info does.
    version: u64,
    /// Changes whenever a peer begins or ceases to take part.
    turnover: u64,
    /// How many are eligible, at versions of the membership and of the turnover.
    eligible: Option<((u64, u64), usize)>,
}

/// What a peer has published of itself.
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

    /// Changes whenever a state info does.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// All that published something, left or not.
    pub(crate) fn infos(&self) -> &BTreeMap<PeerId, Held<PeerTime, Info>> {
        self.infos.live()
    }

    /// What a peer published last, as it came.
    pub(crate) fn told_by(&self, peer: &PeerId) -> Option<(PeerTime, &RawEnvelope)> {
        let held = self.infos.live().get(peer)?;
        Some((held.time, &held.value.envelope))
    }

    /// Has the peer published anything?
    pub(crate) fn knows(&self, peer: &[u8]) -> bool {
        self.infos.get(peer).is_some()
    }

    /// Does this peer take part, as far as it told?
    pub(crate) fn contains(&self, peer: &PeerId) -> bool {
        self.infos.get(peer).is_some_and(|info| !info.left)
    }

    /// Does this peer take part, and is it of this organisation?
    pub(crate) fn contains_of(&self, peer: &PeerId, org: &OrgId) -> bool {
        let info = self.infos.get(peer);
        info.is_some_and(|info| !info.left && info.org == *org)
    }

    /// The height that a peer published, if it takes part.
    pub(crate) fn height_of(&self, peer: &PeerId) -> Option<u64> {
        let info = self.infos.get(peer).filter(|info| !info.left);
        info.map(|info| info.height)
    }

    /// The MAC of a peer's state info, if one is held: it never changes, and need not be computed.
    pub(crate) fn mac_of(&self, peer: &[u8]) -> Option<&[u8]> {
        Some(&self.infos.get(peer)?.mac)
    }

    /// Alive members of an organisation that take part.
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

    /// How many they are; counted anew only after a change.
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

    /// Would this state info change anything? What a peer forgotten said last counts again when the peer `is_there`
    /// again, and not when others tell it of one that is gone.
    pub(crate) fn is_news(&self, info: &StateInfo, is_there: impl FnOnce() -> bool) -> bool {
        match self.infos.check(&info.pki_id[..], &info.time) {
            Ok(()) | Err(Rejected::Full) => true,
            Err(Rejected::Held) => false,
            Err(Rejected::Past) => {
                self.infos.tombstone_of(&info.pki_id[..]) == Some(&info.time) && is_there()
            }
        }
    }

    /// Takes a verified state info that is news. Returns whether its publisher had published nothing before; `None`,
    /// counted, if there is no room for it.
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

    /// A peer takes part no longer. What it said remains known as said.
    pub(crate) fn forget(&mut self, peer: &PeerId) {
        if self.infos.retire(peer).is_some() {
            self.version += 1;
            self.turnover += 1;
        }
    }

    /// A peer has started again with an earlier clock: all it says counts, whatever it said before.
    pub(crate) fn remove_tombstone(&mut self, peer: &PeerId) {
        self.infos.remove_tombstone(peer);
    }

    /// Another configuration is in force. Returns the peers whose organisations are none of `orgs`.
    pub(crate) fn on_configured(&mut self, orgs: &BTreeSet<OrgId>) -> Vec<PeerId> {
        self.turnover += 1;
        let infos = self.infos.live().iter();
        let gone = infos.filter(|(_, info)| !orgs.contains(&info.value.org));
        gone.map(|(peer, _)| peer.clone()).collect()
    }

    /// The peers that have not shown themselves as members for `timeout` since they published something.
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
