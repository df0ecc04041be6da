//! Heartbeats going out, and the exchange of views by request and response.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, MembershipRequest, SignedMessage};

use super::disclosure::{Party, may_list, may_see_secret};
use super::liveness::is_silent;
use super::{AliveMember, MemberCx, MemberSignal, Membership};
use crate::compose::unsigned;
use crate::gate::admitted::ViewRequest;
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::snapshot::Stores;
use crate::timer::TimerKey;
use crate::{Config, Instant, OrgId, PeerId, have_set};

/// Requests and responses under way, and what waits for our heartbeat to be signed.
#[derive(Debug)]
pub(super) struct ViewExchange {
    /// Peers asked, until they answer or their time is over: at most one request each.
    awaited: BTreeMap<PeerId, Awaited>,
    /// Peers to whom a link is up, each with the incarnation that it has proven to be and when, for a while.
    connected: BTreeMap<PeerId, Option<(u64, Instant)>>,
    uses: Vec<Use>,
    delay: Duration,
    /// When each organisation was asked last: its members know it best. Bounded by the members.
    asked: BTreeMap<OrgId, Instant>,
    /// The last member listed in a response that could not list all.
    pub(super) listed: Option<PeerId>,
    /// Somebody's heartbeat could not be checked for want of an identity.
    pub(super) wants_identities: bool,
    /// Who told of it, and when. At most `MAX_STRANGERS`, each for one interval.
    pub(super) strangers: BTreeMap<PeerId, Instant>,
    /// Until then exchanges become no rarer than usual: we have just started.
    young_until: Instant,
    /// When a sign of life of somebody held dead made us look last.
    pub(super) probed: Option<Instant>,
}

#[derive(Debug)]
struct Awaited {
    nonce: u64,
    until: Instant,
}

/// What is done with our heartbeat once it is signed.
#[derive(Debug)]
pub(super) enum Use {
    Push,
    Request { peer: PeerId, nonce: u64 },
    Respond(ViewRequest),
}

/// Uses that wait for a signature; more are dropped, their peers ask again.
const MAX_USES: usize = 256;
/// After news the next exchange comes this much sooner than usual, then later and later.
const HURRY: u32 = 8;
/// The shorter the list of members, the less an exchange costs, and the sooner it may come: so long for
/// each of them, as a fraction of the usual interval.
const PER_MEMBER: u32 = 400;
/// Without news exchanges become rarer, up to this many times the interval.
const CALM: u32 = 4;

impl ViewExchange {
    pub(super) fn new(interval: Duration, young_until: Instant) -> Self {
        Self {
            awaited: BTreeMap::new(),
            connected: BTreeMap::new(),
            uses: Vec::new(),
            delay: interval,
            asked: BTreeMap::new(),
            listed: None,
            wants_identities: true,
            strangers: BTreeMap::new(),
            young_until,
            probed: None,
        }
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.connected.contains_key(peer)
    }

    /// A link to the peer is up, and has shown which incarnation it is now if it told one.
    pub(super) fn set_connected(&mut self, peer: &PeerId, proven: Option<(u64, Instant)>) {
        self.connected.insert(peer.clone(), proven);
    }

    pub(super) fn set_disconnected(&mut self, peer: &PeerId) {
        self.connected.remove(peer);
    }

    /// Does a link show that the peer runs as an earlier incarnation than this one? Others may tell of its
    /// former self for a while, whose clock was ahead.
    pub(super) fn is_former_self(&self, peer: &[u8], incarnation: u64) -> bool {
        let proven = self.connected.get(peer).copied().flatten();
        proven.is_some_and(|(running, _)| incarnation > running)
    }

    /// After so long nobody tells of a former self any more, so a later incarnation is a new one.
    fn believe_restarts_after(&mut self, now: Instant, age: Duration) {
        for proven in self.connected.values_mut() {
            proven.take_if(|(_, at)| now.since(*at) > age);
        }
    }

    pub(super) fn drop_request(&mut self, peer: &PeerId) {
        self.awaited.remove(peer);
    }

    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        // Also peers that are connected and have told nothing of themselves yet.
        let most = max.saturating_add(config.link.max_links.get());
        stores.add("requests for views", self.awaited.len(), most);
        stores.add("uses of our next heartbeat", self.uses.len(), MAX_USES + 1);
        stores.add("organisations asked", self.asked.len(), most);
    }

    /// The view has changed: there may be more to learn, so exchange soon.
    pub(super) fn news(&mut self, cx: &mut Out<'_>, rng: &mut ModuleRng, members: usize) {
        let interval = cx.config.membership.sync_interval;
        let members = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(1);
        let soon = (interval / PER_MEMBER)
            .saturating_mul(members)
            .min(interval / HURRY);
        if self.delay > soon {
            self.delay = soon;
            let at = cx.now + rng.jitter(soon);
            cx.timers().set_earlier(TimerKey::Sync, at);
        }
    }

    pub(super) fn defer(&mut self, purpose: Use) {
        // Our own heartbeat has a place in any case, and needs only one.
        let first_push = matches!(purpose, Use::Push)
            && !self.uses.iter().any(|other| matches!(other, Use::Push));
        if self.uses.len() < MAX_USES || first_push {
            self.uses.push(purpose);
        }
    }
}

impl Membership {
    /// Our heartbeat is due.
    pub(crate) fn fire_heartbeat(&mut self, cx: &mut MemberCx<'_>) {
        let at = cx.now + self.rng.jitter(cx.config.membership.alive_interval);
        cx.timers().set(TimerKey::Heartbeat, at);
        self.recover(cx);
        let longest = cx.config.membership.longest_expiration();
        self.exchange.believe_restarts_after(cx.now, longest);
        if self.is_alone() {
            return;
        }
        if self.is_pulsing(cx)
            && let Some(pulse) = self.own.next_pulse(cx)
        {
            cx.raise(MemberSignal::Pulse { pulse, from: None });
            return;
        }
        self.told_newcomers = self.told_newcomers.saturating_add(1);
        self.heartbeat(cx);
    }

    /// Pushes our latest heartbeat if it is current, so that nobody checks a second one, else a new one.
    pub(crate) fn announce_self(&mut self, cx: &mut MemberCx<'_>) {
        if self.own.current(cx).is_none() {
            self.heartbeat(cx);
        } else if let Some(own) = self.own.take_for_push() {
            cx.raise(MemberSignal::Push(own));
        }
    }

    /// Signs a new heartbeat and pushes it.
    fn heartbeat(&mut self, cx: &mut MemberCx<'_>) {
        if let Some(unsigned) = self.own.next(cx) {
            cx.raise(MemberSignal::Sign(unsigned));
        }
        self.exchange.defer(Use::Push);
    }

    /// Our heartbeat is signed, or could not be.
    pub(crate) fn on_own_signed(&mut self, cx: &mut MemberCx<'_>, signed: Option<SignedMessage>) {
        self.own_version += u64::from(signed.is_some());
        self.own.on_signed(cx.now, signed);
        let mut pushed = false;
        for purpose in std::mem::take(&mut self.exchange.uses) {
            match purpose {
                Use::Push if pushed => {}
                Use::Push => {
                    pushed = true;
                    if let Some(own) = self.own.take_for_push() {
                        cx.raise(MemberSignal::Push(own));
                    }
                }
                Use::Request { peer, nonce } => self.send_request(cx, &peer, nonce),
                Use::Respond(requester) => self.send_response(cx, &requester),
            }
        }
    }

    /// Time to exchange views with some members; if there is no room for more links, with
    /// connected ones where an organisation has any.
    pub(crate) fn fire_sync(&mut self, cx: &mut MemberCx<'_>, room: bool) {
        let interval = cx.config.membership.sync_interval;
        let young = cx.now < self.exchange.young_until;
        let longest = interval.saturating_mul(if young { 1 } else { CALM });
        self.exchange.delay = self.exchange.delay.saturating_mul(2).min(longest);
        let at = cx.now + self.rng.jitter(self.exchange.delay);
        cx.timers().set(TimerKey::Sync, at);
        for peer in self.draw_for_sync(cx, room) {
            self.request(cx, &peer);
        }
    }

    /// Members of the organisations not asked for the longest, one of each, then any.
    fn draw_for_sync(&mut self, cx: &Out<'_>, room: bool) -> Vec<PeerId> {
        // In a hurry exchanges follow each other closely: one peer each time is enough.
        let hurried = self.exchange.delay < cx.config.membership.sync_interval;
        let count = match cx.config.membership.sync_peers {
            peers if hurried => peers.min(1),
            peers => peers,
        };
        let room = room
            && !self
                .alive
                .is_linked_enough(cx.config.link.org_links.get(), 0);
        let mut orgs: Vec<(Instant, OrgId)> = self
            .exchange
            .asked
            .iter()
            .map(|(org, at)| (*at, org.clone()))
            .collect();
        orgs.sort_unstable();
        let mut drawn = Vec::with_capacity(count);
        for (_, org) in orgs.into_iter().take(count) {
            let of_org = |member: &AliveMember| member.org.as_ref() == Some(&org);
            let mut one = self.alive.draw(1, |member| {
                of_org(member) && (member.connected || room && !member.unreachable)
            });
            if one.is_empty() {
                one = self.alive.draw(1, of_org);
            }
            if one.is_empty() {
                self.exchange.asked.remove(&org);
            }
            drawn.extend(one);
        }
        let missing = count.saturating_sub(drawn.len());
        let more = self.alive.draw(missing, |member| {
            (member.connected || room && !member.unreachable) && !drawn.contains(&member.peer)
        });
        drawn.extend(more);
        // Those that could not be reached are tried again where there is nobody else.
        let missing = count.saturating_sub(drawn.len());
        let rest = self
            .alive
            .draw(missing, |member| room && !drawn.contains(&member.peer));
        drawn.extend(rest);
        drawn
    }

    /// Asks the first member known of an organisation for its view at once.
    pub(super) fn ask_new_org(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let known = cx
            .identities
            .org_of(peer.as_bytes())
            .is_none_or(|org| self.exchange.asked.contains_key(org));
        if !known {
            self.request(cx, peer);
        }
    }

    /// Asks a peer for its view, unless it was asked and may still answer.
    pub(crate) fn request(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        if self
            .exchange
            .awaited
            .get(peer)
            .is_some_and(|awaited| awaited.until > cx.now)
        {
            return;
        }
        let nonce = self.rng.next_u64();
        let (now, until) = (cx.now, cx.now + cx.config.membership.response_timeout);
        if let Some(org) = cx.identities.org_of(peer.as_bytes()) {
            self.exchange.asked.insert(org.clone(), now);
        }
        self.give_up_overdue(cx);
        let awaited = Awaited { nonce, until };
        self.exchange.awaited.insert(peer.clone(), awaited);
        if self.own.current(cx).is_some() {
            self.send_request(cx, peer, nonce);
            return;
        }
        self.exchange.defer(Use::Request {
            peer: peer.clone(),
            nonce,
        });
        if let Some(unsigned) = self.own.next(cx) {
            cx.raise(MemberSignal::Sign(unsigned));
        }
    }

    /// Nobody waits any longer for answers that are overdue; if many are, that says something about us.
    fn give_up_overdue(&mut self, cx: &mut Out<'_>) {
        let now = cx.now;
        let awaited = &mut self.exchange.awaited;
        let overdue = awaited.iter().filter(|(_, one)| one.until <= now);
        let overdue: Vec<PeerId> = overdue.map(|(peer, _)| peer.clone()).collect();
        awaited.retain(|_, one| one.until > now);
        // Who hears nobody at all knows already that something is wrong.
        let deaf = self.is_deaf(cx);
        for peer in overdue {
            if !deaf && self.is_alive(peer.as_bytes()) {
                self.health.on_no_answer(cx, peer);
            }
        }
    }

    fn send_request(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId, nonce: u64) {
        let org = cx.identities.org_of(peer.as_bytes());
        let Some(own) = self.own.latest(may_see_secret(&self.own_org, org)) else {
            return;
        };
        let own = own.envelope().clone();
        let stranger = self.exchange.strangers.contains_key(peer);
        let want_identities = std::mem::take(&mut self.exchange.wants_identities) || stranger;
        let understands = self.record(peer.as_bytes()).and_then(|record| record.link);
        let held = match understands {
            Some(_) => self.held(cx, nonce, peer),
            None => Bytes::new(),
        };
        let request = MembershipRequest {
            self_information: own,
            want_identities,
            held,
            pulse: self.own.pulse().cloned(),
        };
        let message = unsigned(None, nonce, Content::MembershipRequest(request));
        let peer = peer.clone();
        cx.raise(MemberSignal::Request { peer, message });
    }

    /// What we need not be told again, of what the peer asked may know of: of itself we want to hear, and of those
    /// who are silent.
    fn held(&self, cx: &MemberCx<'_>, nonce: u64, asked: &PeerId) -> Bytes {
        let target = Party {
            org: cx.identities.org_of(asked.as_bytes()),
            external: self.is_external(asked.as_bytes()),
        };
        let others = self.records.iter().filter(|(peer, record)| {
            *peer != asked
                && !is_silent(cx, record)
                && may_list(&self.own_org, record.party(), target)
        });
        let statements =
            others.map(|(peer, record)| (peer, record.signed_time(), record.is_alive()));
        have_set::encode(nonce, statements)
    }

    /// Is a response with this nonce expected of this peer?
    pub(crate) fn expects_response(&self, now: Instant, peer: &PeerId, nonce: u64) -> bool {
        let awaited = self.exchange.awaited.get(peer);
        awaited.is_some_and(|awaited| awaited.nonce == nonce && awaited.until > now)
    }

    /// The response of `peer` has come; it is good for one.
    pub(crate) fn on_response(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.awaited.remove(peer);
        self.health.on_answer(cx);
        self.seeds.on_response(cx, peer);
    }

    /// Random alive members of the organisations accepted; only connected ones, if there are any, when
    /// there is no room for more links or no need of them.
    pub(crate) fn draw_of_orgs(
        &mut self,
        count: usize,
        room: bool,
        accept: impl Fn(&OrgId) -> bool,
    ) -> Vec<PeerId> {
        let accept = |member: &AliveMember| member.org.as_ref().is_some_and(&accept);
        if !room {
            let linked = |member: &AliveMember| member.peer.clone();
            let linked = self.alive.draw_linked(count, accept, linked);
            if !linked.is_empty() {
                return linked;
            }
        }
        let reachable = |member: &AliveMember| !member.unreachable && accept(member);
        let mut drawn = self.alive.draw(count, reachable);
        let missing = count - drawn.len();
        let rest = self.alive.draw(missing, |member| {
            accept(member) && !drawn.contains(&member.peer)
        });
        drawn.extend(rest);
        drawn
    }
}
