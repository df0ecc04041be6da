//! The node: takes one event, emits ordered commands.

#[cfg(test)]
pub(crate) mod bench;
mod messages;
mod requests;
mod route;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod stop;

use std::sync::Arc;

use self::stop::Phase;
use crate::channel::{Channel, ChannelCx, Channels};
use crate::crypto::Crypto;
use crate::cx::Cx;
use crate::gate::admitted::Sender;
use crate::gate::{Gate, GateCx};
use crate::messaging::Acks;
use crate::out::{Io, Out};
use crate::peers::Peers;
use crate::peers::link::Incoming;
use crate::peers::membership::{MemberCx, Membership};
use crate::push::{Emitter, PulseEmitter};
use crate::relay::Relay;
use crate::rng::ModuleRng;
use crate::timer::TimerKey;
use crate::{
    ChannelId, ChannelInfo, Command, Config, ConfigError, Event, Instant, LedgerOutcome, LinkId,
    Member, Metrics, RequestError, Start, Ticket,
};
use gossip_proto::{DecodeError, SignedMessage};

/// A gossip peer without input or output of its own.
///
/// The crate's front page describes the contract.
#[derive(Debug)]
pub struct Node {
    core: Core,
    phase: Phase,
    peers: Peers,
    gate: Gate,
    channels: Channels,
    relay: Relay,
    emitter: Emitter,
    pulses: PulseEmitter,
    acks: Acks,
}

/// The state that contexts are made of.
#[derive(Debug)]
struct Core {
    config: Arc<Config>,
    start: Start,
    now: Instant,
    io: Io,
    crypto: Crypto,
}

impl Core {
    fn out(&mut self) -> Out<'_> {
        Out {
            now: self.now,
            config: &self.config,
            io: &mut self.io,
        }
    }

    fn cx(&mut self) -> Cx<'_> {
        let out = Out {
            now: self.now,
            config: &self.config,
            io: &mut self.io,
        };
        let crypto = &mut self.crypto;
        Cx { out, crypto }
    }
}

impl Node {
    /// Creates a node. Nothing is sent before the first event.
    ///
    /// # Errors
    /// A [`ConfigError`] if the configuration is not valid.
    pub fn new(config: Arc<Config>, start: Start) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut core = Core {
            start,
            now: start.now,
            io: Io::default(),
            crypto: Crypto::default(),
            config,
        };
        Ok(Self {
            phase: Phase::Running,
            peers: Peers::new(&mut core.out(), &start),
            gate: Gate::default(),
            channels: Channels::default(),
            relay: Relay::new(&core.config),
            emitter: Emitter::default(),
            pulses: PulseEmitter::default(),
            acks: Acks::new(ModuleRng::fork(&start.seed, "acks")),
            core,
        })
    }

    /// Takes one event. Never fails and never panics. If `now` is earlier than in the last call, the time stands still.
    pub fn handle(&mut self, now: Instant, event: Event) {
        self.core.now = self.core.now.max(now);
        self.core.io.metrics.events += 1;
        if self.phase != Phase::Running {
            self.handle_stopping(event);
            return;
        }
        let cx = &mut self.core.cx();
        let links = &mut self.peers.links;
        match event {
            Event::Tick => self.tick(),
            Event::LinkUp {
                link,
                dial,
                remote,
                binding,
            } => links.on_link_up(cx, link, dial, remote, binding),
            Event::LinkDown { link, reason } => {
                links.on_link_down(cx, link, reason);
                self.forget_link(link);
            }
            Event::DialFailed { ticket, error } => links.on_dial_failed(cx, ticket, error),
            Event::Received { link, message } => self.on_received(link, message),
            Event::Malformed { link, error } => self.on_malformed(link, &error),
            Event::Flushed {
                link,
                frames,
                bytes,
            } => links.on_flushed(cx, link, frames, bytes),
            Event::CryptoDone { ticket, outcome } => {
                self.at_gate(|gate, cx| gate.on_crypto_done(cx, ticket, outcome));
            }
            Event::LedgerDone { ticket, outcome } => self.on_ledger_done(ticket, outcome),
            Event::Validated { ticket, verdict } => self.gate.on_validated(cx, ticket, verdict),
            Event::Request { id, request } => self.on_request(id, request),
        }
        self.settle();
    }

    /// The next command, in order. Drain after each [`Node::handle`]; draining late costs time, not correctness.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<Command> {
        self.core.io.out.pop_front()
    }

    /// The latest time at which to deliver [`Event::Tick`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.core.io.timers.next()
    }

    /// Returns whether the link may deliver one more message now. If not, do not read from it.
    #[must_use]
    pub fn admits(&self, link: LinkId) -> bool {
        self.peers.links.admits(link) && self.core.crypto.admits(&self.core.config, link)
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.core.io.metrics
    }

    /// Changes whenever the result of [`Node::members`] does.
    #[must_use]
    pub fn membership_version(&self) -> u64 {
        self.peers.membership.version()
    }

    /// All known members, alive and dead, without ourselves.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.peers.membership.members()
    }

    /// Changes whenever the result of [`Node::self_info`] does.
    #[must_use]
    pub const fn self_version(&self) -> u64 {
        self.peers.membership.own_version()
    }

    /// Our own member record with our latest signed heartbeat. Costs no signature and no sequence number.
    #[must_use]
    pub fn self_info(&self) -> Member {
        self.peers.membership.own_info()
    }

    /// Changes whenever the result of [`Node::channel`] does, for any channel.
    #[must_use]
    pub fn channels_version(&self) -> u64 {
        let members = self.peers.membership.version();
        self.channels.version().wrapping_add(members)
    }

    /// The view of a channel; `None` if it is not joined.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<ChannelInfo> {
        self.channel_since(channel, None).map(Arc::unwrap_or_clone)
    }

    /// The same as [`Node::channel`] at less cost for an application that keeps the view `before`. Returns that view if
    /// neither the channel nor the membership has changed, and shares its list of peers if only our own state has.
    #[must_use]
    pub fn channel_since(
        &self,
        channel: &ChannelId,
        before: Option<&Arc<ChannelInfo>>,
    ) -> Option<Arc<ChannelInfo>> {
        let channel = self.channels.joined(channel).ok()?;
        Some(channel.info_since(&self.peers, before))
    }

    /// The joined channels, in order.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelId> {
        self.channels.joined_ids()
    }

    fn tick(&mut self) {
        if let Some(due) = self.core.io.timers.next() {
            let late = self.core.now.since(due);
            self.peers.membership.on_tick(&mut self.core.out(), late);
        }
        // Each timer once: at the maximal time a timer that is set again is due again at once.
        for _ in 0..self.core.io.timers.len() {
            let Some(key) = self.core.io.timers.pop_due(self.core.now) else {
                return;
            };
            self.fire(key);
            self.settle();
        }
    }

    fn fire(&mut self, key: TimerKey) {
        let cx = &mut self.core.cx();
        let links = &mut self.peers.links;
        match key {
            TimerKey::Emitter => {
                let items = self.emitter.take(cx);
                self.push_all(items);
            }
            TimerKey::Pulses => {
                let beats = self.pulses.take(cx);
                self.push_pulses(beats);
            }
            TimerKey::Handshake(link) => links.on_timer_handshake(cx, link),
            TimerKey::Linger(link) => links.on_timer_linger(cx, link),
            TimerKey::Dial(ticket) => links.on_timer_dial(cx, ticket),
            TimerKey::Redial(peer) => links.on_timer_redial(cx, &peer),
            TimerKey::Checks => self.at_gate(Gate::fire_checks),
            TimerKey::Validations => self.gate.fire_validations(cx),
            TimerKey::AwaitingIdentity => self.gate.fire_awaiting_identity(cx),
            TimerKey::Relay => self.relay.fire(cx),
            TimerKey::Heartbeat => self.in_membership(Membership::fire_heartbeat),
            TimerKey::Sync => {
                let room = links.room_for_more(cx.config);
                self.in_membership(|members, cx| members.fire_sync(cx, room));
            }
            TimerKey::Member(peer) => {
                self.in_membership(|members, cx| members.fire_member(cx, &peer))
            }
            TimerKey::Seed(endpoint) => self.peers.membership.fire_seed(cx, &endpoint),
            // Runs after the stop only.
            TimerKey::Farewell => {}
            TimerKey::Identity(peer) => self.on_identity_expired(&peer),
            TimerKey::Ack(nonce) => self.acks.fire(cx, nonce),
            TimerKey::OwnExpiry => self.peers.identities.own_expiry.fire(cx),
            TimerKey::PullIdentities => self.peers.fire_identity_pull(cx),
            TimerKey::Channel(timer, channel) => {
                self.in_channel(&channel, |channel, cx| channel.on_timer(cx, timer));
            }
        }
    }

    /// Routes signals until none is left.
    fn settle(&mut self) {
        while let Some(signal) = self.core.io.signals.pop_front() {
            self.route(signal);
        }
    }

    fn in_membership<T>(&mut self, act: impl FnOnce(&mut Membership, &mut MemberCx<'_>) -> T) -> T {
        let (members, mut cx) = self.peers.members(self.core.out());
        act(members, &mut cx)
    }

    fn at_gate(&mut self, act: impl FnOnce(&mut Gate, &mut GateCx<'_>)) {
        let mut cx = GateCx {
            cx: self.core.cx(),
            peers: &self.peers,
            channels: &self.channels,
            relay: &self.relay,
        };
        act(&mut self.gate, &mut cx);
    }

    fn on_received(&mut self, link: LinkId, message: SignedMessage) {
        let cx = &mut self.core.cx();
        cx.metrics().messages_received += 1;
        cx.metrics().bytes_received += message.encoded().len() as u64;
        match self.peers.links.receive(cx, link) {
            Incoming::Message { peer, org } => {
                self.peers.membership.on_heard(cx.now);
                let sender = Sender { link, peer, org };
                self.deliver_raw(&sender, &message);
                self.at_gate(|gate, cx| gate.on_received(cx, sender, message));
            }
            Incoming::Authentication => self.peers.links.on_first_message(cx, link, &message),
            Incoming::Stray => {}
        }
    }

    fn on_malformed(&mut self, link: LinkId, error: &DecodeError) {
        tracing::debug!(%link, %error, "frame refused");
        let links = &mut self.peers.links;
        if error.is_fatal() || links.is_handshaking(link) {
            links.on_malformed(&mut self.core.out(), link);
        } else {
            self.core.io.metrics.illegal_messages += 1;
        }
    }

    fn on_ledger_done(&mut self, ticket: Ticket, outcome: LedgerOutcome) {
        if let Some(owner) = self.core.io.tickets.take(ticket) {
            self.in_channel(&owner.channel, |channel, cx| {
                channel.on_ledger_done(cx, owner.purpose, ticket, outcome);
            });
        }
    }

    fn forget_link(&mut self, link: LinkId) {
        self.gate.on_link_down(link);
        let cx = &mut self.core.cx();
        cx.crypto.on_link_down(&mut cx.out, link);
        for channel in self.channels.iter_mut() {
            channel.on_link_gone(link);
        }
    }

    /// Calls `act` on a channel, if there is one. Afterwards the channel is dropped if it has ended.
    fn in_channel<T>(
        &mut self,
        id: &ChannelId,
        act: impl FnOnce(&mut Channel, &mut ChannelCx<'_>) -> T,
    ) -> Option<T> {
        let channel = self.channels.get_mut(id)?;
        let mut cx = ChannelCx {
            cx: self.core.cx(),
            peers: &mut self.peers,
        };
        let result = act(channel, &mut cx);
        if channel.is_over() {
            self.drop_channel(id, None);
        }
        Some(result)
    }

    /// Calls `act` on each channel.
    fn in_each_channel(&mut self, mut act: impl FnMut(&mut Channel, &mut ChannelCx<'_>)) {
        let mut cx = ChannelCx {
            cx: self.core.cx(),
            peers: &mut self.peers,
        };
        for channel in self.channels.iter_mut() {
            act(channel, &mut cx);
        }
    }

    /// Drops a channel. Waiting requests are answered with `error`, or with the reason why it ended.
    fn drop_channel(&mut self, id: &ChannelId, error: Option<&RequestError>) {
        if let Some(channel) = self.channels.remove(id) {
            let cx = &mut self.core.cx();
            channel.stop(cx, error);
            self.gate.on_channel_gone(cx, id);
            let none = std::collections::BTreeMap::new();
            self.peers.membership.set_anchors(cx, id, &none);
        }
    }
}
