//! Channels: who takes part, with what height, and the blocks of each.
//!
//! Answers to Fabric's `gossip/gossip/channel`.
//!
//! # Deviations
//! - A first change of our own state is published at once, later ones no more often than the
//!   interval. A peer that connects is told our state directly, so nobody waits for a round.
//! - Snapshots are accepted from peers that were asked, one for each request; a bad element costs itself only.
//!   What is too large for one is told in parts.
//! - A request tells what its sender holds in eight bytes for each peer, where both sides understand it; only the
//!   rest is told, and nothing if there is none.
//! - Whoever asks for state infos or blocks must be admitted by the channel's reader policy.
//! - Blocks are accepted by push from our own organisation only, which is where they are pushed.
//! - State infos and their MACs are kept per channel and peer; a repeated one costs a look-up.

mod attendance;
mod coverage;
mod exchange;
mod leadership;
mod own;
mod readers;
mod table;
#[cfg(test)]
mod tests;
mod tree;
mod view;

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Content, PeerTime, RawEnvelope, SignedMessage, StateInfo, channel_mac};

pub(crate) use self::coverage::Wait;
use self::coverage::Waits;
use self::exchange::Exchange;
use self::leadership::LatestLeadership;
use self::own::OwnState;
use self::readers::Readers;
pub(crate) use self::table::Channels;
pub(crate) use self::tree::Places;
use self::tree::Tree;
use crate::cx::Cx;
use crate::gate::{Admitted, StateInfoNews};
use crate::identity::Identities;
use crate::membership::Membership;
use crate::msgstore::{Bounds, MessageStore, Refused};
use crate::pull::BlockPull;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::state_transfer::{StateTransfer, Want};
use crate::timer::TimerKey;
use crate::{BlockOrigin, ChannelId, Config, Instant, JoinChannel, OrgId, PeerId, RequestId};

/// One channel.
#[derive(Debug)]
pub(crate) struct Channel {
    id: ChannelId,
    sequence: u64,
    orgs: BTreeSet<OrgId>,
    /// The configuration joined with and the one in force, among all of all channels: what was found by
    /// another does not count.
    revisions: (u64, u64),
    /// The marks are of peers forgotten, so that what they said is not news when it is told again.
    infos: MessageStore<PeerId, PeerTime, Info>,
    pub(crate) own: OwnState,
    pub(crate) readers: Readers,
    pub(crate) transfer: StateTransfer,
    pub(crate) tree: Tree,
    pub(crate) pull: BlockPull,
    pub(crate) coverage: Waits,
    pub(crate) leadership: LatestLeadership,
    /// The application waits for the ledger's height.
    pub(crate) joining: Option<RequestId>,
    exchange: Exchange,
    /// Changes whenever our own state info or the configuration does.
    own_version: u64,
    /// Changes whenever the state infos of others do.
    peers_version: u64,
    /// Changes whenever somebody begins or ceases to take part.
    attendance: u64,
    /// How many are eligible, at versions of the membership and of the attendance.
    eligible: Option<((u64, u64), usize)>,
}

/// What a peer has published of itself.
#[derive(Debug)]
struct Info {
    org: OrgId,
    mac: Bytes,
    height: u64,
    left: bool,
    envelope: RawEnvelope,
    since: Instant,
}

impl Channel {
    pub(crate) fn new(
        cx: &mut Cx<'_>,
        id: ChannelId,
        config: &JoinChannel,
        seed: &[u8; 32],
        incarnation: u64,
    ) -> Self {
        let transfer_rng = ModuleRng::fork(seed, &format!("transfer {id}"));
        let rng = ModuleRng::fork(seed, &format!("channel {id}"));
        let nonces = ModuleRng::fork(seed, &format!("state infos {id}"));
        let pull_rng = ModuleRng::fork(seed, &format!("pull {id}"));
        let now = cx.now;
        cx.timers().set(TimerKey::RequestStateInfo(id.clone()), now);
        Self {
            sequence: config.sequence,
            orgs: config.members.keys().cloned().collect(),
            revisions: (0, 0),
            readers: Readers::default(),
            infos: MessageStore::new(Bounds {
                ttl: None,
                max_live: cx.config.membership.max_members.get(),
                max_marks: cx.config.membership.max_members.get(),
            }),
            own: OwnState::new(incarnation, cx.now),
            transfer: StateTransfer::new(cx, id.clone(), transfer_rng),
            tree: Tree::default(),
            pull: BlockPull::new(cx, id.clone(), pull_rng),
            coverage: Waits::default(),
            leadership: LatestLeadership::new(cx.config.membership.max_members.get()),
            joining: None,
            exchange: Exchange::new(cx.config.channel.request_interval, rng, nonces),
            id,
            own_version: 0,
            peers_version: 0,
            attendance: 0,
            eligible: None,
        }
    }

    fn version(&self) -> u64 {
        self.own_version + self.peers_version + self.transfer.version()
    }

    pub(crate) fn id(&self) -> &ChannelId {
        &self.id
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Names the configuration in force.
    pub(crate) fn revision(&self) -> u64 {
        self.revisions.1
    }

    pub(crate) fn is_current(&self, revision: u64) -> bool {
        self.revision() == revision
    }

    /// Was this configuration, or is it, in force since we have joined?
    pub(crate) fn has_had(&self, revision: u64) -> bool {
        let (first, last) = self.revisions;
        (first..=last).contains(&revision)
    }

    /// What a peer published last, as it came.
    pub(crate) fn told_by(&self, peer: &PeerId) -> Option<(PeerTime, &RawEnvelope)> {
        let held = self.infos.live().get(peer)?;
        Some((held.time, &held.value.envelope))
    }

    pub(crate) fn has_org(&self, org: &OrgId) -> bool {
        self.orgs.contains(org)
    }

    /// Takes over a newer configuration: what organisations no longer in it published is dropped, and
    /// all others are to be held against its policy. Returns the peers dropped.
    pub(crate) fn configure(&mut self, config: &JoinChannel, revision: u64) -> Vec<PeerId> {
        self.revisions.1 = revision;
        self.sequence = config.sequence;
        self.orgs = config.members.keys().cloned().collect();
        let gone: Vec<PeerId> = self
            .infos
            .live()
            .iter()
            .filter(|(_, info)| !self.orgs.contains(&info.value.org))
            .map(|(peer, _)| peer.clone())
            .collect();
        for peer in &gone {
            self.forget(peer);
        }
        self.readers.review(self.infos.live().keys());
        self.own_version += 1;
        self.attendance += 1;
        gone
    }

    pub(crate) fn has_mac(&self, peer: &[u8], mac: &[u8]) -> bool {
        match self.info_mac(peer) {
            Some(known) => known == mac,
            None => channel_mac(peer, self.id.as_str().as_bytes()) == mac,
        }
    }

    /// The MAC of a peer's state info, if one is held: it never changes, and need not be computed.
    fn info_mac(&self, peer: &[u8]) -> Option<&[u8]> {
        let info = self.infos.get(peer)?;
        Some(&info.mac)
    }

    /// Would this state info change anything? What a peer forgotten said last counts again when the
    /// peer `is_there` again, and not when others tell it of one that is gone.
    pub(crate) fn is_news(&self, info: &StateInfo, is_there: impl FnOnce() -> bool) -> bool {
        match self.infos.check(&info.pki_id[..], &info.time) {
            Ok(()) | Err(Refused::Full) => true,
            Err(Refused::Held) => false,
            Err(Refused::Past) => {
                self.infos.mark_of(&info.pki_id[..]) == Some(&info.time) && is_there()
            }
        }
    }

    /// Is a block of this number, pushed to us, worth verifying?
    pub(crate) fn wants_pushed(&self, cx: &mut Cx<'_>, seq: u64) -> Want {
        if self.own.has_left() {
            return Want::Beyond;
        }
        self.transfer.want(cx, seq, BlockOrigin::Push)
    }

    /// Has its publisher told us nothing before?
    pub(crate) fn is_stranger(&self, message: &SignedMessage) -> bool {
        matches!(&message.message().content, Content::StateInfo(info)
            if self.infos.get(&info.pki_id[..]).is_none())
    }

    /// A state info has passed the gate. Returns its publisher and height if it was news.
    pub(crate) fn on_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        identities: &Identities,
        membership: &Membership,
        news: &Admitted<StateInfoNews>,
    ) -> Option<(PeerId, Option<u64>)> {
        let message = &news.get().message;
        let Content::StateInfo(info) = &message.message().content else {
            return None;
        };
        let org = identities.org_of(&info.pki_id)?.clone();
        let own = *info.pki_id == *cx.config.identity.peer.as_bytes();
        let peer = PeerId::new(&info.pki_id);
        let is_there = || membership.knows(peer.as_bytes()) || news.get().pushed_by.contains(&peer);
        if own || !self.has_org(&org) || !self.is_news(info, is_there) {
            return None;
        }
        if self.infos.mark_of(&peer) == Some(&info.time) {
            self.infos.lift(&peer);
        }
        let properties = info.properties.as_ref();
        let left = properties.is_some_and(|told| told.left_channel);
        let height = properties.map_or(0, |told| told.ledger_height);
        let record = Info {
            org,
            mac: Bytes::copy_from_slice(&info.channel_mac),
            height,
            left,
            envelope: message.envelope().detach(),
            since: cx.now,
        };
        match self.infos.add(cx.now, peer.clone(), info.time, record) {
            Ok(None) => {
                self.exchange.news(cx.config.channel.request_interval);
                self.attendance += 1;
            }
            Ok(Some(before)) => self.attendance += u64::from(before.left != left),
            Err(_) => {
                cx.metrics().state_infos_shed += 1;
                return None;
            }
        }
        if left {
            self.tree.forget(&peer);
        }
        self.peers_version += 1;
        Some((peer, (!left && properties.is_some()).then_some(height)))
    }

    /// We take part no longer, and the others are to be told.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.own.set_left(cx, &self.id);
        self.own_version += 1;
    }

    /// Our publication is signed, or could not be.
    pub(crate) fn on_own_signed(&mut self, cx: &mut Cx<'_>, signed: Option<SignedMessage>) {
        self.own.on_signed(cx, &self.id, signed);
        self.own_version += 1;
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        stores.add("state infos", self.infos.len(), max);
        stores.add("state infos of the past", self.infos.marks(), max);
        let waits = config.channel.max_coverage_waits.get();
        stores.add("requests for coverage", self.coverage.len(), waits);
        stores.add("makers of leadership", self.leadership.len(), max);
        let asked = config.channel.request_peers.saturating_mul(8);
        stores.add(
            "peers asked for state infos",
            self.exchange.asked.len(),
            asked,
        );
        self.tree.stores(config, stores);
        self.transfer.stores(config, stores);
        self.pull.pull.stores(config, stores);
    }
}
