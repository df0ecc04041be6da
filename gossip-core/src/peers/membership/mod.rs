//! Membership: signed heartbeats, exchanges of views, deadlines, seeds.
//!
//! Corresponds to Fabric's `gossip/discovery`.
//!
//! # Deviations
//! - One table with one state per member: no member can be both alive and dead.
//! - One time and one deadline per member, whichever way its heartbeats arrive. The last time of a forgotten member is
//!   kept as a tombstone, so that neither another peer's list of the dead nor a replayed heartbeat restores it.
//! - A member that has been silent for three fifths of the expiration is probed before it counts as dead, and earlier
//!   if its link broke or a dial failed. A failed dial alone is no death: reachability and liveness are separate
//!   states.
//! - A node that was suspended, receives nothing or is not answered gives other members more time before they count as
//!   dead, up to four times the expiration. Seeds are tried for ever, independently of member records.
//! - A response is accepted once, by its nonce, and only from a peer that was asked. An invalid element is skipped; the
//!   others count. The response carries the identities of the members it lists if the requester asks for them and both
//!   sides support this: a newcomer then learns all members without another protocol.
//! - The first heartbeat in a request of a newcomer is passed on, so that other members learn of it before they
//!   exchange views. Exchanges are the more frequent, the fewer members are known.
//! - A view too large for one response is sent in parts, one per response.
//! - While exchanges bring nothing new, they become less frequent.
//! - A peer that stops sends a farewell, a last signed heartbeat. It is passed on like any other, but only to peers
//!   that understand it: they forget the peer at once.
//! - A newcomer at the endpoint of another member of its organisation may be that member with a renewed certificate.
//!   The other member is probed at once, so that its death is not noticed only after the expiration.
//! - A heartbeat is signed once per interval and shared by pushes, requests and responses.
//! - If all members understand it, a heartbeat without changes is a *pulse* instead: the next link of a hash chain that
//!   the last signed heartbeat has anchored. It costs a hash to verify instead of a signature, and one message carries
//!   many of them. After a member has become alive, heartbeats are signed for a while, since a pulse is of no use to a
//!   peer that does not know its sender. One alive member without support for pulses makes all others sign again.
//! - A request carries a have set, eight bytes per member; the responder leaves out what the requester holds. So the
//!   exchange of a view with few changes is cheap at any size.

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

/// How the content of a heartbeat relates to what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It would change the view.
    News,
    /// It changes nothing.
    Known,
    /// It changes nothing, but differs from our view: the peer is dead here, or known here with a later incarnation.
    SignOfLife,
    /// The peer was forgotten with a later incarnation: the heartbeat is old, or the peer's clock was set back.
    Former,
}

impl Standing {
    const fn news_if(news: bool) -> Self {
        if news { Self::News } else { Self::Known }
    }
}

/// The members of the network, and the protocol that keeps the view of them up to date.
#[derive(Debug)]
pub(crate) struct Membership {
    own_peer: PeerId,
    own_org: OrgId,
    own: OwnAlive,
    records: PeerTable<Record>,
    /// Tombstones of members that have left or were forgotten. Same limit as the records.
    tombstones: Tombstones,
    addresses: Addresses,
    alive: AliveMembers,
    exchange: ViewExchange,
    seeds: Seeds,
    health: Health,
    rng: ModuleRng,
    /// Number of heartbeats signed since a member last became alive.
    heartbeats_since_newcomer: u32,
    version: u64,
    /// Changes with our own description.
    own_version: u64,
    /// The time of the latest heartbeat under our identity that was not ours.
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
                // The label of the stream is older than the name of the type. Another one would change all draws.
                ModuleRng::fork(seed, "roster"),
            ),
            exchange: ViewExchange::new(
                cx.config.membership.sync_interval,
                cx.now + cx.config.membership.alive_expiration,
            ),
            seeds: Seeds::new(cx),
            health: Health::new(cx.now),
            rng,
            heartbeats_since_newcomer: 0,
            version: 0,
            own_version: 0,
            conflict: PeerTime::default(),
        }
    }

    /// Handles an input that has passed the gate.
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

    /// Returns how a heartbeat relates to what is known; `dead` if it was listed as dead. Cheap: callable before its
    /// signature is verified.
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
                        || !self.is_of_former_incarnation(alive));
                let earlier = alive.time.incarnation < record.time.incarnation;
                if !news && !dead && (earlier || !record.is_alive()) {
                    return Standing::SignOfLife;
                }
                news
            }
            // A tombstone is not replaced because other peers still list the member as dead.
            None => {
                let tombstone = self.tombstones.get(&alive.pki_id[..]);
                let later = tombstone.map(|tombstone| tombstone.time.incarnation);
                if !dead && later.is_some_and(|later| alive.time.incarnation < later) {
                    return Standing::Former;
                }
                tombstone.is_none_or(|tombstone| !dead && alive.time > tombstone.time)
                    && !self.is_of_former_incarnation(alive)
            }
        };
        Standing::news_if(news)
    }

    fn is_of_former_incarnation(&self, alive: &Alive) -> bool {
        let incarnation = alive.time.incarnation;
        self.exchange
            .is_former_incarnation(&alive.pki_id, incarnation)
    }

    /// Handles a heartbeat that has passed the gate.
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
        // Another copy may have arrived during the verification.
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
            record.apply_pulse(&pulse, cx.now);
        }
        if taken && returning && source.way == AliveWay::Request {
            self.request(cx, &source.from);
        }
        // A heartbeat that is not stored would be news again each time it arrives, and circulate for ever.
        if taken && is_news_to_others(&source, newcomer, returning) {
            holders.push(source.from.clone());
            cx.raise(MemberSignal::Forward { message, holders });
        }
    }

    /// Handles a heartbeat later than ours that is signed with our key.
    fn on_identity_conflict(&mut self, cx: &mut Out<'_>, alive: &Alive) {
        if alive.time > self.own.time().max(self.conflict) {
            self.conflict = alive.time;
            let incarnation = alive.time.incarnation;
            tracing::warn!(
                incarnation,
                "our identity was used by a later incarnation than ours"
            );
            cx.metrics().identity_conflicts += 1;
            cx.notify(Notification::IdentityInUse { incarnation });
        }
    }

    /// Applies a heartbeat to the record of its member; a new record needs room. Returns whether it was applied.
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
        let declared = [record.internal.clone(), record.endpoint.clone()];
        self.enlist(cx, peer.clone(), record);
        self.ask_new_org(cx, &peer);
        self.probe_predecessors(cx, &peer, &declared);
        true
    }

    /// Probes the members of a newcomer's organisation that have declared one of its endpoints before: their
    /// certificate may have been renewed, and then the newcomer answers there. The newcomer's word alone does not
    /// count: a member that answers the probe stays.
    fn probe_predecessors(
        &mut self,
        cx: &mut MemberCx<'_>,
        peer: &PeerId,
        declared: &[Option<Endpoint>],
    ) {
        let org = cx.identities.org_of(peer.as_bytes());
        for other in self.addresses.claim(peer, declared.iter().flatten()) {
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
        self.heartbeats_since_newcomer = 0;
        let members = self.records.len();
        self.exchange.exchange_soon(cx, &mut self.rng, members);
        let deadline = cx.now + liveness::probe_after(cx.config.membership.alive_expiration);
        cx.timers().set(TimerKey::Member(peer.clone()), deadline);
        cx.notify(Notification::MemberAlive(peer.clone()));
        self.records.insert(peer.clone(), record);
        self.version += 1;
        cx.raise(MemberSignal::Alive(peer));
    }

    /// Makes room for one more member by forgetting the one that has been dead the longest. Returns whether there is
    /// room.
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

    /// The alive members, for random draws.
    pub(crate) fn alive(&mut self) -> &mut AliveMembers {
        &mut self.alive
    }

    /// The alive members with a link.
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

    /// Alive legacy members, as far as this node can tell: `capable` returns whether a connected member has our
    /// capabilities, and a heartbeat that anchors a chain shows that its member has them.
    pub(crate) fn legacy(&self, capable: impl Fn(&PeerId) -> Option<bool>) -> BTreeSet<PeerId> {
        let is_legacy = |(peer, record): (&PeerId, &Record)| {
            let legacy = record.is_alive() && record.link.is_none() && capable(peer) != Some(true);
            legacy.then(|| peer.clone())
        };
        self.records.iter().filter_map(is_legacy).collect()
    }

    /// Returns whether exchanges need no further links.
    pub(crate) fn is_linked_enough(&self, enough: usize) -> bool {
        self.alive.is_linked_enough(enough, 0)
    }

    /// Returns whether no member is alive.
    pub(crate) fn is_alone(&self) -> bool {
        self.alive.len() == 0
    }

    /// Returns whether exactly one member is alive.
    pub(crate) fn has_first_member(&self) -> bool {
        self.alive.len() == 1
    }

    /// The endpoint to reach a member at.
    pub(crate) fn endpoint_of(&self, peer: &[u8]) -> Option<&Endpoint> {
        self.record(peer)?.preferred_endpoint()
    }

    /// Returns whether we have an external endpoint.
    pub(crate) fn is_self_external(&self) -> bool {
        self.own.external.is_some()
    }

    /// Returns whether a member has an external endpoint.
    pub(crate) fn is_external(&self, peer: &[u8]) -> bool {
        self.record(peer)
            .is_some_and(|record| record.endpoint.is_some())
    }

    pub(crate) fn set_metadata(&mut self, metadata: Bytes) {
        self.own.set_metadata(metadata);
        self.own_version += 1;
    }

    /// Changes our external endpoint, and announces it. Only nodes with an external endpoint contact anchors of other
    /// organisations.
    pub(crate) fn set_external(&mut self, cx: &mut MemberCx<'_>, external: Option<Endpoint>) {
        if self.own.external == external {
            return;
        }
        self.own.set_external(external);
        self.own_version += 1;
        self.refresh_anchors(cx);
        if !self.is_alone() {
            self.announce_self(cx);
        }
    }

    /// Reports the sizes of all bounded collections.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        stores.add("members", self.records.len(), max);
        stores.add("members forgotten", self.tombstones.len(), max);
        self.exchange.stores(config, stores);
        // Bounded by the configuration.
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

    /// Changes whenever [`Membership::own_info`] changes.
    pub(crate) const fn own_version(&self) -> u64 {
        self.own_version
    }

    /// This node as a member.
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

/// Returns whether a heartbeat that was applied is passed on.
fn is_news_to_others(source: &AliveSource, newcomer: bool, returning: bool) -> bool {
    match source.way {
        AliveWay::Pushed => true,
        // A peer that requests its first view, or has returned, is news to other members too.
        AliveWay::Request => newcomer,
        // After a partition, one link restores many members that are dead to other members too.
        AliveWay::Response => returning,
        AliveWay::Hearsay => false,
    }
}
