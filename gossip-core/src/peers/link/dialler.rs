//! Dials: those in flight, the messages that wait for them, and their pace.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::{DialTarget, Expected};
use super::{DialFailure, DropReason, LinkSignal, Links, SendTo, Sent, dropped};
use crate::out::Out;
use crate::peers::outbox::{Frame, Queue};
use crate::timer::TimerKey;
use crate::{CloseReason, Command, DialError, Endpoint, PeerId, Ticket};

#[derive(Debug, Default)]
pub(super) struct Dialler {
    /// Unanswered dials. At most `max_dials`, together with the dialled links that authenticate.
    pub(super) dials: BTreeMap<Ticket, DialTarget>,
    /// Peers with waiting messages or recent failures. At most `max_dials`.
    pub(super) pursuits: BTreeMap<PeerId, Pursuit>,
}

/// The attempts to connect to one peer.
#[derive(Debug, Default)]
pub(super) struct Pursuit {
    /// Waiting frames, in sending order.
    pub(super) waiting: Queue,
    to: SendTo,
    /// Whether a dial, or the authentication of its connection, is in flight.
    pub(super) attempt: bool,
    /// Failed attempts since the last message of the peer.
    failures: u32,
    pace: Pace,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    /// Dial when frames wait.
    #[default]
    Ready,
    /// Do not dial until the timer fires.
    BackingOff,
    /// Dial when frames wait; the failures are forgotten when the timer fires.
    Remembering,
}

impl Pursuit {
    fn is_idle(&self) -> bool {
        !self.attempt && self.waiting.is_empty() && self.pace != Pace::BackingOff
    }

    /// Prepends the frames of a lost link to the waiting ones. Beyond the limits, frames of gossip itself are dropped
    /// before those of the application.
    fn take_over(&mut self, cx: &mut Out<'_>, queue: Vec<Frame>) {
        self.waiting.prepend(queue);
        let config = &cx.config.link;
        let (frames, bytes) = (config.max_waiting.get(), config.max_waiting_bytes);
        let shed = self.waiting.shed_oldest(cx.now, frames, bytes);
        cx.metrics().shed(DropReason::TooManyWaiting, shed);
    }
}

/// The loss of a link, as far as it matters for the next dial.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    /// The address to dial.
    pub(super) to: SendTo,
    /// Whether we dialled the link, and it ended early without a message.
    pub(super) early: bool,
    /// Whether the remote finished it in order.
    pub(super) finished: bool,
    /// Whether the remote resolves duplicates as we do.
    pub(super) breaks_ties: bool,
}

impl Links {
    /// Connects to `endpoint`, whichever peer answers there. Leads to `Established` with this endpoint, or to
    /// `DialFailed`. A dial to it in flight is reused.
    ///
    /// Returns `false` and does nothing if too many dials are in flight.
    pub(crate) fn dial(&mut self, cx: &mut Out<'_>, endpoint: &Endpoint) -> bool {
        if self.stopped {
            return false;
        }
        let mut dials = self.dialler.dials.values_mut();
        if let Some(target) = dials.find(|target| target.endpoint == *endpoint) {
            target.seed = true;
            return true;
        }
        for link in &self.authenticating {
            let connection = self.connections.get_mut(link);
            let target = connection.and_then(|connection| connection.dialled.as_mut());
            if let Some(target) = target.filter(|target| target.endpoint == *endpoint) {
                target.seed = true;
                return true;
            }
        }
        let target = DialTarget {
            endpoint: endpoint.clone(),
            expected: None,
            seed: true,
        };
        self.start_dial(cx, target)
    }

    /// Handles a failed dial of the transport.
    pub(crate) fn on_dial_failed(&mut self, cx: &mut Out<'_>, ticket: Ticket, error: DialError) {
        if let Some(target) = self.answer_dial(cx, ticket) {
            self.dial_failed(cx, target, DialFailure::Transport(error));
        }
    }

    /// Handles a dial that the transport has not answered in time.
    pub(crate) fn on_timer_dial(&mut self, cx: &mut Out<'_>, ticket: Ticket) {
        self.on_dial_failed(cx, ticket, DialError::TimedOut);
    }

    /// Handles the timer of a peer: it may be dialled again, or its failures are forgotten.
    pub(crate) fn on_timer_redial(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return;
        };
        if pursuit.pace == Pace::BackingOff && pursuit.waiting.is_empty() && pursuit.failures > 0 {
            self.remember_failures(cx, peer);
            return;
        }
        pursuit.pace = Pace::Ready;
        if pursuit.waiting.is_empty() {
            pursuit.failures = 0;
        }
        self.pursue(cx, peer);
        self.settle(cx, peer);
    }

    /// Queues a frame until a link to `peer` is up, and dials if nothing else may bring one.
    pub(super) fn wait_for_link(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        to: &SendTo,
        frame: Frame,
    ) -> Sent {
        let Some(pursuit) = self.pursuit(cx, peer) else {
            return dropped(cx, DropReason::TooManyPeers);
        };
        if to.endpoint.is_some() {
            pursuit.to = to.clone();
        }
        let nowhere = pursuit.to.endpoint.is_none() && !pursuit.attempt;
        if nowhere && !self.is_claimed(peer) {
            self.settle(cx, peer);
            return dropped(cx, DropReason::NoAddress);
        }
        let config = &cx.config.link;
        if let Some(pursuit) = self.dialler.pursuits.get_mut(peer) {
            let (frames, bytes) = (config.max_waiting.get(), config.max_waiting_bytes);
            let shed = pursuit.waiting.push(frame, frames, bytes);
            cx.metrics().shed(DropReason::TooManyWaiting, shed);
        }
        self.pursue(cx, peer);
        Sent::Dialling
    }

    /// Dials `peer` if frames wait for it and no link or authentication may serve them.
    pub(super) fn pursue(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let Some(pursuit) = self.dialler.pursuits.get(peer) else {
            return;
        };
        if pursuit.attempt || pursuit.waiting.is_empty() || pursuit.pace == Pace::BackingOff {
            return;
        }
        if self.routes.contains_key(peer) || self.is_claimed(peer) {
            return;
        }
        let full = self.dials_in_flight() >= cx.config.link.max_dials.get();
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return;
        };
        let Some(endpoint) = pursuit.to.endpoint.clone() else {
            let waiting = pursuit.waiting.take().len() as u64;
            cx.metrics().shed(DropReason::NoAddress, waiting);
            self.settle(cx, peer);
            return;
        };
        if full {
            self.back_off(cx, peer);
            return;
        }
        pursuit.attempt = true;
        pursuit.pace = Pace::Ready;
        let expected = Expected {
            peer: peer.clone(),
            org: pursuit.to.expected_org.clone(),
        };
        cx.timers().cancel(&TimerKey::Redial(peer.clone()));
        let target = DialTarget {
            endpoint,
            expected: Some(expected),
            seed: false,
        };
        self.start_dial(cx, target);
    }

    /// Removes and returns an outstanding dial, if there is one.
    pub(super) fn answer_dial(&mut self, cx: &mut Out<'_>, ticket: Ticket) -> Option<DialTarget> {
        cx.timers().cancel(&TimerKey::Dial(ticket));
        self.dialler.dials.remove(&ticket)
    }

    /// Handles a dial that failed, or whose connection was not authenticated.
    pub(super) fn dial_failed(
        &mut self,
        cx: &mut Out<'_>,
        target: DialTarget,
        failure: DialFailure,
    ) {
        cx.metrics().dials_failed += 1;
        let DialTarget {
            endpoint,
            expected,
            seed,
        } = target;
        if seed {
            cx.raise(LinkSignal::DialFailed {
                endpoint: endpoint.clone(),
                failure,
            });
        }
        if let Some(expected) = expected {
            self.attempt_failed(cx, &expected.peer, endpoint);
        }
    }

    /// Handles a dial that reached `peer`. Returns the frames that wait for it.
    pub(super) fn dial_succeeded(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Vec<Frame> {
        if let Some(pursuit) = self.dialler.pursuits.get_mut(peer) {
            pursuit.attempt = false;
        }
        self.take_waiting(cx, peer)
    }

    /// Removes and returns the frames that wait for `peer`.
    pub(super) fn take_waiting(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Vec<Frame> {
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return Vec::new();
        };
        let waiting = pursuit.waiting.take().into();
        self.settle(cx, peer);
        waiting
    }

    /// Forgets the failures of `peer`, of which a message was received.
    pub(super) fn forget_failures(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return;
        };
        pursuit.failures = 0;
        pursuit.pace = Pace::Ready;
        cx.timers().cancel(&TimerKey::Redial(peer.clone()));
        self.pursue(cx, peer);
        self.settle(cx, peer);
    }

    /// Returns whether the peer is being dialled, so that a message to it waits for this only.
    pub(crate) fn is_dialled(&self, peer: &PeerId) -> bool {
        let pursuit = self.dialler.pursuits.get(peer);
        pursuit.is_some_and(|pursuit| pursuit.attempt)
    }

    /// Returns whether a message to the peer would be sent now or after one dial, without waiting for a pause to end.
    pub(crate) fn is_reachable_now(&self, peer: &PeerId) -> bool {
        let pursuit = self.dialler.pursuits.get(peer);
        self.is_connected(peer) || pursuit.is_none_or(|pursuit| pursuit.pace != Pace::BackingOff)
    }

    /// Drops all interest in `peer` except for held frames. Returns the number of dropped frames.
    pub(super) fn abandon(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> usize {
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            self.abandon_dials(cx, peer);
            return 0;
        };
        let dropped = pursuit.waiting.shed_fleeting(cx.now);
        if pursuit.waiting.is_empty() {
            self.dialler.pursuits.remove(peer);
            cx.timers().cancel(&TimerKey::Redial(peer.clone()));
            self.abandon_dials(cx, peer);
        }
        dropped
    }

    fn abandon_dials(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.dialler.dials.retain(|ticket, target| {
            let keep = target.release(peer);
            if !keep {
                cx.timers().cancel(&TimerKey::Dial(*ticket));
            }
            keep
        });
        let mut given_up = Vec::new();
        for link in &self.authenticating {
            let connection = self.connections.get_mut(link);
            let target = connection.and_then(|connection| connection.dialled.as_mut());
            if target.is_some_and(|target| !target.release(peer)) {
                given_up.push(*link);
            }
        }
        for link in given_up {
            self.take(link);
            cx.timers().cancel(&TimerKey::Handshake(link));
            let reason = CloseReason::DialAbandoned;
            cx.close_link(link, reason);
        }
    }

    /// Lets the frames held for a lost `peer` wait for a peer that replaces it at its address.
    pub(super) fn await_successor(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        to: SendTo,
        held: Vec<Frame>,
    ) {
        let dropped = held.len() as u64;
        let Some(pursuit) = self.pursuit(cx, peer) else {
            cx.metrics().shed(DropReason::TooManyPeers, dropped);
            return;
        };
        pursuit.take_over(cx, held);
        pursuit.to = to;
        self.pursue(cx, peer);
    }

    /// Handles the loss of the last link to `peer`: its queue waits for the next link, as far as there is room.
    pub(super) fn lost_last_link(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        queue: Vec<Frame>,
        loss: Loss,
    ) {
        if queue.is_empty() && !loss.early {
            if let Some(pursuit) = self.dialler.pursuits.get_mut(peer) {
                pursuit.failures = 0;
                self.settle(cx, peer);
            }
            return;
        }
        let dropped = queue.len() as u64;
        let Some(pursuit) = self.pursuit(cx, peer) else {
            cx.metrics().shed(DropReason::TooManyPeers, dropped);
            return;
        };
        pursuit.take_over(cx, queue);
        if loss.to.endpoint.is_some() {
            pursuit.to = loss.to;
        }
        if !loss.early {
            pursuit.failures = 0;
            // A remote that resolves duplicates finishes a link because it holds another, which will show up here. Dial
            // only if it does not.
            if loss.finished && loss.breaks_ties {
                self.back_off(cx, peer);
            }
            self.pursue(cx, peer);
        } else if pursuit.failures == 0 {
            pursuit.failures = 1;
            if loss.breaks_ties {
                self.back_off(cx, peer);
            } else {
                // Fabric closes our new link while it cleans up our old one, once.
                self.remember_failures(cx, peer);
            }
            self.pursue(cx, peer);
        } else if let Some(endpoint) = pursuit.to.endpoint.clone() {
            self.attempt_failed(cx, peer, endpoint);
        }
        self.settle(cx, peer);
    }

    /// Handles our own closing of the last link to `peer`.
    pub(super) fn closed_last_link(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let pursuit = self.dialler.pursuits.get(peer);
        if pursuit.is_some_and(|pursuit| pursuit.pace == Pace::Ready && !pursuit.attempt) {
            self.remember_failures(cx, peer);
        }
    }

    /// Drops all dials. Returns the number of waiting frames.
    pub(super) fn stop_dialling(&mut self) -> u64 {
        let pursuits = std::mem::take(&mut self.dialler).pursuits;
        let waiting = pursuits
            .values()
            .map(|pursuit| pursuit.waiting.len() as u64);
        waiting.sum()
    }

    fn start_dial(&mut self, cx: &mut Out<'_>, target: DialTarget) -> bool {
        if self.dials_in_flight() >= cx.config.link.max_dials.get() {
            return false;
        }
        let ticket = cx.ticket();
        let endpoint = target.endpoint.clone();
        self.dialler.dials.insert(ticket, target);
        let deadline = cx.now + cx.config.link.dial_timeout;
        cx.timers().set(TimerKey::Dial(ticket), deadline);
        cx.metrics().dials += 1;
        cx.emit(Command::Dial { ticket, endpoint });
        true
    }

    /// Number of dials in flight, and of dialled connections that authenticate.
    pub(crate) fn dials_in_flight(&self) -> usize {
        let authenticating = self
            .authenticating()
            .filter(|connection| connection.is_outgoing());
        self.dialler.dials.len() + authenticating.count()
    }

    fn attempt_failed(&mut self, cx: &mut Out<'_>, peer: &PeerId, endpoint: Endpoint) {
        let alternative = self.routes.contains_key(peer) || self.is_claimed(peer);
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return;
        };
        pursuit.attempt = false;
        pursuit.failures = pursuit.failures.saturating_add(1);
        let dropped = match alternative {
            true => 0,
            false => pursuit.waiting.shed_fleeting(cx.now),
        };
        cx.metrics().shed(DropReason::DialFailed, dropped as u64);
        self.back_off(cx, peer);
        if !alternative {
            cx.raise(LinkSignal::Unreachable {
                peer: peer.clone(),
                endpoint,
            });
        }
    }

    /// Forbids dials to `peer` for a pause that grows with its failures.
    fn back_off(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let Some(pursuit) = self.dialler.pursuits.get_mut(peer) else {
            return;
        };
        let config = &cx.config.link;
        let doublings = pursuit.failures.saturating_sub(1).min(31);
        let pause = config.backoff_min.saturating_mul(1 << doublings);
        let pause = self.rng.jitter(pause.min(config.backoff_max));
        pursuit.pace = Pace::BackingOff;
        let until = cx.now + Duration::min(pause, config.backoff_max);
        cx.timers().set(TimerKey::Redial(peer.clone()), until);
    }

    /// Allows dials to `peer`, but keeps counting its failures for a while.
    fn remember_failures(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        if let Some(pursuit) = self.dialler.pursuits.get_mut(peer) {
            pursuit.pace = Pace::Remembering;
            let until = cx.now + cx.config.link.backoff_max;
            cx.timers().set(TimerKey::Redial(peer.clone()), until);
        }
    }

    /// The pursuit of `peer`, started if there is none; `None` if there are too many.
    fn pursuit(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Option<&mut Pursuit> {
        let pursuits = &mut self.dialler.pursuits;
        if !pursuits.contains_key(peer) && pursuits.len() >= cx.config.link.max_dials.get() {
            let idle = pursuits.iter().find(|(_, pursuit)| pursuit.is_idle());
            let idle = idle.map(|(peer, _)| peer.clone())?;
            cx.timers().cancel(&TimerKey::Redial(idle.clone()));
            pursuits.remove(&idle);
        }
        Some(pursuits.entry(peer.clone()).or_default())
    }

    /// Drops the pursuit of `peer` if it has neither frames nor failures.
    fn settle(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        let pursuits = &mut self.dialler.pursuits;
        let over = |pursuit: &Pursuit| pursuit.is_idle() && pursuit.failures == 0;
        if pursuits.get(peer).is_some_and(over) {
            pursuits.remove(peer);
            cx.timers().cancel(&TimerKey::Redial(peer.clone()));
        }
    }
}
