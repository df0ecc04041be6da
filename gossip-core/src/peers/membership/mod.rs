//! Who is alive: signed heartbeats, exchanges of views, deadlines, seeds.
//!
//! Answers to Fabric's `gossip/discovery`.
//!
//! # Deviations
//! - One table with one state per member: "both alive and dead" cannot be written.
//! - One clock and one deadline per member, whichever way news of it came; the last time heard of a
//!   forgotten member is kept, so that neither hearsay nor a replayed heartbeat brings it back.
//! - A member that has been silent for three fifths of the expiration is asked itself before it is
//!   held dead, earlier if its link broke or a dial failed, which is no death. Whether it can be reached is
//!   kept apart from whether it lives.
//! - A node that was frozen, hears nothing or is not answered gives others more time before it holds them
//!   dead, up to four times the expiration. Seeds are tried for ever, whatever becomes of member records.
//! - A response is accepted from a peer that was asked, once, by its nonce; a bad element costs
//!   itself only. It carries the identities of the members it lists if the requester asks and both
//!   sides understand that; a newcomer then needs no other protocol to learn everybody.
//! - The first heartbeat that a newcomer asks with is passed on, so that others hear of it before they
//!   exchange views; exchanges follow each other the sooner the fewer members are known.
//! - A view too large for one response is told in parts, one after the other.
//! - A view that brings nothing new is asked for less often.
//! - A peer that stops says so in a last signed heartbeat, which is passed on like any other, but only to peers
//!   that understand it: it is forgotten at once.
//! - A newcomer at the endpoint of another member of its organisation may be that one with a renewed
//!   certificate: the other is asked itself at once instead of being missed for the expiration time.
//! - A heartbeat is signed once per interval and shared by pushes, requests and responses.
//! - Where all members understand it, a heartbeat that would tell nothing new is a *pulse* instead: the next
//!   link of a hash chain that the last signed one has begun. It costs a hash to check instead of a
//!   signature, and many of them travel in one message. After somebody has come alive heartbeats are signed for
//!   a while, since a pulse tells nothing to a stranger. A peer alive that does not understand it makes all
//!   others sign again.
//! - A request tells what its sender holds in eight bytes for each member; what the other side holds too is
//!   not told again. So a view that changes little costs little, whatever its size.

mod addresses;
mod alive_members;
mod chain;
mod cx;
mod disclosure;
mod exchange;
mod health;
mod leaving;
mod liveness;
mod own;
mod probes;
mod pulse;
mod record;
mod response;
mod seeds;
mod signal;
mod tombstones;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Alive, Content, PeerTime, SignedMessage};

use self::addresses::Addresses;
pub(crate) use self::alive_members::{AliveMember, AliveMembers};
pub(crate) use self::chain::{LENGTH as CHAIN_LENGTH, walk};
pub(crate) use self::cx::MemberCx;
pub(crate) use self::disclosure::{Party, may_identify, may_push, may_see_secret};
use self::exchange::ViewExchange;
use self::health::Health;
use self::own::OwnAlive;
use self::record::{Liveness, Record};
pub(crate) use self::seeds::Reached;
use self::seeds::Seeds;
pub(crate) use self::signal::MemberSignal;
use self::tombstones::Tombstones;
use crate::gate::admitted::{Admitted, AliveItem, AliveSource, AliveWay, MemberInput};
use crate::out::Out;
use crate::peers::peer_table::PeerTable;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{Config, Endpoint, Member, Notification, OrgId, PeerId};

/// What is known of what a heartbeat says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It would change something.
    News,
    Known,
    /// It changes nothing, but its peer is held dead, or a later start of it alive, and whoever tells it holds
    /// otherwise.
    SignOfLife,
    /// Its peer was forgotten after a later start: an old one, or its clock was set back.
    Former,
}

impl Standing {
    const fn news_if(news: bool) -> Self {
        if news { Self::News } else { Self::Known }
    }
}

/// The members of the network, and what keeps the view of them fresh.
#[derive(Debug)]
pub(crate) struct Membership {
    own_peer: PeerId,
    own_org: OrgId,
    own: OwnAlive,
    records: PeerTable<Record>,
    /// The last time heard of members that have left or were forgotten. Same cap as the records.
    tombstones: Tombstones,
    addresses: Addresses,
    alive: AliveMembers,
    exchange: ViewExchange,
    seeds: Seeds,
    health: Health,
    rng: ModuleRng,
    /// Heartbeats signed since somebody has come alive.
    told_newcomers: u32,
    version: u64,
    /// Grows with what we say of ourselves.
    own_version: u64,
    /// The latest heartbeat under our name that was not ours.
    conflict: PeerTime,
}

impl Membership {
    pub(crate) fn new(cx: &mut Out<'_>, seed: &[u8; 32], incarnation: u64) -> Self {
        let mut rng = ModuleRng::fork(seed, "membership");
        let heartbeat = cx.now + rng.jitter(cx.config.membership.alive_interval);
        let sync = cx.now + rng.jitter(cx.config.membership.sync_interval);
        cx.timers().set(TimerKey::Heartbeat, heartbeat);
        cx.timers().set(TimerKey::Sync, sync);
        Self {
            own_peer: cx.config.identity.peer.clone(),
            own_org: cx.config.identity.org.clone(),
            own: OwnAlive::new(cx, seed, incarnation),
            records: PeerTable::new(ModuleRng::fork(seed, "members").next_u64()),
            addresses: Addresses::default(),
            tombstones: Tombstones::default(),
            alive: AliveMembers::new(
                cx.config.identity.org.clone(),
                ModuleRng::fork(seed, "roster"),
            ),
            exchange: ViewExchange::new(
                cx.config.membership.sync_interval,
                cx.now + cx.config.membership.alive_expiration,
            ),
            seeds: Seeds::new(cx),
            health: Health::new(cx.now),
            rng,
            told_newcomers: 0,
            version: 0,
            own_version: 0,
            conflict: PeerTime::default(),
        }
    }

    /// Something that concerns members has passed the gate.
    pub(crate) fn on_input(&mut self, cx: &mut MemberCx<'_>, input: MemberInput) {
        match input {
            MemberInput::Alive(alive) => self.on_alive(cx, alive),
            MemberInput::Pulse(pulse) => self.on_pulse(cx, pulse),
            MemberInput::Request(request) => self.on_request(cx, request),
            MemberInput::Response { peer } => self.on_response(cx, &peer),
            MemberInput::UnknownIdentity { from } => self.on_unknown_identity(cx, &from),
            MemberInput::SignOfLife { peer } => self.on_sign_of_life(cx, &peer),
        }
    }

    /// What is to be made of a heartbeat. Cheap, to be asked before its signature is checked.
    pub(crate) fn standing(&self, alive: &Alive, dead: bool) -> Standing {
        if alive.pki_id == self.own_peer.as_bytes() {
            let news = !dead && alive.time > self.own.time().max(self.conflict);
            return Standing::news_if(news);
        }
        let news = match self.records.get(&alive.pki_id) {
            Some(record) => {
                let news = !dead
                    && record.is_older_than(alive.time)
                    && (record.time.incarnation == alive.time.incarnation
                        || !self.is_of_former_self(alive));
                let earlier = alive.time.incarnation < record.time.incarnation;
                if !news && !dead && (earlier || !record.is_alive()) {
                    return Standing::SignOfLife;
                }
                news
            }
            // Whoever has been forgotten is not remembered once more because others still hold it dead.
            None => {
                let tombstone = self.tombstones.get(&alive.pki_id[..]);
                let later = tombstone.map(|tombstone| tombstone.time.incarnation);
                if !dead && later.is_some_and(|later| alive.time.incarnation < later) {
                    return Standing::Former;
                }
                tombstone.is_none_or(|tombstone| !dead && alive.time > tombstone.time)
                    && !self.is_of_former_self(alive)
            }
        };
        Standing::news_if(news)
    }

    fn is_of_former_self(&self, alive: &Alive) -> bool {
        let incarnation = alive.time.incarnation;
        self.exchange.is_former_self(&alive.pki_id, incarnation)
    }

    /// A heartbeat has passed the gate.
    pub(crate) fn on_alive(&mut self, cx: &mut MemberCx<'_>, alive: Admitted<AliveItem>) {
        let AliveItem {
            message,
            source,
            mut holders,
            pulse,
        } = alive.into_inner();
        let Content::Alive(alive) = &message.message().content else {
            return;
        };
        if alive.pki_id == self.own_peer.as_bytes() {
            self.on_identity_conflict(cx, alive);
            return;
        }
        let dead = source.way == AliveWay::Hearsay;
        // Others may have told it while the check ran.
        match self.standing(alive, dead) {
            Standing::News => {}
            Standing::Former => {
                self.probe_former(cx, &message, alive);
                return;
            }
            Standing::Known | Standing::SignOfLife => return,
        }
        if alive.leaving {
            holders.push(source.from.clone());
            self.on_leaving(cx, &message, alive, holders);
            return;
        }
        let direct = source.from.as_bytes() == alive.pki_id;
        let newcomer = !self.is_alive(&alive.pki_id);
        let returning =
            newcomer && (self.knows(&alive.pki_id) || self.tombstones.contains(&alive.pki_id[..]));
        let taken = if dead {
            self.learn_dead(cx, &message, alive)
        } else {
            self.apply(cx, &message, alive, direct)
        };
        if let (Some(pulse), Some(record)) = (pulse, self.records.get_mut(&alive.pki_id[..])) {
            record.beat(&pulse, cx.now);
        }
        if taken && returning && source.way == AliveWay::Request {
            self.request(cx, &source.from);
        }
        // What is not kept would be news again each time it came, and go round for ever.
        if taken && is_news_to_others(&source, newcomer, returning) {
            holders.push(source.from.clone());
            cx.raise(MemberSignal::Forward { message, holders });
        }
    }

    /// Somebody has signed a heartbeat with our key that is later than ours.
    fn on_identity_conflict(&mut self, cx: &mut Out<'_>, alive: &Alive) {
        if alive.time > self.own.time().max(self.conflict) {
            self.conflict = alive.time;
            let incarnation = alive.time.incarnation;
            tracing::warn!(
                incarnation,
                "our identity was used by a later start than ours"
            );
            cx.metrics().identity_conflicts += 1;
            cx.notify(Notification::IdentityInUse { incarnation });
        }
    }

    /// Takes a heartbeat in, if there is room for its subject.
    fn apply(
        &mut self,
        cx: &mut MemberCx<'_>,
        message: &SignedMessage,
        alive: &Alive,
        direct: bool,
    ) -> bool {
        let key = &alive.pki_id[..];
        let Some(record) = self.records.get_mut(key) else {
            return self.learn(cx, message, alive, direct);
        };
        if record.update(message, alive, direct, cx.now) {
            self.version += 1;
        }
        match record.liveness {
            Liveness::Alive { place } => {
                let external = record.endpoint.is_some();
                self.alive.set_external(place, external);
            }
            Liveness::Dead { .. } => {
                if let Some((peer, record)) = self.records.remove(key) {
                    self.enlist(cx, peer, record);
                }
            }
        }
        true
    }

    fn learn(
        &mut self,
        cx: &mut MemberCx<'_>,
        message: &SignedMessage,
        alive: &Alive,
        direct: bool,
    ) -> bool {
        let peer = PeerId::new(&alive.pki_id);
        if !self.make_room(cx) {
            return false;
        }
        self.tombstones.remove(peer.as_bytes());
        let org = cx.identities.org_of(peer.as_bytes()).cloned();
        let liveness = Liveness::Dead { since: cx.now };
        let record = Record::new(message, alive, org, direct, liveness, cx.now);
        let told = [record.internal.clone(), record.endpoint.clone()];
        self.enlist(cx, peer.clone(), record);
        self.ask_new_org(cx, &peer);
        self.doubt_predecessors(cx, &peer, &told);
        true
    }

    /// A newcomer tells an endpoint that other members of its organisation told before it: they may have
    /// been renewed, and then whoever is dialled there is the newcomer. Its word alone does not count,
    /// so each of the others is asked itself at once; who answers stays.
    fn doubt_predecessors(
        &mut self,
        cx: &mut MemberCx<'_>,
        peer: &PeerId,
        told: &[Option<Endpoint>],
    ) {
        let org = cx.identities.org_of(peer.as_bytes());
        for other in self.addresses.claim(peer, told.iter().flatten()) {
            let theirs = cx.identities.org_of(other.as_bytes());
            if org.is_some() && theirs == org && self.knows(other.as_bytes()) {
                self.request(cx, &other);
            }
        }
    }

    fn enlist(&mut self, cx: &mut Out<'_>, peer: PeerId, mut record: Record) {
        let place = self.alive.insert(AliveMember {
            peer: peer.clone(),
            org: record.org.clone(),
            external: record.endpoint.is_some(),
            connected: self.exchange.is_connected(&peer),
            unreachable: record.unreachable_since.is_some(),
        });
        record.liveness = Liveness::Alive { place };
        self.told_newcomers = 0;
        let members = self.records.len();
        self.exchange.news(cx, &mut self.rng, members);
        let deadline = cx.now + liveness::doubt_after(cx.config.membership.alive_expiration);
        cx.timers().set(TimerKey::Member(peer.clone()), deadline);
        cx.notify(Notification::MemberAlive(peer.clone()));
        self.records.insert(peer.clone(), record);
        self.version += 1;
        cx.raise(MemberSignal::Alive(peer));
    }

    /// Makes room for one more member, at the cost of the one dead the longest.
    fn make_room(&mut self, cx: &mut Out<'_>) -> bool {
        if self.records.len() < cx.config.membership.max_members.get() {
            return true;
        }
        let oldest = self
            .records
            .iter()
            .filter_map(|(peer, record)| match record.liveness {
                Liveness::Dead { since } => Some((since, peer.clone())),
                Liveness::Alive { .. } => None,
            })
            .min();
        cx.metrics().members_shed += 1;
        let Some((_, peer)) = oldest else {
            return false;
        };
        self.forget(cx, &peer);
        cx.raise(MemberSignal::Forgotten(peer));
        true
    }

    /// The alive members, for draws.
    pub(crate) fn alive(&mut self) -> &mut AliveMembers {
        &mut self.alive
    }

    /// The alive members to whom a link is up.
    pub(crate) fn connected(&mut self) -> Vec<PeerId> {
        self.alive
            .draw_linked(usize::MAX, |_| true, |member| member.peer.clone())
    }

    pub(crate) fn is_alive(&self, peer: &[u8]) -> bool {
        self.record(peer).is_some_and(Record::is_alive)
    }

    pub(crate) fn knows(&self, peer: &[u8]) -> bool {
        self.record(peer).is_some()
    }

    /// Alive members that understand nothing beyond the original protocol, as far as one can tell:
    /// `capable` knows it of those that are connected, heartbeats that begin a chain show it of others.
    pub(crate) fn legacy(&self, capable: impl Fn(&PeerId) -> Option<bool>) -> BTreeSet<PeerId> {
        let is_legacy = |(peer, record): (&PeerId, &Record)| {
            let legacy = record.is_alive() && record.link.is_none() && capable(peer) != Some(true);
            legacy.then(|| peer.clone())
        };
        self.records.iter().filter_map(is_legacy).collect()
    }

    /// Are as many links up as exchanges need?
    pub(crate) fn is_linked_enough(&self, enough: usize) -> bool {
        self.alive.is_linked_enough(enough, 0)
    }

    /// Nobody is alive but us.
    pub(crate) fn is_alone(&self) -> bool {
        self.alive.len() == 0
    }

    /// Exactly one member is alive but us.
    pub(crate) fn has_first_member(&self) -> bool {
        self.alive.len() == 1
    }

    /// Where to reach a member.
    pub(crate) fn endpoint_of(&self, peer: &[u8]) -> Option<&Endpoint> {
        self.record(peer)?.preferred_endpoint()
    }

    /// Whether we ourselves have an external endpoint.
    pub(crate) fn is_self_external(&self) -> bool {
        self.own.external.is_some()
    }

    /// Whether a member has an external endpoint.
    pub(crate) fn is_external(&self, peer: &[u8]) -> bool {
        self.record(peer)
            .is_some_and(|record| record.endpoint.is_some())
    }

    pub(crate) fn set_metadata(&mut self, metadata: Bytes) {
        self.own.set_metadata(metadata);
        self.own_version += 1;
    }

    /// Tells everybody another external endpoint from now on, or none. Anchors of foreign organisations are
    /// contacted only by those that have one.
    pub(crate) fn set_external(&mut self, cx: &mut MemberCx<'_>, external: Option<Endpoint>) {
        if self.own.external == external {
            return;
        }
        self.own.set_external(external);
        self.own_version += 1;
        self.set_anchors_again(cx);
        if !self.is_alone() {
            self.announce_self(cx);
        }
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        stores.add("members", self.records.len(), max);
        stores.add("members forgotten", self.tombstones.len(), max);
        self.exchange.stores(config, stores);
        // As many as the application names.
        let seeds = self.seeds.len();
        stores.add("seeds", seeds, seeds);
    }

    fn liveness(&self, peer: &PeerId) -> Option<Liveness> {
        self.record(peer.as_bytes()).map(|record| record.liveness)
    }

    fn record(&self, peer: &[u8]) -> Option<&Record> {
        self.records.get(peer)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Changes whenever [`Membership::own_info`] would.
    pub(crate) const fn own_version(&self) -> u64 {
        self.own_version
    }

    /// Ourselves, as others see us.
    pub(crate) fn own_info(&self) -> Member {
        Member {
            peer: self.own_peer.clone(),
            org: Some(self.own_org.clone()),
            endpoint: self.own.external.clone(),
            internal_endpoint: Some(self.own.internal.clone()),
            metadata: self.own.metadata.clone(),
            incarnation: self.own.time().incarnation,
            alive: true,
            connected: false,
            unreachable_since: None,
            heartbeat: self.own.latest(true).map(|own| own.envelope().clone()),
        }
    }

    /// All members, alive and dead.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.records
            .iter()
            .map(|(peer, record)| Member {
                peer: peer.clone(),
                org: record.org.clone(),
                endpoint: record.endpoint.clone(),
                internal_endpoint: record.internal.clone(),
                metadata: record.metadata.clone(),
                incarnation: record.time.incarnation,
                alive: record.is_alive(),
                connected: self.exchange.is_connected(peer),
                unreachable_since: record.unreachable_since,
                heartbeat: Some(record.envelope.clone()),
            })
            .collect()
    }
}

/// Whether a heartbeat that we have taken in is passed on.
fn is_news_to_others(source: &AliveSource, newcomer: bool, returning: bool) -> bool {
    match source.way {
        AliveWay::Pushed => true,
        // Whoever asks us for its first view, or is back, is news to others too.
        AliveWay::Request => newcomer,
        // Where a partition has ended, one link shows many again that others hold dead too.
        AliveWay::Response => returning,
        AliveWay::Hearsay => false,
    }
}
