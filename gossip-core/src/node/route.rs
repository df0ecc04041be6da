//! Routing of signals to modules.

use gossip_proto::{Content, SignedMessage};

use super::Node;
use crate::channel::{ChannelCx, refuse_input};
use crate::gate::admitted::{IdentityInput, Inbound, MemberInput, RelayItem};
use crate::peers::link::{EstablishedLink, LinkSignal};
use crate::peers::membership::{MemberSignal, Membership, Reached, may_see_secret};
use crate::peers::outbox::{Frame, Supersede};
use crate::push::item::{Item, What};
use crate::push::{Beat, Entry, push, push_farewell, push_pulses};
use crate::signal::{Signal, Signing};
use crate::{
    CloseReason, CryptoError, Endpoint, Notification, PeerId, Refusal, RequestError, SeedFailure,
    ValidIdentity,
};

impl Node {
    pub(super) fn route(&mut self, signal: Signal) {
        match signal {
            Signal::Link(signal) => self.on_link_signal(signal),
            Signal::Member(signal) => self.on_member_signal(signal),
            Signal::Inbound(inbound) => self.on_inbound(inbound),
            Signal::Signed { what, message } => self.on_signed(what, message),
            Signal::Push(item) => self.push(item),
            Signal::PassOn(channel, item) => {
                let message = item.message.clone();
                self.core.out().deliver(&channel, || message);
                self.push(item);
            }
            Signal::Introduce(peer) => self.introduce(&peer),
            Signal::CheckAgain(item) => {
                self.at_gate(|gate, cx| gate.check_state_info(cx, None, item));
            }
        }
    }

    fn on_link_signal(&mut self, signal: LinkSignal) {
        let cx = &mut self.core.cx();
        match signal {
            LinkSignal::Sign { link, message } => cx.sign(Signing::Conn(link), *message),
            LinkSignal::Authenticate { link, message } => {
                if let Content::Conn(conn) = message.content() {
                    cx.authenticate(link, conn, &message);
                }
            }
            LinkSignal::Established(established) => self.on_established(&established),
            LinkSignal::IdentitySwitch { expected, actual } => {
                tracing::info!(%expected, %actual, "peer has a new identity");
                self.acks.on_renewed(cx, &expected, &actual);
                self.peers.identities.remove(cx, &expected);
                self.forget_peer(&expected);
            }
            LinkSignal::SelfDial { endpoint } => self.on_reached(&endpoint, Reached::Own),
            LinkSignal::Unreachable { peer, endpoint } => {
                tracing::debug!(%peer, %endpoint, "peer unreachable");
                self.peers.membership.on_unreachable(cx, &peer);
                self.in_each_channel(|channel, cx| channel.on_disconnected(cx, &peer));
            }
            LinkSignal::DialFailed { endpoint, failure } => {
                tracing::debug!(%endpoint, %failure, "dial failed");
                self.on_reached(&endpoint, Reached::Failed(failure.into()));
            }
            LinkSignal::Disconnected { peer } => {
                self.peers.on_disconnected(cx, &peer);
                self.in_each_channel(|channel, cx| channel.repair_tree(cx, &peer));
                self.in_each_channel(|channel, cx| channel.on_disconnected(cx, &peer));
            }
        }
    }

    fn on_established(&mut self, established: &EstablishedLink) {
        let peer = &established.identity.peer;
        tracing::debug!(link = %established.link, %peer, "link established");
        let restarted_earlier =
            self.peers
                .on_connected(self.core.out(), peer, established.incarnation);
        for channel in self.channels.iter_mut() {
            if restarted_earlier {
                // Its earlier state infos bear a later time than its next ones will.
                channel.forget_restarted(peer);
            }
            channel.on_connected(peer);
        }
        self.in_each_channel(|channel, cx| channel.claim_for(cx, peer));
        self.in_each_channel(|channel, cx| channel.subscribe_peer_for_coverage(cx, peer));
        if established.first {
            self.introduce(peer);
        }
        if let Some(endpoint) = &established.endpoint {
            self.on_reached(endpoint, Reached::Peer(peer.clone()));
        }
    }

    /// Sends our state info of each channel to a connected peer.
    fn introduce(&mut self, peer: &PeerId) {
        let (Some(link), Some(org)) = (self.peers.links.link_of(peer), self.peers.org_of(peer))
        else {
            return;
        };
        let inside = self.peers.identities.is_own_org(org);
        if inside || self.peers.membership.is_self_external() {
            let org = org.clone();
            self.in_each_channel(|channel, cx| channel.introduce(cx, link, &org));
        }
    }

    fn on_reached(&mut self, endpoint: &Endpoint, reached: Reached) {
        self.in_membership(|members, cx| members.on_reached(cx, endpoint, reached));
    }

    fn on_member_signal(&mut self, signal: MemberSignal) {
        let cx = &mut self.core.cx();
        let peers = &mut self.peers;
        match signal {
            MemberSignal::Sign(unsigned) => cx.sign(Signing::Alive, *unsigned),
            MemberSignal::Push(message) => {
                let subject = cx.config.identity.peer.clone();
                self.push_heartbeat(subject, message, Vec::new());
            }
            MemberSignal::Pulse { pulse, from } => {
                let beats = self.pulses.add(cx, Beat { pulse, from });
                self.push_pulses(beats);
            }
            MemberSignal::Forward { message, holders } => self.forward_alive(message, holders),
            MemberSignal::Farewell { message, holders } => {
                push_farewell(cx, peers, &message, &holders);
            }
            MemberSignal::Request { peer, message } => {
                let frame = Frame::view(message).superseding(Supersede::MembershipRequest);
                peers.send(cx, &peer, frame);
            }
            MemberSignal::Respond { link, message } => {
                let frame = Frame::view(message).superseding(Supersede::MembershipResponse);
                peers.links.send_on(cx, link, frame);
            }
            MemberSignal::Dial(endpoint) => {
                if !peers.links.dial(cx, &endpoint) {
                    let failure = SeedFailure::TooManyDials;
                    self.on_reached(&endpoint, Reached::Failed(failure));
                }
            }
            MemberSignal::RefuseBootstrap(peer) => {
                let refusal = Refusal::ForeignBootstrap;
                cx.metrics().refuse(refusal);
                let reason = CloseReason::Refused(refusal);
                peers.links.close_peer(cx, &peer, reason);
            }
            MemberSignal::Alive(peer) => self.on_member_alive(&peer),
            MemberSignal::Dead(peer) => self.on_dead(&peer),
            MemberSignal::Forgotten(peer) => self.on_forgotten(&peer),
        }
    }

    fn on_member_alive(&mut self, peer: &PeerId) {
        if self.peers.membership.has_first_member() {
            // The first member: do not wait for the next heartbeat.
            self.in_membership(Membership::announce_self);
        }
        self.in_each_channel(|channel, cx| channel.on_member_alive(cx));
        self.in_each_channel(|channel, cx| channel.claim_for(cx, peer));
    }

    fn on_dead(&mut self, peer: &PeerId) {
        let links = &mut self.peers.links;
        links.close_peer(&mut self.core.out(), peer, CloseReason::PeerGone);
        self.in_each_channel(|channel, cx| channel.on_peer_gone(cx, peer));
        self.in_each_channel(|channel, cx| channel.settle_coverage(cx));
    }

    fn on_forgotten(&mut self, peer: &PeerId) {
        self.on_dead(peer);
        for channel in self.channels.iter_mut() {
            channel.forget(peer);
        }
        self.in_each_channel(|channel, cx| channel.settle_coverage(cx));
    }

    /// Drops all state of a peer whose identity is not valid.
    fn forget_peer(&mut self, peer: &PeerId) {
        let cx = &mut self.core.out();
        self.peers.links.drop_held(cx, peer);
        self.acks.on_purged(cx, peer);
        self.relay.forget(peer);
        for channel in self.channels.iter_mut() {
            channel.forget_identity(peer);
        }
        self.peers.membership.forget(cx, peer);
        self.on_forgotten(peer);
    }

    pub(super) fn on_identity_expired(&mut self, peer: &PeerId) {
        tracing::info!(%peer, "identity has expired");
        if self.peers.identities.remove(&mut self.core.out(), peer) {
            self.forget_peer(peer);
        }
    }

    fn on_inbound(&mut self, inbound: Inbound) {
        let cx = &mut self.core.cx();
        match inbound {
            Inbound::Member(input) => self.on_member_input(input),
            Inbound::Identity(input) => self.on_identity_input(input),
            Inbound::Channel(id, input) => {
                let mut input = Some(input);
                let act = |channel: &mut crate::channel::Channel, cx: &mut ChannelCx<'_>| {
                    if let Some(input) = input.take() {
                        channel.on_input(cx, input);
                    }
                };
                if self.in_channel(&id, act).is_none()
                    && let Some(input) = input
                {
                    let gone = RequestError::UnknownChannel(id);
                    refuse_input(&mut self.core.out(), &gone, input);
                }
            }
            Inbound::Relay(item) => self.on_relay_item(item.into_inner()),
            Inbound::Pull { sender, message } => self.peers.on_identity_pull(cx, &sender, &message),
            Inbound::Ack { peer, nonce, error } => self.acks.on_ack(cx, &peer, nonce, &error),
            Inbound::Application { sender, message } => self.deliver_message(&sender, &message),
            Inbound::ForApplications => {
                // Listeners for raw messages have received it. Without one it is a violation.
                cx.metrics().violations += u64::from(!cx.io.interest.raw);
            }
            Inbound::Authenticated { link, result } => {
                self.peers.links.on_authenticated(cx, link, result);
            }
        }
    }

    fn on_member_input(&mut self, input: MemberInput) {
        let (now, identities) = (self.core.now, &mut self.peers.identities);
        match &input {
            MemberInput::Alive(alive) => {
                if let Content::Alive(told) = alive.get().message.content()
                    && !identities.touch(now, &told.pki_id)
                {
                    // Its identity was dropped while the heartbeat was being checked.
                    return;
                }
            }
            MemberInput::Pulse(pulse) => {
                identities.touch(now, &pulse.get().pulse.pki_id);
            }
            MemberInput::Request(_)
            | MemberInput::Response { .. }
            | MemberInput::UnknownIdentity { .. }
            | MemberInput::SignOfLife { .. } => {}
        }
        self.in_membership(|members, cx| members.on_input(cx, input));
    }

    fn on_identity_input(&mut self, input: IdentityInput) {
        match input {
            IdentityInput::Valid { valid, bytes } => self.on_identity(&valid, &bytes),
            IdentityInput::Validated { peer, result } => self.on_validated(peer, result),
            IdentityInput::Announced { valid, message } => {
                let Content::PeerIdentity(told) = message.content() else {
                    return;
                };
                if self.peers.identities.get(&told.pki_id).is_none() {
                    self.core.io.metrics.identities_pulled += 1;
                }
                self.on_identity(&valid, &told.cert);
                let identities = &mut self.peers.identities;
                identities.announce(&told.pki_id, &told.cert, message.envelope());
            }
            IdentityInput::Bad { from, subject } => {
                let now = self.core.now;
                self.peers.identity_pull.on_bad(now, from, subject);
            }
        }
    }

    fn on_identity(&mut self, valid: &ValidIdentity, bytes: &bytes::Bytes) {
        let cx = &mut self.core.cx();
        let (identities, members) = (&mut self.peers.identities, &self.peers.membership);
        identities.put(cx, valid, bytes, |peer| members.knows(peer.as_bytes()));
        identities.touch(cx.now, valid.peer.as_bytes());
        self.at_gate(|gate, cx| gate.on_identity(cx, &valid.peer));
    }

    /// A suspected identity has been validated.
    fn on_validated(&mut self, peer: PeerId, result: Result<ValidIdentity, CryptoError>) {
        let purged = self.peers.on_validated(&mut self.core.cx(), &peer, result);
        if purged.is_some() {
            self.forget_peer(&peer);
        }
        let cx = &mut self.core.cx();
        if let Some(reason) = purged {
            let peer = peer.clone();
            cx.notify(Notification::IdentityPurged { peer, reason });
        }
        self.peers.on_verdict(cx, &peer, purged.is_some());
    }

    /// Passes on a state info of a channel that we have not joined, within our organisation.
    fn on_relay_item(&mut self, item: RelayItem) {
        let RelayItem {
            publisher,
            mac,
            message,
            holders,
        } = item;
        let Content::StateInfo(info) = message.content() else {
            return;
        };
        let cx = &mut self.core.out();
        let identities = &mut self.peers.identities;
        identities.touch(cx.now, publisher.as_bytes());
        if self.relay.add(cx, (publisher.clone(), mac), info) {
            cx.metrics().state_infos_relayed += 1;
            let what = What::Relay { publisher, mac };
            self.push(Item {
                what,
                message,
                holders,
            });
        }
    }

    /// Our own message is signed, or the signature failed.
    fn on_signed(&mut self, what: Signing, message: Option<SignedMessage>) {
        let cx = &mut self.core.cx();
        if message.is_none() {
            cx.signing_failed();
        }
        let peers = &mut self.peers;
        match (what, message) {
            (Signing::Conn(link), Some(message)) => peers.links.on_conn_signed(cx, link, message),
            (Signing::Conn(link), None) => peers.links.on_sign_failed(cx, link),
            (Signing::Alive, message) => {
                self.in_membership(|members, cx| members.on_own_signed(cx, message));
            }
            (Signing::StateInfo(channel), message) => {
                self.in_channel(&channel, |channel, cx| channel.on_own_state(cx, message));
            }
            (Signing::Identity, message) => peers.on_own_announcement(cx, message.as_ref()),
            (Signing::Leadership(id, channel), message) => {
                let result = match &message {
                    None => Err(RequestError::SigningFailed),
                    Some(message) => self
                        .in_channel(&channel, |channel, cx| {
                            channel.on_leadership_signed(cx, message)
                        })
                        .ok_or(RequestError::UnknownChannel(channel)),
                };
                self.core.out().answer(id, result);
            }
        }
    }

    fn forward_alive(&mut self, message: SignedMessage, holders: Vec<PeerId>) {
        let Content::Alive(alive) = message.content() else {
            return;
        };
        let subject = PeerId::new(&alive.pki_id);
        // The subject's organisation decides whether peers may see the secret. Unknown peers never do.
        let own_org = &self.core.config.identity.org;
        let message = if may_see_secret(own_org, self.peers.org_of(&subject)) {
            message
        } else {
            message.without_secret()
        };
        self.push_heartbeat(subject, message, holders);
    }

    fn push_heartbeat(&mut self, subject: PeerId, message: SignedMessage, holders: Vec<PeerId>) {
        let what = What::Alive { subject };
        self.push(Item {
            what,
            message,
            holders,
        });
    }

    fn push(&mut self, item: Item) {
        let entries = self.emitter.add(&mut self.core.out(), item);
        self.push_all(entries);
    }

    pub(super) fn push_all(&mut self, entries: Vec<Entry>) {
        let cx = &mut self.core.out();
        for entry in entries {
            let reached = push(cx, &mut self.peers, &self.channels, &entry.item);
            self.emitter.pushed(cx, entry, reached);
        }
    }

    pub(super) fn push_pulses(&mut self, beats: Vec<Beat>) {
        if !beats.is_empty() {
            push_pulses(&mut self.core.out(), &mut self.peers, beats);
        }
    }
}
