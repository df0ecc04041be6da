//! A channel's blocks: from the gate to the ledger and on to peers.

use super::commit::{Insert, Want};
use super::{Channel, ChannelCx};
use crate::compose::block_message;
use crate::gate::admitted::{
    Admitted, BlockFault, BlockItem, BlockSource, ChannelInput, Publication,
};
use crate::out::Out;
use crate::peers::link::Sent;
use crate::{CryptoError, LedgerOutcome, PeerId, PushOutcome, RequestError, RequestId, Response};

/// An upper bound of what lengths, tags and numbers add to a block in its message, in bytes.
const WRAPPING: usize = 128;

impl Channel {
    /// The application publishes a block. It is verified, unless it is known.
    pub(crate) fn publish(&mut self, cx: &mut ChannelCx<'_>, publication: Publication) {
        if self.own.has_left() {
            let error = RequestError::UnknownChannel(self.id.clone());
            cx.answer(publication.id, Err(error));
            return;
        }
        match self.check_publication(cx, &publication) {
            Ok(true) => {}
            Ok(false) => return self.answer_publication(cx, publication.id, false, Vec::new()),
            Err(error) => return cx.answer(publication.id, Err(error)),
        }
        let Publication { id, seq, data } = publication;
        self.on_checking(cx, seq, data.len() as u64);
        let source = BlockSource::Local { id };
        cx.check_block(None, BlockItem::new(&self.id, (seq, data), source));
    }

    /// Returns whether a block to publish is new, and so has to be verified; an error if it cannot be published now.
    fn check_publication(
        &self,
        cx: &ChannelCx<'_>,
        publication: &Publication,
    ) -> Result<bool, RequestError> {
        let (seq, bytes) = (publication.seq, publication.data.len());
        let limits = &cx.config.limits;
        let most = limits
            .max_envelope
            .saturating_sub(WRAPPING.saturating_add(limits.max_channel));
        RequestError::check_length("the block", bytes, most)?;
        let fresh = self.commit.check_room(seq, bytes)?;
        // The next number is exempt, as in the payload buffer. So a publisher that gets `Busy` knows that a lower
        // number will be committed in the meantime.
        let most = cx.config.state_transfer.max_publications.get();
        if fresh && cx.crypto.publishing() >= most && seq != self.height() {
            return Err(RequestError::Busy);
        }
        Ok(fresh)
    }

    /// A block has been verified. Publications of the same number waited for that.
    pub(super) fn on_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        block: Admitted<BlockItem>,
        publications: Vec<Publication>,
    ) {
        let BlockItem { seq, source, .. } = block.get();
        self.note_outside(cx, *seq, source);
        if let BlockSource::Local { id } = *source {
            self.on_own_block(cx, id, block);
        } else {
            self.on_peers_block(cx, block);
        }
        for publication in publications {
            self.publish(cx, publication);
        }
    }

    /// A peer has sent a block, requested or not.
    fn on_peers_block(&mut self, cx: &mut ChannelCx<'_>, block: Admitted<BlockItem>) {
        if !self.commit.runs() {
            return;
        }
        self.transfer.on_checked(cx, block.get().seq);
        let stored = self.commit.admit(cx, &block) == Insert::Stored;
        let asks = self.go_on(cx, None);
        if stored {
            self.pass_on(cx, block.into_inner());
        }
        self.send_state_requests(cx, asks);
    }

    /// A new block of a peer. Copies of a requested one may also have been pushed.
    fn pass_on(&mut self, cx: &mut ChannelCx<'_>, block: BlockItem) {
        let BlockItem {
            seq,
            data,
            source,
            message,
            mut holders,
            ..
        } = block;
        let Some(message) = message else {
            cx.deliver(&self.id, || block_message(&self.id, seq, data.clone()));
            self.pass_on_fetched(cx, seq, data);
            return;
        };
        cx.deliver(&self.id, || message.clone());
        if let BlockSource::Pushed { .. } = source {
            self.on_first_copy(cx, seq, &mut holders);
        }
        self.push_block(cx, seq, message, holders);
    }

    /// A publication is verified. If peers pushed it meanwhile, their copies are redundant.
    fn on_own_block(&mut self, cx: &mut ChannelCx<'_>, id: RequestId, block: Admitted<BlockItem>) {
        self.transfer.end_check(block.get().seq, None);
        let inserted = self.commit.admit(cx, &block);
        let asks = self.go_on(cx, None);
        match inserted {
            Insert::Stored => {
                let BlockItem {
                    seq, data, holders, ..
                } = block.into_inner();
                self.tree.on_published(seq, &cx.config.identity.peer);
                for peer in &holders {
                    self.on_redundant(cx, seq, peer);
                }
                let message = block_message(&self.id, seq, data);
                let sent = self.push_block(cx, seq, message, holders);
                self.answer_publication(cx, id, true, sent);
            }
            Insert::Known => self.answer_publication(cx, id, false, Vec::new()),
            Insert::Beyond => cx.answer(id, Err(self.commit.no_room())),
        }
        self.send_state_requests(cx, asks);
    }

    /// Answers the publisher of a block.
    fn answer_publication(
        &mut self,
        cx: &mut ChannelCx<'_>,
        id: RequestId,
        fresh: bool,
        sent: Vec<(PeerId, Sent)>,
    ) {
        let mut push = PushOutcome {
            off: !cx.config.push.is_on(),
            eligible: self.count_eligible(cx),
            ..PushOutcome::default()
        };
        for (peer, sent) in sent {
            push.sent.add(peer, sent);
        }
        cx.answer(id, Ok(Response::Published { fresh, push }));
    }

    /// A block does not verify, is rejected by the application, or could not be checked.
    pub(super) fn on_bad_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        seq: u64,
        source: &BlockSource,
        fault: BlockFault,
    ) {
        tracing::debug!(channel = %self.id, seq, ?source, ?fault, "block refused");
        if let BlockSource::Local { id } = source {
            cx.answer(*id, Err(publication_error(fault)));
        }
        match source {
            _ if fault == BlockFault::Ignored => {
                if self.commit.buffer().want(seq) == Want::Yes {
                    self.transfer.on_ignored(cx, seq);
                }
            }
            BlockSource::Transfer { from } if fault.is_innocent() => {
                self.transfer.end_check(seq, Some(from));
            }
            BlockSource::Transfer { from } => self.transfer.on_bad_block(cx, from, seq),
            BlockSource::Pulled { from } => {
                if !fault.is_innocent() {
                    self.pull.on_bad(cx.now, from.clone(), seq);
                }
                self.transfer.end_check(seq, None);
            }
            BlockSource::Local { .. } | BlockSource::Pushed { .. } => {
                self.transfer.end_check(seq, None);
            }
        }
        self.resume(cx);
    }

    /// The ledger has reported its height, or has stored a block.
    pub(super) fn on_committed(&mut self, cx: &mut ChannelCx<'_>, outcome: LedgerOutcome) {
        let progress = self.commit.on_ledger_done(cx, outcome);
        if progress.halted {
            self.transfer.stop(cx);
        }
        let asks = self.go_on(cx, None);
        match progress.started {
            Some(Ok(())) => self.on_joined(cx),
            Some(Err(error)) => self.end(RequestError::Ledger(error)),
            None => {}
        }
        if progress.moved {
            let height = self.height();
            self.own.set_height(cx, height);
            self.tell_subscribers(cx, height);
            self.announce_soon(cx);
        }
        self.send_state_requests(cx, asks);
    }
}

/// The channel of an input has ended. Answers the publications that waited for it.
pub(crate) fn refuse_input(cx: &mut Out<'_>, gone: &RequestError, input: ChannelInput) {
    if let ChannelInput::Block {
        block,
        publications,
    } = input
    {
        if let BlockSource::Local { id } = block.get().source {
            cx.answer(id, Err(gone.clone()));
        }
        for Publication { id, .. } in publications {
            cx.answer(id, Err(gone.clone()));
        }
    } else if let ChannelInput::BadBlock {
        source: BlockSource::Local { id },
        fault,
        ..
    } = input
    {
        cx.answer(id, Err(publication_error(fault)));
    }
}

fn publication_error(fault: BlockFault) -> RequestError {
    match fault {
        BlockFault::Unverified(CryptoError::Overloaded) => RequestError::Overloaded,
        BlockFault::Unverified(error) => RequestError::BadBlock(error),
        BlockFault::Rejected => RequestError::Rejected,
        BlockFault::Ignored => RequestError::Ignored,
    }
}
