//! Sending of our heartbeats, and the exchange of views by request and response.

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

/// Outstanding requests and responses, and the uses that wait for our heartbeat to be signed.
#[derive(Debug)]
pub(super) struct ViewExchange {
    /// Outstanding requests, at most one per peer, until the response or the timeout.
    awaited: BTreeMap<PeerId, Awaited>,
    /// Peers with a link, each with the incarnation that it has proven and the time of the proof. Proofs expire.
    connected: BTreeMap<PeerId, Option<(u64, Instant)>>,
    uses: Vec<Use>,
    delay: Duration,
    /// The time of the last request to each organisation: its members know it best. Bounded by the members.
    asked: BTreeMap<OrgId, Instant>,
    /// The last member listed in a response that could not list all members.
    pub(super) listed: Option<PeerId>,
    /// Whether a heartbeat could not be verified for want of an identity.
    pub(super) wants_identities: bool,
    /// Senders of messages about unknown peers, and when they were asked. At most `MAX_UNKNOWN_SOURCES`, each for one
    /// interval.
    pub(super) unknown_sources: BTreeMap<PeerId, Instant>,
    /// Until this time the interval does not grow beyond the configured one, as we have just started.
    starting_until: Instant,
    /// The time of the last probe after a sign of life of a dead member.
    pub(super) probed: Option<Instant>,
}

#[derive(Debug)]
struct Awaited {
    nonce: u64,
    until: Instant,
}

/// What our heartbeat is used for once it is signed.
#[derive(Debug)]
pub(super) enum Use {
    Push,
    Request { peer: PeerId, nonce: u64 },
    Respond(ViewRequest),
}

/// Uses that wait for a signature. Further ones are dropped; their peers ask again.
const MAX_USES: usize = 256;
/// After a change of the view the next exchange follows this many times sooner, and later ones at growing intervals.
const NEWS_SPEED_UP: u32 = 8;
/// The fewer members are known, the cheaper is an exchange, and the sooner it may follow: this fraction of the
/// configured interval per member.
const PER_MEMBER: u32 = 400;
/// Without changes the interval grows up to this many times the configured one.
const MAX_BACK_OFF: u32 = 4;

impl ViewExchange {
    pub(super) fn new(interval: Duration, starting_until: Instant) -> Self {
        Self {
            awaited: BTreeMap::new(),
            connected: BTreeMap::new(),
            uses: Vec::new(),
            delay: interval,
            asked: BTreeMap::new(),
            listed: None,
            wants_identities: true,
            unknown_sources: BTreeMap::new(),
            starting_until,
            probed: None,
        }
    }

    pub(super) fn is_connected(&self, peer: &PeerId) -> bool {
        self.connected.contains_key(peer)
    }

    /// Records a link to the peer, and the incarnation that it has proven, if any.
    pub(super) fn set_connected(&mut self, peer: &PeerId, proven: Option<(u64, Instant)>) {
        self.connected.insert(peer.clone(), proven);
    }

    pub(super) fn set_disconnected(&mut self, peer: &PeerId) {
        self.connected.remove(peer);
    }

    /// Returns whether the link proves an earlier incarnation than this one. Other members may still send heartbeats of
    /// a former incarnation whose clock was ahead.
    pub(super) fn is_former_incarnation(&self, peer: &[u8], incarnation: u64) -> bool {
        let proven = self.connected.get(peer).copied().flatten();
        proven.is_some_and(|(running, _)| incarnation > running)
    }

    /// Expires proofs older than `age`: by then no member sends heartbeats of a former incarnation, so a later
    /// incarnation is a restart.
    fn expire_proofs(&mut self, now: Instant, age: Duration) {
        for proven in self.connected.values_mut() {
            proven.take_if(|(_, at)| now.since(*at) > age);
        }
    }

    pub(super) fn drop_request(&mut self, peer: &PeerId) {
        self.awaited.remove(peer);
    }

    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let max = config.membership.max_members.get();
        // Connected peers that have not sent a heartbeat yet count too.
        let most = max.saturating_add(config.link.max_links.get());
        stores.add("requests for views", self.awaited.len(), most);
        stores.add("uses of our next heartbeat", self.uses.len(), MAX_USES + 1);
        stores.add("organisations asked", self.asked.len(), most);
    }

    /// Schedules the next exchange soon: the view has changed, so there may be more to learn.
    pub(super) fn exchange_soon(&mut self, cx: &mut Out<'_>, rng: &mut ModuleRng, members: usize) {
        let interval = cx.config.membership.sync_interval;
        let members = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(1);
        let soon = (interval / PER_MEMBER)
            .saturating_mul(members)
            .min(interval / NEWS_SPEED_UP);
        if self.delay > soon {
            self.delay = soon;
            let at = cx.now + rng.jitter(soon);
            cx.timers().set_earlier(TimerKey::Sync, at);
        }
    }

    pub(super) fn defer(&mut self, purpose: Use) {
        // Our own push always has a place, and needs only one.
        let first_push = matches!(purpose, Use::Push)
            && !self.uses.iter().any(|other| matches!(other, Use::Push));
        if self.uses.len() < MAX_USES || first_push {
            self.uses.push(purpose);
        }
    }
}

impl Membership {
    /// Handles the timer of our heartbeat.
    pub(crate) fn fire_heartbeat(&mut self, cx: &mut MemberCx<'_>) {
        let at = cx.now + self.rng.jitter(cx.config.membership.alive_interval);
        cx.timers().set(TimerKey::Heartbeat, at);
        self.recover(cx);
        let longest = cx.config.membership.longest_expiration();
        self.exchange.expire_proofs(cx.now, longest);
        if self.is_alone() {
            return;
        }
        if self.is_pulsing(cx)
            && let Some(pulse) = self.own.next_pulse(cx)
        {
            cx.raise(MemberSignal::Pulse { pulse, from: None });
            return;
        }
        self.heartbeats_since_newcomer = self.heartbeats_since_newcomer.saturating_add(1);
        self.heartbeat(cx);
    }

    /// Pushes our latest heartbeat if it is current, so that receivers need not verify a second one; else signs and
    /// pushes a new one.
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

    /// Handles the signature of our heartbeat; `signed` is `None` if signing failed.
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

    /// Handles the timer of exchanges: requests the views of some members. Without `room` for more links, of connected
    /// members where an organisation has any.
    pub(crate) fn fire_sync(&mut self, cx: &mut MemberCx<'_>, room: bool) {
        let interval = cx.config.membership.sync_interval;
        let starting = cx.now < self.exchange.starting_until;
        let longest = interval.saturating_mul(if starting { 1 } else { MAX_BACK_OFF });
        self.exchange.delay = self.exchange.delay.saturating_mul(2).min(longest);
        let at = cx.now + self.rng.jitter(self.exchange.delay);
        cx.timers().set(TimerKey::Sync, at);
        for peer in self.draw_for_sync(cx, room) {
            self.request(cx, &peer);
        }
    }

    /// Draws one member of each of the organisations not asked for the longest time, then any members.
    fn draw_for_sync(&mut self, cx: &Out<'_>, room: bool) -> Vec<PeerId> {
        // At short intervals one peer per exchange is enough.
        let frequent = self.exchange.delay < cx.config.membership.sync_interval;
        let count = match cx.config.membership.sync_peers {
            peers if frequent => peers.min(1),
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
        // Unreachable members are tried if there are no others.
        let missing = count.saturating_sub(drawn.len());
        let rest = self
            .alive
            .draw(missing, |member| room && !drawn.contains(&member.peer));
        drawn.extend(rest);
        drawn
    }

    /// Requests the view of the first known member of an organisation at once.
    pub(super) fn ask_new_org(&mut self, cx: &mut MemberCx<'_>, peer: &PeerId) {
        let known = cx
            .identities
            .org_of(peer.as_bytes())
            .is_none_or(|org| self.exchange.asked.contains_key(org));
        if !known {
            self.request(cx, peer);
        }
    }

    /// Requests the view of a peer, unless a request to it is outstanding.
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
        self.drop_overdue(cx);
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

    /// Drops overdue requests. Many unanswered ones are a sign that the fault is our own.
    fn drop_overdue(&mut self, cx: &mut Out<'_>) {
        let now = cx.now;
        let awaited = &mut self.exchange.awaited;
        let overdue = awaited.iter().filter(|(_, one)| one.until <= now);
        let overdue: Vec<PeerId> = overdue.map(|(peer, _)| peer.clone()).collect();
        awaited.retain(|_, one| one.until > now);
        // If we receive nothing at all, this is already accounted for.
        let isolated = self.hears_nothing(cx);
        for peer in overdue {
            if !isolated && self.is_alive(peer.as_bytes()) {
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
        let unknown_source = self.exchange.unknown_sources.contains_key(peer);
        let want_identities = std::mem::take(&mut self.exchange.wants_identities) || unknown_source;
        let chain_link = self.record(peer.as_bytes()).and_then(|record| record.link);
        let held = match chain_link {
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

    /// Encodes the statements that the responder may list and need not send again. Heartbeats of the responder itself
    /// and of silent members are left out, as we want later ones.
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

    /// Returns whether a response with this nonce is expected of this peer.
    pub(crate) fn expects_response(&self, now: Instant, peer: &PeerId, nonce: u64) -> bool {
        let awaited = self.exchange.awaited.get(peer);
        awaited.is_some_and(|awaited| awaited.nonce == nonce && awaited.until > now)
    }

    /// Handles the response of `peer`, which ends its request.
    pub(crate) fn on_response(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.exchange.awaited.remove(peer);
        self.health.on_answer(cx);
        self.seeds.on_response(cx, peer);
    }

    /// Draws alive members of the accepted organisations at random. Without `room` for more links, or need of them,
    /// only connected members are drawn if there are any.
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
