//! Ordered commit of a channel's blocks, and transfer of those that are missing.
//!
//! Blocks come in any order: published by the application, pushed by peers, or sent by peers on
//! request. A [`StateTransfer`] per channel holds those that are verified until their turn, hands
//! them to the ledger one at a time, asks peers for what is missing, and answers peers that ask.
//! It never sees an unverified block as anything but bytes to be verified, and takes nothing that
//! a peer claims for more than a hint whom to ask.
//!
//! Answers to Fabric's `gossip/state` (`state.go`, `payloads_buffer.go`).
//!
//! # Deviations
//! - The next number to commit always has a place, and nothing ever waits for room inside the
//!   core: the farthest block gives way instead. Publications that are too far ahead are parked,
//!   and their late answer is what holds the publisher back.
//! - The window moves only when a block is in the ledger. A block that the ledger refuses leaves
//!   its place to another copy.
//! - A failure of the ledger halts the channel, not the process; peers are still served.
//! - A gap is asked for at once, not every ten seconds: from the first number that is missing and
//!   without those that are held, from up to four peers at a time.
//! - Answers count only from the peer asked, with its nonce and within its range. A peer that does
//!   not deliver is left alone for a growing while.
//! - Every request is answered, if only by an empty list, and answers are bounded in bytes.
//! - A publication is passed on to peers when it gets its place in the buffer, not when it is
//!   committed. So dissemination runs ahead of a slow ledger by as much as the window, which is
//!   also as much as the peers would keep.

mod checks;
mod claims;
mod effect;
mod offers;
mod payload_buffer;
mod penalties;
mod pipeline;
mod publications;
mod requester;
mod reread;
mod responder;
mod view;

use bytes::Bytes;
use gossip_proto::{Payload, StateRequest};

use self::claims::Claim;
pub(crate) use self::effect::Effect;
pub(crate) use self::payload_buffer::Want;
use self::payload_buffer::{Block, Insert, PayloadBuffer};
use self::pipeline::{Pipeline, Step};
use self::publications::Publications;
use self::requester::Requester;
use self::responder::Responder;
use crate::cx::Cx;
use crate::rng::ModuleRng;
use crate::{
    BlockOrigin, ChannelId, Command, LedgerOutcome, LinkId, Notification, PeerId, RequestError,
    RequestId, Ticket,
};

/// One channel's blocks on their way to and from the ledger.
#[derive(Debug)]
pub(crate) struct StateTransfer {
    channel: ChannelId,
    buffer: PayloadBuffer,
    pipeline: Pipeline,
    publications: Publications,
    requester: Requester,
    responder: Responder,
    /// The application has stored blocks up to a height, as it says, and waits for us to read it.
    reread: Option<(RequestId, u64)>,
}

impl StateTransfer {
    /// Asks for the ledger's height. Until [`Effect::Ready`] no block is wanted; publications are
    /// parked.
    pub(crate) fn new(cx: &mut Cx<'_>, channel: ChannelId, rng: ModuleRng) -> Self {
        let config = &cx.config.state_transfer;
        let buffer = PayloadBuffer::new(0, config);
        let publications = Publications::new(config);
        Self {
            pipeline: Pipeline::start(cx, &channel),
            channel,
            buffer,
            publications,
            requester: Requester::new(rng),
            responder: Responder::default(),
            reread: None,
        }
    }

    /// Whether the answer to this ticket belongs here.
    pub(crate) fn owns(&self, ticket: Ticket) -> bool {
        self.pipeline.owns(ticket) || self.responder.owns(ticket)
    }

    /// Whether a block of this number is worth verifying; counts those pushed that are not.
    ///
    /// A publication that is `Known` goes to [`StateTransfer::publish`] unverified, which answers
    /// it; any other is verified first, since it may be parked.
    pub(crate) fn want(&self, cx: &mut Cx<'_>, seq: u64, origin: BlockOrigin) -> Want {
        let want = if self.pipeline.runs() {
            self.buffer.want(seq)
        } else {
            Want::Beyond
        };
        if origin == BlockOrigin::Push {
            match want {
                Want::Yes => {}
                Want::Known => cx.metrics().blocks_duplicate += 1,
                Want::Beyond => cx.metrics().blocks_beyond_window += 1,
            }
        }
        want
    }

    /// Is this block missing, with a place for it, and not on its way?
    pub(crate) fn lacks(&self, seq: u64) -> bool {
        let wanted = self.pipeline.runs() && self.buffer.want(seq) == Want::Yes;
        wanted && !self.requester.expects(seq, &self.buffer)
    }

    /// Takes a verified block that a peer sent.
    pub(crate) fn admit(
        &mut self,
        cx: &mut Cx<'_>,
        seq: u64,
        data: Bytes,
        origin: BlockOrigin,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.pipeline.runs() {
            return effects;
        }
        self.requester.on_checked(cx, seq);
        match self.insert(cx, seq, data, (origin, None), &mut effects) {
            Insert::Stored { .. } => {}
            Insert::Known => {
                if origin == BlockOrigin::Push {
                    cx.metrics().blocks_duplicate += 1;
                }
            }
            Insert::Beyond => cx.metrics().blocks_beyond_window += 1,
        }
        self.proceed(cx, None, &mut effects);
        effects
    }

    /// Takes a verified block of the application. It is answered when it has been accepted and passed on, or
    /// at once if it is known or there is no room to wait.
    pub(crate) fn publish(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        seq: u64,
        data: Bytes,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.requester.on_unasked_checked(seq);
        self.place(cx, id, seq, data, &mut effects);
        self.proceed(cx, None, &mut effects);
        effects
    }

    /// Takes the answer to a ticket that this owns.
    pub(crate) fn on_ledger_done(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) -> Vec<Effect> {
        if !self.pipeline.owns(ticket) {
            let effect = self.responder.on_done(cx, ticket, outcome);
            return effect.into_iter().collect();
        }
        let mut effects = Vec::new();
        let before = self.buffer.next();
        match self
            .pipeline
            .on_done(cx, &self.channel, &mut self.buffer, outcome)
        {
            Step::Started => {
                let height = self.buffer.next();
                effects.push(Effect::Ready { height });
                self.place_parked(cx, &mut effects);
            }
            Step::StartFailed(error) => effects.push(Effect::Failed { error }),
            Step::Committed { seq, origin } => {
                cx.metrics().blocks_committed += 1;
                cx.notify(Notification::Committed {
                    channel: self.channel.clone(),
                    seq,
                    origin,
                });
                effects.push(Effect::HeightChanged(self.buffer.next()));
                self.place_parked(cx, &mut effects);
            }
            Step::Resyncing => {}
            Step::Reread(result) => {
                self.answer_reread(cx, result);
                if self.buffer.next() != before {
                    effects.push(Effect::HeightChanged(self.buffer.next()));
                }
                self.place_parked(cx, &mut effects);
            }
            Step::Resynced => {
                if self.buffer.next() != before {
                    effects.push(Effect::HeightChanged(self.buffer.next()));
                }
                self.place_parked(cx, &mut effects);
            }
            Step::Halted => self.halt(cx),
        }
        if self.reread.is_some() {
            self.pipeline.reread(cx, &self.channel);
        }
        self.proceed(cx, None, &mut effects);
        effects
    }

    /// A member of the channel says how many blocks it has; call it for each state info accepted.
    pub(crate) fn on_claim(
        &mut self,
        cx: &mut Cx<'_>,
        peer: &PeerId,
        height: u64,
        connected: bool,
    ) -> Vec<Effect> {
        if self.halted().is_some() {
            return Vec::new();
        }
        self.requester
            .on_claim(cx, peer, Claim { height, connected });
        self.resume(cx)
    }

    /// The first link to a peer is up; any peer will do.
    pub(crate) fn on_connected(&mut self, peer: &PeerId) {
        self.requester.on_connected(peer);
    }

    /// The last link to a peer is gone; any peer will do. What it was asked for is asked of
    /// another at once.
    pub(crate) fn on_disconnected(&mut self, cx: &mut Cx<'_>, peer: &PeerId) -> Vec<Effect> {
        self.requester.on_disconnected(cx, peer);
        self.resume(cx)
    }

    /// A request could not be sent, as nothing leads to the peer. Others are asked at the next tick.
    pub(crate) fn on_unsent(&mut self, cx: &mut Cx<'_>, peer: &PeerId) {
        self.requester.on_disconnected(cx, peer);
        self.requester.arm(cx, &self.channel, Some(cx.now));
    }

    /// A peer is dead or no longer a member: it is not asked any more.
    pub(crate) fn on_peer_gone(&mut self, cx: &mut Cx<'_>, peer: &PeerId) -> Vec<Effect> {
        self.requester.on_peer_gone(cx, peer);
        self.resume(cx)
    }

    /// A link is gone: no answer is sent there any more.
    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        self.responder.on_link_gone(link);
    }

    /// A peer that may read the channel asks for blocks.
    pub(crate) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        peer: &PeerId,
        link: LinkId,
        nonce: u64,
        request: StateRequest,
    ) -> Option<Effect> {
        self.responder.on_request(
            cx,
            &self.channel,
            &self.buffer,
            (peer, link, nonce),
            request,
        )
    }

    /// A peer answers a request, or pretends to.
    pub(crate) fn on_response(
        &mut self,
        cx: &mut Cx<'_>,
        peer: &PeerId,
        nonce: u64,
        payloads: Vec<Payload>,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        let short =
            self.requester
                .on_response(cx, &self.buffer, (peer, nonce), payloads, &mut effects);
        self.proceed(cx, short.then_some(peer), &mut effects);
        effects
    }

    /// The timer `StateTransfer` of this channel has fired.
    pub(crate) fn on_timer(&mut self, cx: &mut Cx<'_>) -> Vec<Effect> {
        if self.pipeline.runs() {
            self.requester.on_timer(cx, &self.channel, &self.buffer);
        }
        self.resume(cx)
    }

    /// Ends everything: publications that wait are answered with `error`. Returns the commit that is
    /// under way, if any; later answers of the ledger are owned by nobody.
    pub(crate) fn stop(mut self, cx: &mut Cx<'_>, error: &RequestError) -> Option<Ticket> {
        self.requester.stop(cx, &self.channel);
        self.refuse_waiting(cx, error);
        self.pipeline.committing()
    }

    fn insert(
        &mut self,
        cx: &mut Cx<'_>,
        seq: u64,
        data: Bytes,
        (origin, request): (BlockOrigin, Option<RequestId>),
        effects: &mut Vec<Effect>,
    ) -> Insert {
        let block = Block {
            data: data.clone(),
            origin,
        };
        let inserted = self.buffer.insert(seq, block);
        if let Insert::Stored { evicted } = inserted {
            let metrics = cx.metrics();
            metrics.blocks_beyond_window += evicted;
            match origin {
                BlockOrigin::Local => metrics.blocks_published += 1,
                BlockOrigin::Push => metrics.blocks_pushed += 1,
                BlockOrigin::StateTransfer => metrics.blocks_transferred += 1,
                BlockOrigin::Pull => metrics.blocks_pulled += 1,
            }
            effects.push(Effect::Accepted {
                seq,
                data,
                origin,
                request,
            });
        }
        inserted
    }

    /// Gives a publication its place, its answer, or a place among those that wait.
    fn place(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        seq: u64,
        data: Bytes,
        effects: &mut Vec<Effect>,
    ) {
        if let Some(error) = self.halted_error() {
            cx.emit(Command::Reply {
                id,
                result: Err(error),
            });
            return;
        }
        let inserted = if self.pipeline.runs() {
            let origin = (BlockOrigin::Local, Some(id));
            self.insert(cx, seq, data.clone(), origin, effects)
        } else {
            Insert::Beyond
        };
        match inserted {
            Insert::Stored { .. } => {}
            Insert::Known => effects.push(Effect::Known { request: id }),
            Insert::Beyond if self.publications.park(id, seq, data) => {}
            Insert::Beyond => {
                let result = Err(RequestError::Busy);
                cx.emit(Command::Reply { id, result });
            }
        }
    }

    fn place_parked(&mut self, cx: &mut Cx<'_>, effects: &mut Vec<Effect>) {
        let room = |buffer: &PayloadBuffer, seq: u64| buffer.want(seq) != Want::Beyond;
        if self
            .publications
            .first()
            .is_none_or(|seq| !room(&self.buffer, seq))
        {
            return;
        }
        for ((seq, id), data) in self.publications.take() {
            self.place(cx, id, seq, data, effects);
        }
    }

    fn refuse_waiting(&mut self, cx: &mut Cx<'_>, error: &RequestError) {
        let reread = self.reread.take().map(|(id, _)| id);
        let parked = self.publications.take();
        let parked = parked.into_keys().map(|(_, id)| id);
        for id in reread.into_iter().chain(parked) {
            cx.emit(Command::Reply {
                id,
                result: Err(error.clone()),
            });
        }
    }

    fn halt(&mut self, cx: &mut Cx<'_>) {
        let Some(error) = self.halted_error() else {
            return;
        };
        tracing::warn!(channel = %self.channel, %error, "channel halted");
        self.refuse_waiting(cx, &error);
        self.buffer.clear();
        self.requester.stop(cx, &self.channel);
        if let Some(reason) = self.pipeline.halted() {
            cx.notify(Notification::ChannelHalted {
                channel: self.channel.clone(),
                reason: reason.to_owned(),
            });
        }
    }

    fn halted_error(&self) -> Option<RequestError> {
        self.pipeline.halted().map(|reason| RequestError::Halted {
            channel: self.channel.clone(),
            reason: reason.to_owned(),
        })
    }

    fn resume(&mut self, cx: &mut Cx<'_>) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.proceed(cx, None, &mut effects);
        effects
    }

    /// Commits and asks for what can be now.
    fn proceed(&mut self, cx: &mut Cx<'_>, avoid: Option<&PeerId>, effects: &mut Vec<Effect>) {
        if !self.pipeline.runs() {
            return;
        }
        self.pipeline.commit_next(cx, &self.channel, &self.buffer);
        self.requester
            .pump(cx, &self.channel, &self.buffer, avoid, effects);
    }
}

#[cfg(test)]
mod tests;
