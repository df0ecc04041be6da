//! State transfer: requests for missing blocks, and answers to the requests of peers.
//!
//! Corresponds to the requests and responses of Fabric's `gossip/state/state.go`.
//!
//! # Deviations
//! - A gap is requested at once, not every ten seconds: from the first missing number on, without blocks that are held,
//!   from up to four peers in parallel.
//! - An answer counts only from the peer asked, with its nonce and within its range. A peer that does not deliver is
//!   not asked for a while, which grows with each fault. A claimed height is only a hint at which peer to ask.
//! - Every request is answered, if only by an empty list, and answers are bounded in bytes.

mod claims;
mod penalties;
mod requester;
mod server;

use gossip_proto::{Content, Payload, StateRequest};

use self::claims::HeightClaim;
use self::requester::Ask;
pub(super) use self::requester::Requester;
pub(super) use self::server::{Asker, BlockServer, Served};
use super::commit::Want;
use super::{Channel, ChannelCx};
use crate::compose::unsigned;
use crate::gate::admitted::{BlockItem, BlockSource, Sender};
use crate::out::Out;
use crate::peers::link::Sent;
use crate::peers::outbox::Frame;
use crate::{LedgerOutcome, LinkId, PeerId, Ticket};

impl Channel {
    /// A participant claims a height.
    pub(super) fn on_claim(
        &mut self,
        cx: &mut ChannelCx<'_>,
        peer: &PeerId,
        height: u64,
        connected: bool,
    ) {
        if self.commit.halted().is_none() {
            let claim = HeightClaim { height, connected };
            self.transfer.on_claim(cx, peer, claim);
            self.resume(cx);
        }
    }

    /// A peer has become reachable: its published height counts from now on.
    pub(crate) fn claim_for(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        if let Some(height) = self.participants.height_of(peer) {
            let connected = cx.peers.links.is_connected(peer);
            self.on_claim(cx, peer, height, connected);
        }
    }

    /// The last link to a peer has ended. Its requests are sent to another peer at once.
    pub(crate) fn on_disconnected(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        self.coverage.on_disconnected(peer);
        self.transfer.on_disconnected(cx, peer);
        self.resume(cx);
    }

    /// A peer is dead, or no longer takes part. It is no longer asked.
    pub(crate) fn on_peer_gone(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        let asks = self.forget_claims(cx, peer);
        self.send_state_requests(cx, asks);
    }

    /// Forgets the claim of such a peer. Returns the requests to send now.
    pub(super) fn forget_claims(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) -> Vec<Ask> {
        self.transfer.on_peer_gone(cx, peer);
        self.go_on(cx, None)
    }

    /// A link has ended: no answer is sent on it.
    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        self.server.on_link_gone(link);
    }

    /// The check of a pushed or published block begins. Its verdict follows in `on_block` or `on_bad_block`.
    pub(super) fn on_checking(&mut self, cx: &mut Out<'_>, seq: u64, bytes: u64) {
        if self.commit.buffer().want(seq) == Want::Yes {
            self.transfer.on_checking(cx, seq, bytes);
        }
    }

    /// A number has been missing for too long, or a request is overdue.
    pub(super) fn fire_transfer(&mut self, cx: &mut ChannelCx<'_>) {
        if self.commit.runs() {
            self.transfer.on_timer(cx, self.commit.buffer());
        }
        self.resume(cx);
    }

    /// A reader of the channel asks for blocks.
    pub(super) fn on_state_request(
        &mut self,
        cx: &mut ChannelCx<'_>,
        sender: &Sender,
        nonce: u64,
        request: StateRequest,
    ) {
        let link = sender.link;
        if !cx.peers.links.has_bulk_room(cx.config, link) {
            // Earlier answers are still queued on its link. With an empty answer it asks another peer.
            cx.metrics().state_requests_refused += 1;
            cx.reply(link, Frame::control(self.response(nonce, Vec::new())));
            return;
        }
        let asker = Asker {
            peer: sender.peer.clone(),
            link: Some(link),
            nonce,
        };
        let buffer = self.commit.buffer();
        if let Some(payloads) = self.server.on_state_request(cx, buffer, asker, request) {
            cx.reply(link, Frame::bulk(self.response(nonce, payloads)));
        }
    }

    /// The ledger has read blocks for a peer.
    pub(super) fn on_read(
        &mut self,
        cx: &mut ChannelCx<'_>,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) {
        let buffer = self.commit.buffer();
        let Some((link, nonce, served)) = self.server.on_read(cx, buffer, ticket, outcome) else {
            return;
        };
        for served in served {
            match served {
                Served::Response(payloads) => {
                    cx.reply(link, Frame::bulk(self.response(nonce, payloads)));
                }
                Served::Update(items) => self.send_update(cx, link, nonce, items),
            }
        }
    }

    /// A response of a peer, solicited or not.
    pub(super) fn on_state_response(
        &mut self,
        cx: &mut ChannelCx<'_>,
        sender: &Sender,
        nonce: u64,
        payloads: Vec<Payload>,
    ) {
        let peer = &sender.peer;
        let buffer = self.commit.buffer();
        let brought = self
            .transfer
            .on_response(cx, buffer, (peer, nonce), payloads);
        let asks = self.go_on(cx, brought.short.then_some(peer));
        let link = cx.peers.links.link_of(peer);
        for (seq, data) in brought.blocks {
            let source = BlockSource::Transfer { from: peer.clone() };
            cx.check_block(link, BlockItem::new(&self.id, (seq, data), source));
        }
        self.send_state_requests(cx, asks);
    }

    /// Requests an offered block at once, if it is the next one and no other peer sends it.
    pub(super) fn ask_for_offered(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId, seq: u64) {
        if self.commit.runs() {
            let buffer = self.commit.buffer();
            let ask = self.transfer.on_offer(cx, (peer, seq), buffer);
            let mut asks = Vec::from_iter(ask);
            asks.extend(self.go_on(cx, None));
            self.send_state_requests(cx, asks);
        }
    }

    /// Returns whether this block is among the last few known, so that it arrives while it is new.
    pub(super) fn is_recent(&self, cx: &Out<'_>, seq: u64) -> bool {
        let few = cx.config.state_transfer.batch.get() as u64;
        let known = self.transfer.known_end(cx.now, self.commit.buffer());
        seq.saturating_add(few) >= known
    }

    /// Returns whether the block is being checked, or about to arrive from a peer that was asked.
    pub(super) fn is_coming(&self, cx: &Out<'_>, seq: u64) -> bool {
        let buffer = self.commit.buffer();
        let wanted = buffer.want(seq) == Want::Yes;
        wanted && self.transfer.is_arriving(cx.config, cx.now, seq, buffer)
    }

    /// Commits and requests what is possible now.
    pub(super) fn resume(&mut self, cx: &mut ChannelCx<'_>) {
        let asks = self.go_on(cx, None);
        self.send_state_requests(cx, asks);
    }

    /// Commits what is possible, and returns the requests to send. They are sent after the block that led to them has
    /// been passed on. `avoid` is asked only if no other peer is left.
    pub(super) fn go_on(&mut self, cx: &mut Out<'_>, avoid: Option<&PeerId>) -> Vec<Ask> {
        if !self.commit.runs() {
            return Vec::new();
        }
        self.commit.proceed(cx);
        self.transfer.pump(cx, self.commit.buffer(), avoid)
    }

    pub(super) fn send_state_requests(&mut self, cx: &mut ChannelCx<'_>, asks: Vec<Ask>) {
        for Ask {
            peer,
            nonce,
            request,
            newest,
        } in asks
        {
            let content = Content::StateRequest(request);
            let message = unsigned(Some(&self.id), nonce, content);
            if matches!(cx.send(&peer, Frame::control(message)), Sent::Dropped(_)) {
                // The peer cannot be reached. Others are asked at the next tick.
                let now = cx.now;
                self.transfer.on_disconnected(cx, &peer);
                self.transfer.arm(cx, Some(now));
            }
            if newest {
                self.graft(cx, &peer);
            }
        }
    }

    fn response(&self, nonce: u64, payloads: Vec<Payload>) -> gossip_proto::SignedMessage {
        let content = Content::StateResponse(payloads);
        unsigned(Some(&self.id), nonce, content)
    }
}

#[cfg(test)]
mod tests;
