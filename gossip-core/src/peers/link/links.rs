//! All connections of a node.

use std::collections::{BTreeMap, BTreeSet};

use gossip_proto::SignedMessage;

use super::connection::{Connection, Handshake, Phase, Session};
use super::dialler::{Dialler, Loss};
use super::{DialFailure, DropReason, Incoming, Links, Refusal, SendTo, Sent, dropped, turn_away};
use crate::out::Out;
use crate::peers::outbox::{Frame, Outbox};
use crate::recent::Recent;
use crate::rng::ModuleRng;
use crate::timer::TimerKey;
use crate::{
    Binding, CloseReason, Command, Config, Endpoint, Instant, LinkDownReason, LinkId, PeerId,
    Ticket,
};

impl Links {
    /// No connections. `incarnation` is sent to every remote.
    pub(crate) fn new(rng: ModuleRng, incarnation: u64) -> Self {
        Self {
            rng,
            incarnation,
            connections: BTreeMap::new(),
            authenticating: BTreeSet::new(),
            routes: BTreeMap::new(),
            dialler: Dialler::default(),
            seen: Recent::default(),
            stopped: false,
        }
    }

    /// Handles a new connection: authenticates it.
    pub(crate) fn on_link_up(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        dial: Option<Ticket>,
        remote: Endpoint,
        binding: Binding,
    ) {
        if self.stopped {
            cx.close_link(link, CloseReason::Stopping);
            return;
        }
        if self.connections.contains_key(&link) {
            return;
        }
        let dialled = dial.and_then(|ticket| self.answer_dial(cx, ticket));
        if dial.is_some() && dialled.is_none() {
            cx.close_link(link, CloseReason::DialAbandoned);
            return;
        }
        if dialled.is_none() && !self.make_handshake_room(cx, &remote) {
            cx.metrics().handshakes_shed += 1;
            turn_away(cx, link, remote, Refusal::Overloaded);
            return;
        }
        let deadline = cx.now + cx.config.link.handshake_timeout;
        cx.timers().set(TimerKey::Handshake(link), deadline);
        let connection = Connection {
            remote,
            binding,
            dialled,
            outbox: Outbox::default(),
            phase: Phase::new(cx.now),
        };
        self.sign_conn(cx, link, &connection);
        self.authenticating.insert(link);
        self.connections.insert(link, Box::new(connection));
    }

    /// Handles the end of a connection.
    pub(crate) fn on_link_down(&mut self, cx: &mut Out<'_>, link: LinkId, reason: LinkDownReason) {
        let Some(mut connection) = self.take(link) else {
            return;
        };
        let Phase::Up(session) = &connection.phase else {
            self.removed(cx, link, connection, DialFailure::Ended);
            return;
        };
        let age = cx.now.since(session.since);
        let young = session.heard.is_none() && age < cx.config.link.handshake_timeout;
        let loss = Loss {
            to: SendTo {
                endpoint: connection
                    .dialled
                    .as_ref()
                    .map(|target| target.endpoint.clone()),
                expected_org: session.org.clone(),
            },
            early: connection.is_outgoing() && young,
            finished: reason == LinkDownReason::Finished,
            breaks_ties: session.breaks_ties(),
        };
        cx.timers().cancel(&TimerKey::Linger(link));
        self.leave(cx, link, &mut connection, Some(loss));
    }

    /// Returns credit of a link's sent frames: more may be sent.
    pub(crate) fn on_flushed(&mut self, cx: &mut Out<'_>, link: LinkId, frames: u32, bytes: u64) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.outbox.flushed(frames, bytes);
            connection.pump(cx, link);
        }
    }

    /// Handles the linger timer: of a link finished by us, or of one not finished by the remote.
    pub(crate) fn on_timer_linger(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let Some(connection) = self.connections.get(&link) else {
            return;
        };
        if connection.is_finishing() {
            self.take(link);
            cx.close_link(link, CloseReason::LingerExpired);
        } else {
            self.resolve_standby(cx, link);
        }
    }

    /// Sends a frame on the peer's link. Without a link it waits, and `to` is dialled unless a dial or an
    /// authentication is in flight. A held frame waits for the peer, or if its `Hold` allows it for another peer of its
    /// organisation in its place, through failed dials, ended links and the end of the peer's record; but it is dropped
    /// if we close the peer's last link for a violation of the protocol.
    pub(crate) fn send(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        to: &SendTo,
        frame: Frame,
    ) -> Sent {
        if self.stopped {
            return dropped(cx, DropReason::Stopped);
        }
        if *peer == cx.config.identity.peer {
            return dropped(cx, DropReason::Oneself);
        }
        if let Some(route) = self.routes.get_mut(peer) {
            if to.endpoint.is_some() {
                route.endpoint.clone_from(&to.endpoint);
            }
            let primary = route.primary;
            return self.queue(cx, primary, frame);
        }
        self.wait_for_link(cx, peer, to, frame)
    }

    /// Sends a frame on the link that a message was received on, or on the peer's primary link if another one is
    /// preferred now. Never dials.
    pub(crate) fn send_on(&mut self, cx: &mut Out<'_>, link: LinkId, frame: Frame) -> Sent {
        let route = self.peer_of(link).and_then(|peer| self.routes.get(peer));
        let Some(primary) = route.map(|route| route.primary) else {
            return dropped(cx, DropReason::NotConnected);
        };
        self.queue(cx, primary, frame)
    }

    /// Records a received message, and returns its sender.
    pub(crate) fn receive(&mut self, cx: &mut Out<'_>, link: LinkId) -> Incoming {
        let Some(connection) = self.connections.get_mut(&link) else {
            return Incoming::Stray;
        };
        if connection.handshake().is_some() {
            return Incoming::Authentication;
        }
        let Some(session) = connection.session_mut() else {
            return Incoming::Stray;
        };
        session.active = cx.now;
        let first = session.heard.replace(cx.now).is_none();
        let (peer, org) = (session.peer.clone(), session.org.clone());
        if first {
            self.forget_failures(cx, &peer);
        }
        Incoming::Message { peer, org }
    }

    /// Closes a link at once, in any phase. Its queue is dropped unless the peer has another link.
    pub(crate) fn close_link(&mut self, cx: &mut Out<'_>, link: LinkId, reason: CloseReason) {
        if let Some(connection) = self.take(link) {
            cx.close_link(link, reason);
            self.removed(cx, link, connection, DialFailure::Ended);
        }
    }

    /// Closes all links to a peer at once and drops the frames that wait for it, except held ones: the peer may return
    /// under another identity.
    pub(crate) fn close_peer(&mut self, cx: &mut Out<'_>, peer: &PeerId, reason: CloseReason) {
        let of_peer = self.connections.iter().filter(|(_, connection)| {
            connection
                .session()
                .is_some_and(|session| session.peer == *peer)
        });
        let links: Vec<LinkId> = of_peer.map(|(link, _)| *link).collect();
        let held = self.take_held(cx.now, peer);
        for link in links {
            self.close_link(cx, link, reason);
        }
        let dropped = self.abandon(cx, peer);
        cx.metrics().shed(DropReason::PeerGone, dropped as u64);
        if let Some((to, held)) = held {
            self.await_successor(cx, peer, to, held);
        }
    }

    /// Drops the frames held for a peer whose identity is no longer valid, so that no peer in its place receives them.
    pub(crate) fn drop_held(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let queued = self
            .take_held(cx.now, peer)
            .map_or(0, |(_, held)| held.len());
        let pursuit = self.dialler.pursuits.get_mut(peer);
        let waiting = pursuit.map_or(0, |pursuit| pursuit.waiting.take_held(cx.now).len());
        let dropped = queued.saturating_add(waiting);
        cx.metrics().shed(DropReason::PeerGone, dropped as u64);
    }

    /// Removes and returns the held frames queued for a connected peer, with its address.
    fn take_held(&mut self, now: Instant, peer: &PeerId) -> Option<(SendTo, Vec<Frame>)> {
        let route = self.routes.get(peer)?;
        let connection = self.connections.get_mut(&route.primary)?;
        let dialled = connection.dialled.as_ref();
        let dialled = dialled.map(|target| target.endpoint.clone());
        let to = SendTo {
            endpoint: Some(route.endpoint.clone().or(dialled)?),
            expected_org: connection.session()?.org.clone(),
        };
        let held = connection.outbox.take_held(now);
        (!held.is_empty()).then_some((to, held))
    }

    /// Finishes all links, closes those that authenticate, and refuses new ones.
    pub(crate) fn stop(&mut self, cx: &mut Out<'_>) {
        self.stopped = true;
        for (link, connection) in std::mem::take(&mut self.connections) {
            let waiting = connection.outbox.waiting();
            cx.metrics().shed(DropReason::Stopped, waiting);
            match connection.phase {
                Phase::Up(_) => cx.emit(Command::FinishLink { link }),
                Phase::Handshaking(_) => {
                    cx.close_link(link, CloseReason::Stopping);
                }
                Phase::Finishing(_) => {}
            }
        }
        self.authenticating.clear();
        self.routes.clear();
        let waiting = self.stop_dialling();
        cx.metrics().shed(DropReason::Stopped, waiting);
    }

    /// Returns whether the link may deliver one more message. While it authenticates, exactly one.
    pub(crate) fn admits(&self, link: LinkId) -> bool {
        let connection = self.connections.get(&link);
        connection.is_some_and(|connection| {
            let handshake = connection.handshake();
            handshake.is_none_or(Handshake::awaits)
        })
    }

    /// Returns whether the link still authenticates.
    pub(crate) fn is_handshaking(&self, link: LinkId) -> bool {
        self.connections
            .get(&link)
            .is_some_and(|connection| connection.handshake().is_some())
    }

    /// The authenticated peer of a link, also while the link is being finished.
    pub(crate) fn peer_of(&self, link: LinkId) -> Option<&PeerId> {
        self.session(link).map(|session| &session.peer)
    }

    /// The signed authentication of a link's remote.
    pub(crate) fn conn_of(&self, link: LinkId) -> Option<&SignedMessage> {
        self.session(link).map(|session| &session.conn)
    }

    /// The primary link to a peer.
    pub(crate) fn link_of(&self, peer: &PeerId) -> Option<LinkId> {
        self.routes.get(peer).map(|route| route.primary)
    }

    /// Returns whether a link to the peer is up.
    pub(crate) fn is_connected(&self, peer: &PeerId) -> bool {
        self.routes.contains_key(peer)
    }

    /// The capabilities of a connected peer; 0 if it is not connected.
    pub(crate) fn capabilities(&self, peer: &PeerId) -> u64 {
        let session = self.link_of(peer).and_then(|link| self.session(link));
        session.map_or(0, |session| session.capabilities)
    }

    /// Returns whether one more peer may be dialled. Half of the links are reserved for peers that dial us, so that
    /// peers do not evict each other's links.
    pub(crate) fn room_for_more(&self, config: &Config) -> bool {
        self.has_room_for(config, 1)
    }

    /// Returns whether `more` peers may be dialled.
    pub(crate) fn has_room_for(&self, config: &Config, more: usize) -> bool {
        self.routes.len().saturating_add(more) <= config.link.max_links.get().div_ceil(2)
    }

    /// Returns whether a bulk response to a link's peer would find room.
    pub(crate) fn has_bulk_room(&self, config: &Config, link: LinkId) -> bool {
        let primary = self.peer_of(link).and_then(|peer| self.link_of(peer));
        let connection = primary.and_then(|primary| self.connections.get(&primary));
        connection.is_some_and(|connection| connection.outbox.has_bulk_room(&config.outbox))
    }

    /// Queues frames on a peer's primary link, without dropping any.
    pub(super) fn adopt(&mut self, cx: &mut Out<'_>, peer: &PeerId, frames: Vec<Frame>) {
        let Some(primary) = self.link_of(peer) else {
            return;
        };
        if let Some(connection) = self.connections.get_mut(&primary) {
            connection.adopt(cx, frames);
            connection.pump(cx, primary);
        }
    }

    /// Passes to the transport what a link's windows allow.
    pub(super) fn pump(&mut self, cx: &mut Out<'_>, link: LinkId) {
        if let Some(connection) = self.connections.get_mut(&link) {
            connection.pump(cx, link);
        }
    }

    /// Returns whether an accepted connection that claims to be `peer` is being checked.
    pub(super) fn is_claimed(&self, peer: &PeerId) -> bool {
        self.authenticating().any(|connection| {
            let claimed = connection
                .handshake()
                .and_then(|handshake| handshake.claimed());
            !connection.is_outgoing() && claimed == Some(peer.as_bytes())
        })
    }

    /// The connections that authenticate.
    pub(super) fn authenticating(&self) -> impl Iterator<Item = &Connection> {
        let connections = self.authenticating.iter();
        connections.filter_map(|link| self.connections.get(link).map(AsRef::as_ref))
    }

    /// Removes a connection from the table.
    pub(super) fn take(&mut self, link: LinkId) -> Option<Box<Connection>> {
        self.authenticating.remove(&link);
        self.connections.remove(&link)
    }

    fn queue(&mut self, cx: &mut Out<'_>, link: LinkId, frame: Frame) -> Sent {
        let Some(connection) = self.connections.get_mut(&link) else {
            return dropped(cx, DropReason::NotConnected);
        };
        match connection.send(cx, link, frame) {
            Ok(()) => Sent::Queued,
            Err(reason) => Sent::Dropped(reason),
        }
    }

    /// Makes room for one more accepted link that authenticates: refuses the oldest one of the host with the most, if
    /// that host has more than the new link's host would have. Returns whether there is room.
    fn make_handshake_room(&mut self, cx: &mut Out<'_>, remote: &Endpoint) -> bool {
        let mut accepting = 0;
        let mut hosts: BTreeMap<&str, (usize, (Instant, LinkId))> = BTreeMap::new();
        for link in &self.authenticating {
            let Some(connection) = self.connections.get(link) else {
                continue;
            };
            let Some(handshake) = connection.handshake().filter(|_| !connection.is_outgoing())
            else {
                continue;
            };
            let age = (handshake.since, *link);
            let of_host = hosts.entry(host(&connection.remote)).or_insert((0, age));
            of_host.0 += 1;
            of_host.1 = of_host.1.min(age);
            accepting += 1;
        }
        if accepting < cx.config.link.max_handshakes.get() {
            return true;
        }
        let newcomers = hosts.get(host(remote)).map_or(0, |(count, _)| *count) + 1;
        let most = hosts.into_values().max_by_key(|(count, _)| *count);
        let Some((_, (_, oldest))) = most.filter(|(count, _)| *count > newcomers) else {
            return false;
        };
        cx.metrics().handshakes_shed += 1;
        self.refuse(cx, oldest, Refusal::Overloaded);
        true
    }

    fn session(&self, link: LinkId) -> Option<&Session> {
        self.connections.get(&link)?.session()
    }
}

/// The host of an address, which is `host:port` by convention.
fn host(endpoint: &Endpoint) -> &str {
    let address = endpoint.as_str();
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}
