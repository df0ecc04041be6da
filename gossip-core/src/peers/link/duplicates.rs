//! Established links of a peer, and the resolution of duplicates.

use gossip_proto::{Content, SignedMessage};

use super::connection::{Connection, Phase, Session};
use super::dialler::Loss;
use super::{DialFailure, DropReason, EstablishedLink, LinkSignal, Links, Refusal, Route};
use crate::out::Out;
use crate::timer::TimerKey;
use crate::{CloseReason, Command, LinkId, Notification, PeerId, ValidIdentity};

/// Limit on the links of one peer that wait for the remote to finish them; the oldest is finished. More than the
/// aliases under which a peer is dialled at the same time, and few enough to leave room for other peers.
const MAX_STANDBY: usize = 8;

impl Links {
    /// Establishes an authenticated connection as a link of its peer.
    pub(super) fn establish(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        message: &SignedMessage,
        identity: ValidIdentity,
    ) {
        let Content::Conn(conn) = message.content() else {
            return;
        };
        let peer = identity.peer.clone();
        if self.is_stale(&peer, conn.incarnation) {
            cx.metrics().links_superseded += 1;
            self.close_link(cx, link, CloseReason::Superseded);
            return;
        }
        let inherited = self.close_older_incarnations(cx, &peer, conn.incarnation);
        if !self.make_room(cx) {
            self.refuse(cx, link, Refusal::Overloaded);
            return;
        }
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        self.authenticating.remove(&link);
        connection.phase = Phase::Up(Session {
            peer: peer.clone(),
            org: identity.org.clone(),
            conn: message.clone(),
            incarnation: conn.incarnation,
            capabilities: conn.capabilities,
            since: cx.now,
            active: cx.now,
            heard: None,
            standby: None,
        });
        connection.adopt(cx, inherited);
        let target = connection.dialled.clone();
        cx.timers().cancel(&TimerKey::Handshake(link));
        cx.metrics().links_established += 1;
        let first = !self.routes.contains_key(&peer);
        if first {
            cx.notify(Notification::Connected(peer.clone()));
        }
        cx.raise(LinkSignal::Established(Box::new(EstablishedLink {
            link,
            identity,
            incarnation: (conn.incarnation > 0).then_some(conn.incarnation),
            endpoint: target.as_ref().map(|target| target.endpoint.clone()),
            first,
        })));
        self.enter(cx, &peer, link);
        if let Some(expected) = target.and_then(|target| target.expected) {
            self.fulfil(cx, expected.peer, &peer);
        }
        let waiting = self.take_waiting(cx, &peer);
        self.adopt(cx, &peer, waiting);
    }

    /// Handles a dial to `expected` that has established a link to `peer`: the frames that wait for `expected` are sent
    /// to `peer`, except those for the named peer only.
    fn fulfil(&mut self, cx: &mut Out<'_>, expected: PeerId, peer: &PeerId) {
        let mut waiting = self.dial_succeeded(cx, &expected);
        if expected != *peer {
            let before = waiting.len();
            waiting.retain(|frame| !frame.is_only_for_named());
            let dropped = (before - waiting.len()) as u64;
            cx.metrics().shed(DropReason::PeerGone, dropped);
        }
        self.adopt(cx, peer, waiting);
        if expected != *peer && !self.routes.contains_key(&expected) {
            self.abandon(cx, &expected);
            cx.raise(LinkSignal::IdentitySwitch {
                expected,
                actual: peer.clone(),
            });
        }
    }

    /// Resolves a standby link that the remote has not finished in time.
    pub(super) fn resolve_standby(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let Some(session) = self.connections.get(&link).and_then(|held| held.up()) else {
            return;
        };
        let (peer, Some(since)) = (session.peer.clone(), session.standby) else {
            return;
        };
        let heard = session.heard;
        let Some(primary) = self.routes.get(&peer).map(|route| route.primary) else {
            return;
        };
        let Some(winner) = self.connections.get(&primary) else {
            return;
        };
        let winner_heard = winner
            .up()
            .is_some_and(|session| session.heard > Some(since));
        // The remote keeps the dial that lost to ours: so it no longer holds ours.
        let unknown_there = !winner_heard && (winner.is_outgoing() || heard > Some(since));
        if unknown_there {
            self.exchange(cx, &peer, primary, link);
            self.finish_standby(cx, &peer, primary);
        } else {
            self.finish_standby(cx, &peer, link);
        }
    }

    /// Removes an ended or ending link from its peer's links. Its queue moves to the next link, or waits for one if
    /// `loss` is given.
    pub(super) fn leave(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        connection: &mut Connection,
        loss: Option<Loss>,
    ) {
        let Some(peer) = connection.session().map(|session| session.peer.clone()) else {
            return;
        };
        let queue = connection.outbox.drain();
        let Some(route) = self.routes.get_mut(&peer) else {
            return;
        };
        if route.primary != link {
            route.standby.retain(|standby| *standby != link);
            self.adopt(cx, &peer, queue);
            return;
        }
        if let Some(next) = route.standby.pop() {
            route.primary = next;
            self.leave_standby(cx, next);
            self.adopt(cx, &peer, queue);
            return;
        }
        let endpoint = route.endpoint.take();
        self.routes.remove(&peer);
        cx.notify(Notification::Disconnected(peer.clone()));
        cx.raise(LinkSignal::Disconnected { peer: peer.clone() });
        match loss {
            Some(mut loss) => {
                loss.to.endpoint = endpoint.or(loss.to.endpoint);
                self.lost_last_link(cx, &peer, queue, loss);
            }
            None => {
                cx.metrics()
                    .shed(DropReason::LinkClosed, queue.len() as u64);
                self.closed_last_link(cx, &peer);
            }
        }
    }

    /// Closes our half of a link. Messages are still received on it for a while.
    pub(super) fn finish(&mut self, cx: &mut Out<'_>, link: LinkId) {
        let finishing = self
            .connections
            .values()
            .filter(|other| other.is_finishing());
        let full = finishing.count() >= cx.config.link.max_links.get();
        let Some(connection) = self.connections.get_mut(&link) else {
            return;
        };
        if full {
            self.take(link);
            cx.timers().cancel(&TimerKey::Linger(link));
            cx.close_link(link, CloseReason::Evicted);
            return;
        }
        self.authenticating.remove(&link);
        let phase = std::mem::replace(&mut connection.phase, Phase::Finishing(None));
        if let Phase::Up(session) = phase {
            connection.phase = Phase::Finishing(Some(session));
        }
        cx.emit(Command::FinishLink { link });
        let deadline = cx.now + cx.config.link.linger;
        cx.timers().set(TimerKey::Linger(link), deadline);
    }

    /// Adds a link to the links of its peer.
    fn enter(&mut self, cx: &mut Out<'_>, peer: &PeerId, link: LinkId) {
        let Some(route) = self.routes.get(peer) else {
            let route = Route {
                primary: link,
                standby: Vec::new(),
                endpoint: None,
            };
            self.routes.insert(peer.clone(), route);
            self.pump(cx, link);
            return;
        };
        let incumbent = route.primary;
        cx.metrics().links_superseded += 1;
        let loser = if self.wins(cx, peer, link, incumbent) {
            self.exchange(cx, peer, incumbent, link);
            incumbent
        } else {
            link
        };
        let outgoing = self
            .connections
            .get(&loser)
            .is_some_and(|connection| connection.is_outgoing());
        if outgoing {
            self.finish_standby(cx, peer, loser);
        } else {
            self.enter_standby(cx, peer, loser);
        }
    }

    /// Returns whether the new link is preferred. Both sides compute the same answer, except among links dialled by the
    /// same side: there the dialler's answer counts, as only the dialler finishes the other link.
    fn wins(&self, cx: &Out<'_>, peer: &PeerId, newcomer: LinkId, incumbent: LinkId) -> bool {
        let (Some(new), Some(old)) = (
            self.connections.get(&newcomer),
            self.connections.get(&incumbent),
        ) else {
            return true;
        };
        if new.is_outgoing() == old.is_outgoing() {
            return true;
        }
        let breaks_ties = new.up().is_some_and(Session::breaks_ties);
        let ours_wins = !breaks_ties || cx.config.identity.peer < *peer;
        new.is_outgoing() == ours_wins
    }

    /// Makes `after` the primary link in place of `before`, and moves the queue.
    fn exchange(&mut self, cx: &mut Out<'_>, peer: &PeerId, before: LinkId, after: LinkId) {
        let queue = self
            .connections
            .get_mut(&before)
            .map(|link| link.outbox.drain());
        if let Some(route) = self.routes.get_mut(peer) {
            route.primary = after;
            route.standby.retain(|standby| *standby != after);
        }
        self.leave_standby(cx, after);
        self.adopt(cx, peer, queue.unwrap_or_default());
    }

    fn enter_standby(&mut self, cx: &mut Out<'_>, peer: &PeerId, link: LinkId) {
        if let Some(session) = self
            .connections
            .get_mut(&link)
            .and_then(|held| held.up_mut())
        {
            session.standby = Some(cx.now);
        }
        let deadline = cx.now + cx.config.link.linger;
        cx.timers().set(TimerKey::Linger(link), deadline);
        let Some(route) = self.routes.get_mut(peer) else {
            return;
        };
        route.standby.push(link);
        if route.standby.len() > MAX_STANDBY {
            let oldest = route.standby[0];
            self.finish_standby(cx, peer, oldest);
        }
    }

    fn leave_standby(&mut self, cx: &mut Out<'_>, link: LinkId) {
        if let Some(session) = self
            .connections
            .get_mut(&link)
            .and_then(|held| held.up_mut())
            && session.standby.take().is_some()
        {
            cx.timers().cancel(&TimerKey::Linger(link));
        }
    }

    fn finish_standby(&mut self, cx: &mut Out<'_>, peer: &PeerId, link: LinkId) {
        if let Some(route) = self.routes.get_mut(peer) {
            route.standby.retain(|standby| *standby != link);
        }
        self.finish(cx, link);
    }

    /// Returns whether a link to a newer incarnation of the peer is up.
    fn is_stale(&self, peer: &PeerId, incarnation: u64) -> bool {
        self.connections_of(peer)
            .any(|(_, session)| session.incarnation > incarnation)
    }

    /// Closes the links of older incarnations of `peer`. Returns their queues.
    fn close_older_incarnations(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        incarnation: u64,
    ) -> Vec<crate::peers::outbox::Frame> {
        let stale = self.connections_of(peer);
        let stale = stale.filter(|(_, session)| session.incarnation < incarnation);
        let stale: Vec<LinkId> = stale.map(|(link, _)| link).collect();
        let mut inherited = Vec::new();
        for link in stale {
            let Some(mut connection) = self.take(link) else {
                continue;
            };
            inherited.append(&mut connection.outbox.drain());
            cx.metrics().links_superseded += 1;
            cx.timers().cancel(&TimerKey::Linger(link));
            cx.close_link(link, CloseReason::Superseded);
            self.leave(cx, link, &mut connection, None);
        }
        inherited
    }

    /// Makes room for one more link by finishing the one idle the longest. Returns whether there is room.
    fn make_room(&mut self, cx: &mut Out<'_>) -> bool {
        let up = self.routes.values().map(|route| 1 + route.standby.len());
        if up.sum::<usize>() < cx.config.link.max_links.get() {
            return true;
        }
        let idle = self
            .connections
            .iter()
            .filter(|(_, link)| link.outbox.is_idle());
        let idle = idle.filter_map(|(link, connection)| Some((*link, connection.up()?)));
        // Links on standby first, then by the time of the last message.
        let evicted =
            idle.min_by_key(|(link, session)| (session.standby.is_none(), session.active, *link));
        let Some(link) = evicted.map(|(link, _)| link) else {
            return false;
        };
        cx.metrics().links_evicted += 1;
        if let Some(mut connection) = self.take(link) {
            cx.timers().cancel(&TimerKey::Linger(link));
            self.leave(cx, link, &mut connection, None);
            self.connections.insert(link, connection);
            self.finish(cx, link);
        }
        true
    }

    fn connections_of(&self, peer: &PeerId) -> impl Iterator<Item = (LinkId, &Session)> {
        let route = self.routes.get(peer).into_iter();
        let links = route.flat_map(|route| std::iter::once(&route.primary).chain(&route.standby));
        links.filter_map(|link| Some((*link, self.connections.get(link)?.up()?)))
    }

    /// Handles the end of a connection that was removed from the table.
    pub(super) fn removed(
        &mut self,
        cx: &mut Out<'_>,
        link: LinkId,
        mut connection: Box<Connection>,
        failure: DialFailure,
    ) {
        match &connection.phase {
            Phase::Handshaking(handshake) => {
                cx.timers().cancel(&TimerKey::Handshake(link));
                let claimed = handshake.claimed().map(PeerId::new);
                if let Some(target) = connection.dialled {
                    self.dial_failed(cx, target, failure);
                } else if let Some(peer) = claimed {
                    self.pursue(cx, &peer);
                }
            }
            Phase::Up(_) => {
                cx.timers().cancel(&TimerKey::Linger(link));
                self.leave(cx, link, &mut connection, None);
            }
            Phase::Finishing(_) => cx.timers().cancel(&TimerKey::Linger(link)),
        }
    }
}
