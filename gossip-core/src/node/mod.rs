//! The node: one event in, ordered commands out.

#[cfg(test)]
pub(crate) mod bench;
mod blocks;
mod coverage;
mod effects;
mod messages;
mod news;
mod offers;
mod policy;
mod pull;
mod requests;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod stop;
mod suspects;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use self::stop::Phase;
use crate::channel::Channels;
use crate::cx::{Cx, Io};
use crate::gate::{Gate, Known, Sender};
use crate::identity::{Identities, OwnExpiry, Suspicion};
use crate::link::{Incoming, Links};
use crate::membership::Membership;
use crate::messaging::{Acks, Interest};
use crate::pull::IdentityPull;
use crate::push::{Emitter, PulseEmitter};
use crate::relay::Relay;
use crate::rng::ModuleRng;
use crate::signal::Signal;
use crate::timer::TimerKey;
use crate::{
    ChannelId, ChannelInfo, Command, Config, ConfigError, Event, Instant, LinkId, Member, Metrics,
    PeerId,
};
use gossip_proto::{DecodeError, SignedMessage};

/// What a node needs at its start besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The present; later events must not lie before it.
    pub now: Instant,
    /// Decides every random choice.
    pub seed: [u8; 32],
    /// Greater at each start of the same peer, for example nanoseconds since 1970.
    pub incarnation: u64,
    /// How long our own identity is still valid, if it expires: the application is warned ahead of it.
    pub identity_expires_in: Option<Duration>,
}

/// A gossip peer, without any input or output of its own.
///
/// See the crate's front page for the contract.
#[derive(Debug)]
pub struct Node {
    config: Arc<Config>,
    start: Start,
    now: Instant,
    phase: Phase,
    io: Io,
    links: Links,
    gate: Gate,
    identities: Identities,
    suspicion: Suspicion,
    own_expiry: OwnExpiry,
    membership: Membership,
    channels: Channels,
    relay: Relay,
    identity_pull: IdentityPull,
    emitter: Emitter,
    /// Connected peers that do not know of trees.
    plain: BTreeSet<PeerId>,
    pulses: PulseEmitter,
    /// Publications at the gate; bounded by the configuration.
    publishing: usize,
    /// Messages about leadership that are being signed; bounded by the configuration.
    leading: usize,
    acks: Acks,
    /// What the application wants to be handed.
    interest: Interest,
}

/// The context of an input, borrowing no module.
macro_rules! cx {
    ($node:expr) => {
        &mut $crate::cx::Cx {
            now: $node.now,
            config: &$node.config,
            io: &mut $node.io,
        }
    };
}
pub(crate) use cx;

/// What the gate asks its siblings, borrowing neither it nor the context.
macro_rules! known {
    ($node:expr) => {
        Known {
            identities: &$node.identities,
            membership: &$node.membership,
            channels: &$node.channels,
            links: &$node.links,
            relay: &$node.relay,
        }
    };
}
pub(crate) use known;

impl Node {
    /// Makes a node.
    ///
    /// # Errors
    /// The configuration contradicts itself.
    pub fn new(config: Arc<Config>, start: Start) -> Result<Self, ConfigError> {
        config.validate()?;
        let mut io = Io::default();
        let mut cx = Cx {
            now: start.now,
            config: &config,
            io: &mut io,
        };
        let membership = Membership::new(&mut cx, &start.seed, start.incarnation);
        let identity_pull = IdentityPull::new(&mut cx, &start.seed);
        let mut own_expiry = OwnExpiry::default();
        own_expiry.set(&mut cx, start.identity_expires_in);
        Ok(Self {
            start,
            now: start.now,
            phase: Phase::Running,
            links: Links::new(ModuleRng::fork(&start.seed, "links"), start.incarnation),
            gate: Gate::default(),
            identities: Identities::new(
                config.identity.clone(),
                ModuleRng::fork(&start.seed, "identities").next_u64(),
            ),
            suspicion: Suspicion::default(),
            own_expiry,
            membership,
            channels: Channels::default(),
            relay: Relay::new(&config),
            identity_pull,
            emitter: Emitter::default(),
            plain: BTreeSet::new(),
            pulses: PulseEmitter::default(),
            publishing: 0,
            leading: 0,
            acks: Acks::new(ModuleRng::fork(&start.seed, "acks")),
            interest: Interest::default(),
            io,
            config,
        })
    }

    /// Takes one input. Never fails and never panics; `now` is clamped to be monotone.
    pub fn handle(&mut self, now: Instant, event: Event) {
        self.now = self.now.max(now);
        self.io.metrics.events += 1;
        if self.phase != Phase::Running {
            self.wind_up(event);
            return;
        }
        match event {
            Event::Tick => self.tick(),
            Event::LinkUp {
                link,
                dial,
                remote,
                binding,
            } => {
                self.links
                    .on_link_up(cx!(self), link, dial, remote, binding);
            }
            Event::LinkDown { link, reason } => {
                self.links.on_link_down(cx!(self), link, reason);
                self.forget_link(link);
            }
            Event::DialFailed { ticket, error } => {
                self.links.on_dial_failed(cx!(self), ticket, error);
            }
            Event::Received { link, message } => self.on_received(link, message),
            Event::Malformed { link, error } => self.on_malformed(link, &error),
            Event::Flushed {
                link,
                frames,
                bytes,
            } => {
                self.links.on_flushed(cx!(self), link, frames, bytes);
            }
            Event::CryptoDone { ticket, outcome } => {
                self.gate.on_crypto_done(cx!(self), ticket, outcome);
            }
            Event::LedgerDone { ticket, outcome } => self.on_ledger_done(ticket, outcome),
            Event::Validated { ticket, verdict } => {
                self.gate.on_validated(cx!(self), ticket, verdict);
            }
            Event::Request { id, request } => self.on_request(id, request),
        }
        self.settle();
    }

    /// The next output, in order. Drain it after each `handle`; draining late is slow, never wrong.
    #[must_use]
    pub fn poll_command(&mut self) -> Option<Command> {
        self.io.out.pop_front()
    }

    /// When to call `handle` with [`Event::Tick`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.io.timers.next()
    }

    /// May this link feed one more message now? While not, leave it unread.
    #[must_use]
    pub fn admits(&self, link: LinkId) -> bool {
        self.links.admits(link) && self.gate.admits(&self.config, link)
    }

    /// What has been counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.io.metrics
    }

    /// Changes whenever [`Node::members`] would.
    #[must_use]
    pub fn membership_version(&self) -> u64 {
        self.membership.version()
    }

    /// All known members, alive and dead, without ourselves.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        self.membership.members()
    }

    /// Changes whenever [`Node::self_info`] would.
    #[must_use]
    pub const fn self_version(&self) -> u64 {
        self.membership.own_version()
    }

    /// What others know of this node, with the heartbeat that it has signed last. Costs neither a signature
    /// nor a sequence number.
    #[must_use]
    pub fn self_info(&self) -> Member {
        self.membership.own_info()
    }

    /// Changes whenever [`Node::channel`] would for some channel.
    #[must_use]
    pub fn channels_version(&self) -> u64 {
        self.channels
            .version()
            .wrapping_add(self.membership.version())
    }

    /// One channel, if joined.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<ChannelInfo> {
        self.channel_since(channel, None).map(Arc::unwrap_or_clone)
    }

    /// The same at less cost for whoever keeps a view made `before`: it is handed out again if nothing has
    /// changed in the channel or the membership, and its list of peers is shared if only our own part has.
    #[must_use]
    pub fn channel_since(
        &self,
        channel: &ChannelId,
        before: Option<&Arc<ChannelInfo>>,
    ) -> Option<Arc<ChannelInfo>> {
        let channel = self.channels.joined(channel).ok()?;
        Some(channel.info_since(&self.membership, &self.identities, before))
    }

    /// The channels joined, in order.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelId> {
        self.channels.joined_ids()
    }

    fn tick(&mut self) {
        if let Some(due) = self.io.timers.next() {
            let late = self.now.since(due);
            self.membership.on_tick(cx!(self), late);
        }
        // Each once: at the end of time a timer that is set again is due again at once.
        for _ in 0..self.io.timers.len() {
            let Some(key) = self.io.timers.pop_due(self.now) else {
                return;
            };
            self.fire(key);
            self.settle();
        }
    }

    fn fire(&mut self, key: TimerKey) {
        let cx = cx!(self);
        match key {
            TimerKey::Emitter => {
                let items = self.emitter.take(cx);
                self.push_all(items);
            }
            TimerKey::Pulses => {
                let beats = self.pulses.take(cx!(self));
                self.push_pulses(beats);
            }
            TimerKey::Handshake(link) => {
                self.links.on_timer_handshake(cx, link);
            }
            TimerKey::Linger(link) => self.links.on_timer_linger(cx, link),
            TimerKey::Dial(ticket) => self.links.on_timer_dial(cx, ticket),
            TimerKey::Redial(peer) => self.links.on_timer_redial(cx, &peer),
            TimerKey::Checks => self.gate.fire_checks(cx),
            TimerKey::Validations => self.gate.fire_validations(cx),
            TimerKey::Parked => self.gate.fire_parked(cx),
            TimerKey::Relay => self.relay.fire(cx),
            TimerKey::Heartbeat => {
                self.membership.fire_heartbeat(cx, &self.identities);
            }
            TimerKey::Sync => {
                let room = self.links.room_for_more(&self.config);
                self.membership.fire_sync(cx, &self.identities, room);
            }
            TimerKey::Member(peer) => {
                self.membership.fire_member(cx, &self.identities, &peer);
            }
            TimerKey::Seed(endpoint) => {
                self.membership.fire_seed(cx, &endpoint);
            }
            // Runs after the stop only.
            TimerKey::Farewell => {}
            TimerKey::Identity(peer) => self.on_identity_expired(&peer),
            TimerKey::Ack(nonce) => self.acks.fire(cx, nonce),
            TimerKey::OwnExpiry => self.own_expiry.fire(cx),
            TimerKey::PullIdentities => self.pull_identities(),
            TimerKey::Coverage(channel) => self.fire_coverage(&channel),
            TimerKey::Announce(channel) => self.announce(&channel),
            TimerKey::PullBlocks(channel) => self.pull_blocks(&channel),
            TimerKey::Publish(channel) => self.publish_state(&channel),
            TimerKey::RequestStateInfo(channel) => self.request_state_infos(&channel),
            TimerKey::StateTransfer(channel) => self.on_transfer_timer(&channel),
        }
    }

    /// Carries out what modules have told each other until nothing is left.
    fn settle(&mut self) {
        while let Some(signal) = self.io.signals.pop_front() {
            match signal {
                Signal::Link(effect) => self.on_link_effect(effect),
                Signal::Member(effect) => self.on_membership_effect(effect),
                Signal::News(news) => self.on_news(news),
            }
        }
    }

    fn on_received(&mut self, link: LinkId, message: SignedMessage) {
        self.io.metrics.messages_received += 1;
        self.io.metrics.bytes_received += message.encoded().len() as u64;
        let (peer, org) = match self.links.receive(cx!(self), link) {
            Incoming::Message { peer, org } => (peer, org),
            Incoming::Authentication => {
                self.links.on_first_message(cx!(self), link, &message);
                return;
            }
            Incoming::Stray => return,
        };
        self.membership.on_heard(self.now);
        let sender = Sender { link, peer, org };
        self.deliver_raw(&sender, &message);
        let known = known!(self);
        self.gate.on_received(cx!(self), &known, sender, message);
    }

    fn on_malformed(&mut self, link: LinkId, error: &DecodeError) {
        tracing::debug!(%link, %error, "frame refused");
        if error.is_fatal() || self.links.is_handshaking(link) {
            self.links.on_malformed(cx!(self), link);
        } else {
            self.io.metrics.illegal_messages += 1;
        }
    }

    fn forget_link(&mut self, link: LinkId) {
        self.gate.on_link_down(cx!(self), link);
        for channel in self.channels.iter_mut() {
            channel.transfer.on_link_gone(link);
            channel.pull.on_link_gone(link);
        }
    }
}
