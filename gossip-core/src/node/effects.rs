//! What links and membership want of the others.

use gossip_proto::{Content, SignedMessage};

use super::{Node, cx};
use crate::channel::Channel;
use crate::cx::Cx;
use crate::link::{EstablishedLink, LinkEffect, SendTo, Sent, TREE};
use crate::membership::{MembershipEffect, Reached, may_see_secret};
use crate::outbox::Supersede;
use crate::push::{
    Audience, Beat, Entry, Item, What, hears_farewell, push, push_farewell, push_pulses,
};
use crate::state_transfer::Effect;
use crate::{Class, CloseReason, PeerId, Refusal};

/// Whom a push may reach, borrowing the modules that know.
macro_rules! audience {
    ($node:expr) => {
        Audience {
            identities: &$node.identities,
            membership: &mut $node.membership,
            channels: &$node.channels,
            links: &mut $node.links,
        }
    };
}

impl Node {
    pub(super) fn on_link_effect(&mut self, effect: LinkEffect) {
        match effect {
            LinkEffect::Sign { link, message } => self.gate.sign_conn(cx!(self), link, message),
            LinkEffect::Authenticate { link, message } => {
                if let Content::Conn(conn) = &message.message().content {
                    self.gate.authenticate(cx!(self), link, conn, &message);
                }
            }
            LinkEffect::Established(established) => self.on_established(&established),
            LinkEffect::IdentitySwitch { expected, actual } => {
                tracing::info!(%expected, %actual, "peer has a new identity");
                self.acks.on_renewed(cx!(self), &expected, &actual);
                self.identities.remove(cx!(self), &expected);
                self.forget_peer(&expected);
            }
            LinkEffect::SelfDial { endpoint } => self.on_reached(&endpoint, Reached::Own),
            LinkEffect::Unreachable { peer, endpoint } => {
                tracing::debug!(%peer, %endpoint, "peer unreachable");
                self.membership.on_unreachable(cx!(self), &peer);
                self.on_disconnected(&peer);
            }
            LinkEffect::DialFailed { endpoint, failure } => {
                tracing::debug!(%endpoint, %failure, "dial failed");
                self.on_reached(&endpoint, Reached::Nobody);
            }
            LinkEffect::Disconnected { peer } => {
                self.membership.on_disconnected(cx!(self), &peer);
                self.plain.remove(&peer);
                self.regrow_trees(&peer);
                self.on_disconnected(&peer);
            }
        }
    }

    fn on_established(&mut self, established: &EstablishedLink) {
        let peer = &established.identity.peer;
        tracing::debug!(link = %established.link, %peer, "link established");
        if self.links.capabilities(peer) & TREE == 0 {
            self.plain.insert(peer.clone());
        } else {
            self.plain.remove(peer);
        }
        let restarted_earlier =
            self.membership
                .on_connected(self.now, &self.identities, peer, established.incarnation);
        for channel in self.channels.iter_mut() {
            if restarted_earlier {
                // What it published before bears a later time than what it will.
                channel.forget_restarted(peer);
            }
            channel.transfer.on_connected(peer);
        }
        self.claim_for(peer);
        self.ask_of_coverage_on(peer);
        if established.first {
            self.introduce(peer);
        }
        if let Some(endpoint) = &established.endpoint {
            self.on_reached(endpoint, Reached::Peer(peer.clone()));
        }
    }

    /// Tells a connected peer what we publish in each channel.
    pub(super) fn introduce(&mut self, peer: &PeerId) {
        let Some(link) = self.links.link_of(peer) else {
            return;
        };
        let Some(org) = self.identities.org_of(peer.as_bytes()) else {
            return;
        };
        let inside = self.identities.is_own_org(org);
        if !inside && !self.membership.is_self_external() {
            return;
        }
        let own = &self.config.identity.peer;
        for channel in self
            .channels
            .iter_mut()
            .filter(|channel| channel.has_org(org))
        {
            if let Some(message) = channel.own.signed() {
                let key = Supersede::StateInfo(own.clone(), channel.id().clone());
                self.links
                    .send_on(cx!(self), link, Class::Control, Some(key), message.clone());
            }
        }
    }

    fn on_reached(&mut self, endpoint: &crate::Endpoint, reached: Reached) {
        self.membership
            .on_reached(cx!(self), &self.identities, endpoint, reached);
    }

    fn on_disconnected(&mut self, peer: &PeerId) {
        self.each_transfer(|cx, channel| {
            channel.coverage.on_disconnected(peer);
            channel.transfer.on_disconnected(cx, peer)
        });
    }

    /// Erases a peer whose identity is no longer valid.
    pub(super) fn forget_peer(&mut self, peer: &PeerId) {
        self.links.drop_held(cx!(self), peer);
        self.acks.on_purged(cx!(self), peer);
        self.relay.forget(peer);
        for channel in self.channels.iter_mut() {
            channel.leadership.forget(peer);
        }
        self.membership.forget(cx!(self), peer);
        self.on_forgotten(peer);
    }

    fn on_dead(&mut self, peer: &PeerId) {
        self.links
            .close_peer(cx!(self), peer, CloseReason::PeerGone);
        self.each_transfer(|cx, channel| channel.transfer.on_peer_gone(cx, peer));
        self.on_attendance();
    }

    fn on_forgotten(&mut self, peer: &PeerId) {
        self.on_dead(peer);
        for channel in self.channels.iter_mut() {
            channel.forget(peer);
        }
        self.on_attendance();
    }

    pub(super) fn on_identity_expired(&mut self, peer: &PeerId) {
        tracing::info!(%peer, "identity has expired");
        if self.identities.remove(cx!(self), peer) {
            self.forget_peer(peer);
        }
    }

    pub(super) fn on_membership_effect(&mut self, effect: MembershipEffect) {
        match effect {
            MembershipEffect::Sign(unsigned) => self.gate.sign_alive(cx!(self), *unsigned),
            MembershipEffect::Push(message) => {
                let subject = self.config.identity.peer.clone();
                self.push(Item {
                    what: What::Alive { subject },
                    message,
                    holders: Vec::new(),
                });
            }
            MembershipEffect::Pulse { pulse, from } => {
                let beats = self.pulses.add(cx!(self), Beat { pulse, from });
                self.push_pulses(beats);
            }
            MembershipEffect::Forward { message, holders } => {
                self.forward_alive(message, holders);
            }
            MembershipEffect::Farewell { message, holders } => {
                self.push_farewell(&message, &holders);
            }
            MembershipEffect::Request {
                peer,
                endpoint,
                message,
            } => {
                let org = self.identities.org_of(peer.as_bytes());
                let to = SendTo {
                    endpoint,
                    expected_org: org.cloned(),
                };
                let key = Some(Supersede::MembershipRequest);
                let class = class_of_view(&message);
                self.links.send(cx!(self), &peer, &to, class, key, message);
            }
            MembershipEffect::Respond { link, message } => {
                let key = Some(Supersede::MembershipResponse);
                let class = class_of_view(&message);
                self.links.send_on(cx!(self), link, class, key, message);
            }
            MembershipEffect::Dial(endpoint) => {
                if !self.links.dial(cx!(self), &endpoint) {
                    self.on_reached(&endpoint, Reached::Nobody);
                }
            }
            MembershipEffect::RefuseBootstrap(peer) => {
                let refusal = Refusal::ForeignBootstrap;
                self.io.metrics.refuse(refusal);
                let reason = CloseReason::Refused(refusal);
                self.links.close_peer(cx!(self), &peer, reason);
            }
            MembershipEffect::Alive(peer) => self.on_member_alive(&peer),
            MembershipEffect::Dead(peer) => self.on_dead(&peer),
            MembershipEffect::Forgotten(peer) => self.on_forgotten(&peer),
        }
    }

    fn on_member_alive(&mut self, peer: &PeerId) {
        if self.membership.has_first_member() {
            // Nobody knew of us until now: do not wait for the next heartbeat.
            self.membership.greet(cx!(self), &self.identities);
        }
        for id in self.channels.ids() {
            if let Some(channel) = self.channels.get_mut(&id) {
                channel.own.wake(cx!(self), &id);
            }
        }
        self.claim_for(peer);
    }

    /// A peer has come within reach: what it published before counts from now on.
    fn claim_for(&mut self, peer: &PeerId) {
        let connected = self.links.is_connected(peer);
        self.each_transfer(|cx, channel| {
            let Some(height) = channel.height_of(peer) else {
                return Vec::new();
            };
            channel.transfer.on_claim(cx, peer, height, connected)
        });
    }

    /// Tells the state transfer of every channel something, and carries out what it wants.
    fn each_transfer(&mut self, mut tell: impl FnMut(&mut Cx<'_>, &mut Channel) -> Vec<Effect>) {
        for id in self.channels.ids() {
            if let Some(channel) = self.channels.get_mut(&id) {
                let effects = tell(cx!(self), channel);
                self.on_transfer_effects(&id, effects);
            }
        }
    }

    fn forward_alive(&mut self, message: SignedMessage, holders: Vec<PeerId>) {
        let Content::Alive(alive) = &message.message().content else {
            return;
        };
        let subject = PeerId::new(&alive.pki_id);
        // Its own organisation decides whether a relay may see the secret; strangers never do.
        let org = self.identities.org_of(subject.as_bytes());
        let message = if may_see_secret(&self.config.identity.org, org) {
            message
        } else {
            message.without_secret()
        };
        self.push(Item {
            what: What::Alive { subject },
            message,
            holders,
        });
    }

    pub(super) fn push(&mut self, item: Item) {
        let entries = self.emitter.add(cx!(self), item);
        self.push_all(entries);
    }

    pub(super) fn push_all(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let reached = self.push_now(&entry.item);
            self.emitter.pushed(cx!(self), entry, reached);
        }
    }

    /// Sends it, and returns to whom, and what became of it.
    pub(super) fn push_now(&mut self, item: &Item) -> Vec<(PeerId, Sent)> {
        push(cx!(self), &mut audience!(self), item)
    }

    pub(super) fn push_farewell(&mut self, message: &SignedMessage, holders: &[PeerId]) {
        push_farewell(cx!(self), &mut audience!(self), message, holders);
    }

    /// Is anybody there whom it helps to know that we stop?
    pub(super) fn hears_farewell(&mut self) -> bool {
        hears_farewell(cx!(self), &mut audience!(self))
    }

    pub(super) fn push_pulses(&mut self, beats: Vec<Beat>) {
        if !beats.is_empty() {
            push_pulses(cx!(self), &mut audience!(self), beats);
        }
    }
}

/// A view of the membership or of a channel that takes long to send must not hold up heartbeats.
pub(super) fn class_of_view(message: &SignedMessage) -> Class {
    if message.encoded().len() > MAX_CONTROL_VIEW {
        Class::Bulk
    } else {
        Class::Control
    }
}

/// In bytes: what a link of a few Mbit/s carries in the blink of an eye.
const MAX_CONTROL_VIEW: usize = 32 << 10;
