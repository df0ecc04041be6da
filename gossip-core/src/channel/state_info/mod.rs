//! State infos: our own, those of other peers, and the participants that follow from them.

mod exchange;
mod own;
mod participants;
mod readers;

use gossip_proto::{Content, SignedMessage};

pub(super) use self::exchange::StateInfoExchange;
pub(super) use self::own::OwnState;
pub(crate) use self::participants::Participants;
pub(super) use self::readers::Readers;
use super::{Channel, ChannelCx};
use crate::gate::admitted::{Admitted, Sender, StateInfoItem};
use crate::have_set::HaveSet;
use crate::out::Out;
use crate::peers::Peers;
use crate::peers::link::{Links, STATE_DIFFERENCES, Sent};
use crate::peers::membership::AliveMember;
use crate::peers::outbox::{Frame, Supersede};
use crate::push::item::{Item, What};
use crate::signal::{Signal, Signing};
use crate::{Class, LinkId, OrgId, PeerId, RequestError};

impl Channel {
    /// A state info has passed the gate.
    pub(super) fn on_state_info(&mut self, cx: &mut ChannelCx<'_>, item: Admitted<StateInfoItem>) {
        let Content::StateInfo(info) = item.get().message.content() else {
            return;
        };
        cx.peers.identities.touch(cx.cx.now, &info.pki_id);
        let pushed_by = &item.get().pushed_by;
        if pushed_by.is_empty() && !cx.peers.membership.knows(&info.pki_id) {
            // Peers would send each other the state info of a dead peer for ever.
            return;
        }
        if !self.is_current(item.get().revision) {
            cx.raise(Signal::CheckAgain(item.into_inner()));
            return;
        }
        let peer = PeerId::new(&info.pki_id);
        let is_new = !self.participants.knows(&info.pki_id);
        if !self.take_state_info(cx, &peer, item.get()) {
            return;
        }
        match self.participants.height_of(&peer) {
            Some(height) if info.properties.is_some() => {
                self.on_published_height(cx, &peer, height);
            }
            _ => {
                self.on_peer_gone(cx, &peer);
                self.settle_coverage(cx);
            }
        }
        let StateInfoItem {
            message, pushed_by, ..
        } = item.into_inner();
        if is_new && pushed_by.contains(&peer) {
            // The peer has just joined, so it cannot have used our earlier state info.
            cx.raise(Signal::Introduce(peer.clone()));
        }
        if !pushed_by.is_empty() {
            let item = self.item(peer, message, pushed_by);
            cx.raise(Signal::PassOn(self.id.clone(), item));
        }
    }

    /// Takes a state info. Returns whether it was new.
    fn take_state_info(
        &mut self,
        cx: &mut ChannelCx<'_>,
        peer: &PeerId,
        item: &StateInfoItem,
    ) -> bool {
        let Content::StateInfo(info) = item.message.content() else {
            return false;
        };
        let Some(org) = cx.peers.org_of(peer).cloned() else {
            return false;
        };
        let knows = || cx.peers.membership.knows(peer.as_bytes());
        let is_there = || knows() || item.pushed_by.contains(peer);
        let own = *peer == cx.config.identity.peer;
        if own || !self.has_org(&org) || !self.is_news(info, is_there) {
            return false;
        }
        let Some(first) = self.participants.take(cx, peer, org, &item.message) else {
            return false;
        };
        if first {
            self.exchange
                .on_newcomer(cx.config.channel.request_interval);
        }
        if !self.participants.contains(peer) {
            self.tree.forget(peer);
        }
        true
    }

    /// A participant has published its height.
    fn on_published_height(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId, height: u64) {
        let connected = cx.peers.links.is_connected(peer);
        if connected || cx.peers.membership.is_alive(peer.as_bytes()) {
            self.on_claim(cx, peer, height, connected);
        }
        self.on_height(cx, peer, height);
    }

    /// A reader of the channel asks for its state infos.
    pub(super) fn on_state_info_pull(
        &mut self,
        cx: &mut ChannelCx<'_>,
        sender: &Sender,
        held: Option<&HaveSet>,
    ) {
        let members = &cx.peers.membership;
        if let Some(message) = self.snapshot(cx.cx.config, members, sender, held) {
            let key = Some(Supersede::StateSnapshot(self.id.clone()));
            cx.reply(sender.link, Frame::view(message).superseding(key));
        }
    }

    /// Asks a few members for the state infos of the channel.
    pub(super) fn request_state_infos(&mut self, cx: &mut ChannelCx<'_>) {
        self.arm_request(cx);
        let timeout = cx.config.membership.alive_expiration;
        let members = &cx.peers.membership;
        let stale = self.participants.stale(cx.now, timeout, members);
        let mut asks = Vec::new();
        for peer in &stale {
            self.forget(peer);
            asks.extend(self.forget_claims(cx, peer));
        }
        let config = cx.cx.config;
        let room = cx.peers.has_room_for_exchange(config);
        let members = &mut cx.peers.membership;
        let count = config.channel.request_peers;
        let peers = members.draw_of_orgs(count, room, |org| self.has_org(org));
        self.exchange.on_asked(cx.now, &peers);
        let own = &config.identity;
        let whole = self.pull_request(&own.peer);
        let mut requests = Vec::with_capacity(peers.len());
        for peer in peers {
            let request = if cx.peers.supports(&peer, STATE_DIFFERENCES) {
                let inside = cx.peers.org_of(&peer) == Some(&own.org);
                self.pull_request_for_news(config, &cx.peers.membership, inside)
            } else {
                whole.clone()
            };
            requests.push((peer, request));
        }
        self.send_state_requests(cx, asks);
        self.readers.resume();
        self.review_readers(cx);
        for (peer, message) in requests {
            let key = Supersede::StateInfoPull(self.id.clone());
            cx.send(&peer, Frame::view(message).superseding(key));
        }
    }

    /// Starts the signature of our state if it has changed and there is a peer to read it.
    pub(super) fn publish_state(&mut self, cx: &mut ChannelCx<'_>) {
        if cx.peers.membership.is_alone() {
            if self.own.has_left() {
                self.end(RequestError::UnknownChannel(self.id.clone()));
            }
        } else if let Some(unsigned) = self.own.next(cx) {
            cx.sign(Signing::StateInfo(self.id.clone()), unsigned);
        }
    }

    /// Our state is signed, or could not be.
    pub(crate) fn on_own_state(&mut self, cx: &mut ChannelCx<'_>, message: Option<SignedMessage>) {
        let first = self.own.signed().is_none();
        self.own.on_signed(cx, message.clone());
        self.own_version += 1;
        let Some(message) = message else {
            return;
        };
        let publisher = cx.config.identity.peer.clone();
        if self.own.has_left() && self.own.published().is_some_and(|(_, present, _)| !present) {
            // The channel ends with this message, so it cannot wait for others.
            self.push_state_info(&mut cx.cx, cx.peers, &publisher, &message, &[]);
            self.end(RequestError::UnknownChannel(self.id.clone()));
            return;
        }
        if first {
            // Peers that connected before we joined do not have it yet.
            for peer in cx.peers.membership.connected() {
                cx.raise(Signal::Introduce(peer));
            }
        }
        let item = self.item(publisher, message, Vec::new());
        cx.raise(Signal::Push(item));
    }

    /// Sends our state info to a peer of this organisation.
    pub(crate) fn introduce(&self, cx: &mut ChannelCx<'_>, link: LinkId, org: &OrgId) {
        if let Some(message) = self.own.signed().filter(|_| self.has_org(org)) {
            let own = cx.config.identity.peer.clone();
            let key = Supersede::StateInfo(own, self.id.clone());
            cx.reply(link, Frame::control(message.clone()).superseding(key));
        }
    }

    /// Sends a state info to random peers that may see it, as many as the fan-out: within our organisation, and if its
    /// publisher is known outside, to the organisations of the channel.
    pub(crate) fn push_state_info(
        &self,
        cx: &mut Out<'_>,
        peers: &mut Peers,
        publisher: &PeerId,
        message: &SignedMessage,
        holders: &[PeerId],
    ) -> Vec<(PeerId, Sent)> {
        let own_org = &cx.config.identity.org;
        let abroad = peers.party(cx.config, publisher.as_bytes()).external;
        let accept = |member: &AliveMember, _: &Links| {
            let org = member.org.as_ref();
            let hears = |org: &OrgId| *org == *own_org || (abroad && self.has_org(org));
            org.is_some_and(hears) && member.peer != *publisher && !holders.contains(&member.peer)
        };
        let targets = peers.draw_targets(cx.config, false, accept);
        let key = Supersede::StateInfo(publisher.clone(), self.id.clone());
        peers.push(cx, targets, (Class::Control, Some(key)), message)
    }

    fn item(&self, publisher: PeerId, message: SignedMessage, holders: Vec<PeerId>) -> Item {
        let channel = self.id.clone();
        let what = What::StateInfo { channel, publisher };
        Item {
            what,
            message,
            holders,
        }
    }
}
