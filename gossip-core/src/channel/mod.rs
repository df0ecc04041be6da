//! Channels: who takes part, with what height, and the blocks of each.
//!
//! Answers to Fabric's `gossip/gossip/channel`.
//!
//! # Deviations
//! - A first change of our own state is published at once, later ones no more often than the
//!   interval. A peer that connects is told our state directly, so nobody waits for a round.
//! - Snapshots are accepted from peers that were asked; a bad element costs itself only. What is too
//!   large for one is told in parts.
//! - Whoever asks for state infos or blocks must be admitted by the channel's reader policy.
//! - Blocks are accepted by push from our own organisation only, which is where they are pushed.
//! - State infos and their MACs are kept per channel and peer; a repeated one costs a look-up.

mod coverage;
mod leadership;
mod own;
mod readers;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{
    Content, GossipMessage, PeerTime, RawEnvelope, SignedMessage, StateInfo, Tag, channel_mac,
};

pub(crate) use self::coverage::Wait;
use self::coverage::Waits;
use self::leadership::LatestLeadership;
use self::own::OwnState;
use self::readers::Readers;
pub(crate) use self::tree::Places;
use self::tree::Tree;
use crate::cx::Cx;
use crate::gate::{Admitted, StateInfoNews};
use crate::identity::Identities;
use crate::membership::Membership;
use crate::msgstore::{Bounds, Held, MessageStore, Refused};
use crate::pull::BlockPull;
use crate::rng::ModuleRng;
use crate::rotation::from_after;
use crate::snapshot::Stores;
use crate::state_transfer::{StateTransfer, Want};
use crate::timer::TimerKey;
use crate::{
    BlockOrigin, ChannelId, ChannelInfo, ChannelPeer, Config, Instant, JoinChannel, OrgId, PeerId,
    RequestId, Ticket,
};

/// The channels joined.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    table: BTreeMap<ChannelId, Channel>,
    /// Moves when a channel comes or goes, by more than the versions of those that went.
    version: u64,
    /// Channels left while the ledger stored a block. Bounded by the channels that can be joined.
    storing: BTreeMap<ChannelId, Ticket>,
    /// Configurations taken over, of all channels.
    revisions: u64,
}

impl Channels {
    pub(crate) fn get(&self, channel: &ChannelId) -> Option<&Channel> {
        self.table.get(channel)
    }

    pub(crate) fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut Channel> {
        self.table.get_mut(channel)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Channel> {
        self.table.values_mut()
    }

    pub(crate) fn insert(&mut self, mut channel: Channel) {
        self.version += 1;
        let first = self.next_revision();
        channel.revisions = (first, first);
        self.table.insert(channel.id.clone(), channel);
    }

    /// Names one more configuration.
    pub(crate) fn next_revision(&mut self) -> u64 {
        self.revisions += 1;
        self.revisions
    }

    pub(crate) fn remove(&mut self, channel: &ChannelId) -> Option<Channel> {
        let removed = self.table.remove(channel)?;
        self.version += removed.version() + 1;
        Some(removed)
    }

    /// Does the ledger still store a block of an earlier participation?
    pub(crate) fn is_storing(&self, channel: &ChannelId) -> bool {
        self.storing.contains_key(channel)
    }

    /// Remembers the commit that a channel left behind.
    pub(crate) fn set_storing(&mut self, channel: &ChannelId, commit: Option<Ticket>) {
        if let Some(commit) = commit {
            self.storing.insert(channel.clone(), commit);
        }
    }

    /// The ledger has answered a ticket that no channel owns.
    pub(crate) fn on_stored(&mut self, ticket: Ticket) {
        self.storing.retain(|_, commit| *commit != ticket);
    }

    pub(crate) fn ids(&self) -> Vec<ChannelId> {
        self.table.keys().cloned().collect()
    }

    /// The channels joined, and those whose last block is still being stored.
    pub(crate) fn len(&self) -> usize {
        self.table.len() + self.storing.len()
    }

    /// Changes whenever the list of channels or [`Channel::info`] of one does.
    pub(crate) fn version(&self) -> u64 {
        let versions = self.table.values().map(Channel::version);
        self.version + versions.sum::<u64>()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Channel> {
        self.table.values()
    }

    /// The channel that a message names.
    pub(crate) fn by_name(&self, name: &[u8]) -> Option<&Channel> {
        self.table.get(std::str::from_utf8(name).ok()?)
    }

    /// The channel in which a peer has published a state info with this MAC.
    pub(crate) fn by_known_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| channel.info_mac(peer) == Some(mac))
    }

    /// The channel, of those in which a peer has published nothing, whose name it proves to know; at the
    /// cost of a hash for each.
    pub(crate) fn by_mac(&self, peer: &[u8], mac: &[u8]) -> Option<&Channel> {
        let mut channels = self.table.values();
        channels.find(|channel| channel.info_mac(peer).is_none() && channel.has_mac(peer, mac))
    }
}

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
    /// Peers asked for a snapshot, and until when its answer counts. Bounded by the requests per
    /// round, as a round clears what is overdue.
    asked: BTreeMap<PeerId, Instant>,
    /// The last peer told of in a snapshot that could not tell of all.
    told: Option<PeerId>,
    request_delay: Duration,
    rng: ModuleRng,
    /// Changes whenever the state infos do.
    version: u64,
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

/// How long the answer to a request for state infos counts.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(5);
/// Without news requests for state infos become rarer, up to this many times the interval.
const CALM: u32 = 4;

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
            asked: BTreeMap::new(),
            told: None,
            request_delay: cx.config.channel.request_interval,
            rng,
            id,
            version: 0,
            attendance: 0,
            eligible: None,
        }
    }

    fn version(&self) -> u64 {
        self.version + self.transfer.version()
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
        self.version += 1;
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
                self.request_delay = cx.config.channel.request_interval;
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
        self.version += 1;
        Some((peer, (!left && properties.is_some()).then_some(height)))
    }

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
            self.version += 1;
            self.attendance += 1;
        }
        self.tree.forget(peer);
        self.asked.remove(peer);
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

    /// Is a snapshot of this peer expected?
    pub(crate) fn expects_snapshot(&self, now: Instant, peer: &PeerId) -> bool {
        self.asked.get(peer).is_some_and(|until| *until > now)
    }

    /// Notes that peers are asked for their state infos.
    pub(crate) fn on_asked(&mut self, now: Instant, peers: &[PeerId]) {
        self.asked.retain(|_, until| *until > now);
        for peer in peers {
            self.asked.insert(peer.clone(), now + SNAPSHOT_PATIENCE);
        }
    }

    /// Arms the next round of requests for state infos.
    pub(crate) fn arm_request(&mut self, cx: &mut Cx<'_>) {
        let interval = cx.config.channel.request_interval;
        self.request_delay = self
            .request_delay
            .saturating_mul(2)
            .min(interval.saturating_mul(CALM));
        let at = cx.now + self.rng.jitter(self.request_delay);
        cx.timers()
            .set(TimerKey::RequestStateInfo(self.id.clone()), at);
    }

    /// Our publication is signed, or could not be.
    pub(crate) fn on_own_signed(&mut self, cx: &mut Cx<'_>, signed: Option<SignedMessage>) {
        self.own.on_signed(cx, &self.id, signed);
        self.version += 1;
    }

    /// A request for state infos, proving that we know the channel.
    pub(crate) fn pull_request(&self, own: &PeerId) -> SignedMessage {
        let mac = channel_mac(own.as_bytes(), self.id.as_str().as_bytes());
        SignedMessage::unsigned(GossipMessage {
            nonce: 0,
            channel: Bytes::new(),
            tag: Tag::ChanOrOrg,
            content: Content::StateInfoPull(Bytes::copy_from_slice(&mac)),
        })
    }

    /// The state infos that a requester may see, ours included, as many as fit into the
    /// configuration's budget; the next snapshot goes on where this one ends.
    pub(crate) fn snapshot(
        &mut self,
        config: &Config,
        membership: &Membership,
        requester: Option<&OrgId>,
    ) -> SignedMessage {
        let own_org = &config.identity.org;
        let inside = requester == Some(own_org);
        let mut elements = Vec::new();
        if let Some(own) = self.own.signed()
            && (inside || membership.is_self_external())
        {
            elements.push(own.envelope().clone());
        }
        let mut spent = 0_usize;
        let mut last: Option<&PeerId> = None;
        for (peer, info) in from_after(self.infos.live(), self.told.as_ref()) {
            let info = &info.value;
            if !inside && info.org == *own_org && !membership.is_external(peer.as_bytes()) {
                continue;
            }
            spent = spent.saturating_add(info.envelope.encoded().len());
            if spent > config.channel.max_snapshot_bytes && last.is_some() {
                self.told = last.cloned();
                break;
            }
            last = Some(peer);
            elements.push(info.envelope.clone());
        }
        SignedMessage::unsigned(GossipMessage {
            nonce: 0,
            channel: Bytes::copy_from_slice(self.id.as_str().as_bytes()),
            tag: Tag::ChanOrOrg,
            content: Content::StateSnapshot(elements),
        })
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
        stores.add("peers asked for state infos", self.asked.len(), asked);
        self.tree.stores(config, stores);
        self.transfer.stores(config, stores);
        self.pull.pull.stores(config, stores);
    }

    pub(crate) fn info(&self, membership: &Membership, identities: &Identities) -> ChannelInfo {
        let alive = |peer: &PeerId, info: &Info| !info.left && membership.is_alive(peer.as_bytes());
        ChannelInfo {
            channel: self.id.clone(),
            height: self.transfer.height(),
            buffered: self.transfer.buffered(),
            state_info: self.own.signed().map(|own| own.envelope().clone()),
            peers: self
                .infos
                .live()
                .iter()
                .map(|(peer, held)| (peer, &held.value))
                .filter(|(peer, info)| alive(peer, info))
                .filter_map(|(peer, info)| {
                    Some(ChannelPeer {
                        peer: peer.clone(),
                        org: info.org.clone(),
                        height: info.height,
                        heard: info.since,
                        state_info: info.envelope.clone(),
                        identity: identities.get(peer.as_bytes())?.bytes.clone(),
                    })
                })
                .collect(),
            halted: self.transfer.halted().map(str::to_owned),
        }
    }
}
