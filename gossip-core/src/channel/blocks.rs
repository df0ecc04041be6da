//! A channel's blocks: from the gate to the ledger and on to peers.

use bytes::Bytes;
use gossip_proto::SignedMessage;

use super::commit::{Placed, Want};
use super::{Channel, ChannelCx};
use crate::compose::block_message;
use crate::cx::Cx;
use crate::gate::admitted::{
    Admitted, BlockFault, BlockItem, BlockSource, ChannelInput, Publication,
};
use crate::out::Out;
use crate::peers::link::Sent;
use crate::{
    BlockOrigin, CryptoError, LedgerOutcome, PeerId, PushOutcome, RequestError, RequestId, Response,
};

/// More than what lengths, tags and numbers add to a block in a message that carries it, in bytes.
const WRAPPING: usize = 128;

impl Channel {
    /// The application hands over a block: it is verified, unless it is known.
    pub(crate) fn publish(&mut self, cx: &mut ChannelCx<'_>, publication: Publication) {
        if self.own.has_left() {
            let error = RequestError::UnknownChannel(self.id.clone());
            cx.answer(publication.id, Err(error));
            return;
        }
        match self.check_publication(cx, &publication) {
            Ok(true) => {}
            Ok(false) => return self.on_publication(cx, publication, None),
            Err(error) => return cx.answer(publication.id, Err(error)),
        }
        let Publication { id, seq, data } = publication;
        self.on_checking(cx, seq, data.len() as u64);
        let block = BlockItem {
            channel: self.id.clone(),
            seq,
            data,
            source: BlockSource::Local { id },
            message: None,
            holders: Vec::new(),
        };
        let Cx { out, crypto } = &mut cx.cx;
        crypto.check_block(out, None, block);
    }

    /// May a block be published now? Tells whether it is new, and so to be verified.
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
        // The next number is exempt, as in the payload buffer: a publisher that is told to come back later then knows
        // that a lower number will be committed meanwhile.
        let most = cx.config.state_transfer.max_publications.get();
        if fresh && cx.crypto.publishing() >= most && seq != self.height() {
            return Err(RequestError::Busy);
        }
        Ok(fresh)
    }

    /// A block has been verified, and publications of the same number waited for that.
    pub(super) fn on_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        block: Admitted<BlockItem>,
        publications: Vec<Publication>,
    ) {
        let BlockItem {
            seq,
            data,
            source,
            message,
            holders,
            ..
        } = block.into_inner();
        self.note_outside(cx, seq, &source);
        // Copies of a block asked for may have come by push as well: then it is passed on.
        let pushed = message.map(|message| (message, holders));
        let block = (seq, data);
        match source {
            BlockSource::Local { id } => {
                let (seq, data) = block;
                self.on_publication(cx, Publication { id, seq, data }, pushed);
            }
            BlockSource::Pushed { .. } => {
                self.on_peers_block(cx, block, BlockOrigin::Push, pushed);
            }
            BlockSource::Transfer { .. } => {
                self.on_peers_block(cx, block, BlockOrigin::StateTransfer, pushed);
            }
            BlockSource::Pulled { .. } => {
                self.on_peers_block(cx, block, BlockOrigin::Pull, pushed);
            }
        }
        for publication in publications {
            self.publish(cx, publication);
        }
    }

    /// A peer has sent a block, asked for or not.
    fn on_peers_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        (seq, data): (u64, Bytes),
        origin: BlockOrigin,
        pushed: Option<(SignedMessage, Vec<PeerId>)>,
    ) {
        if !self.commit.runs() {
            return;
        }
        self.transfer.on_checked(cx, seq);
        let stored = self.commit.admit(cx, seq, data.clone(), origin);
        let asks = self.go_on(cx, None);
        match pushed {
            _ if !stored => {}
            Some((message, mut holders)) => {
                cx.deliver(&self.id, || message.clone());
                if origin == BlockOrigin::Push {
                    self.on_first_copy(cx, seq, &mut holders);
                }
                self.push_block(cx, seq, message, holders);
            }
            None => {
                cx.deliver(&self.id, || block_message(&self.id, seq, data.clone()));
                self.pass_on_fetched(cx, seq, data);
            }
        }
        self.send_state_requests(cx, asks);
    }

    /// A publication is verified or known; peers may have pushed it meanwhile.
    fn on_publication(
        &mut self,
        cx: &mut ChannelCx<'_>,
        publication: Publication,
        pushed: Option<(SignedMessage, Vec<PeerId>)>,
    ) {
        self.transfer.on_unasked_checked(publication.seq);
        let placed = self.commit.publish(cx, publication);
        let asks = self.go_on(cx, None);
        if let Some(placed) = placed {
            self.on_placed(cx, placed, pushed);
        }
        self.send_state_requests(cx, asks);
    }

    /// A publication has its place, or is known: it is passed on and answered.
    fn on_placed(
        &mut self,
        cx: &mut ChannelCx<'_>,
        placed: Placed,
        pushed: Option<(SignedMessage, Vec<PeerId>)>,
    ) {
        let Placed { id, block } = placed;
        let Some((seq, data)) = block else {
            self.answer_publication(cx, id, false, Vec::new());
            return;
        };
        let holders = pushed.map(|(_, holders)| holders).unwrap_or_default();
        self.tree.on_published(seq, &cx.config.identity.peer);
        for peer in &holders {
            self.on_redundant(cx, seq, peer);
        }
        let message = block_message(&self.id, seq, data);
        let sent = self.push_block(cx, seq, message, holders);
        self.answer_publication(cx, id, true, sent);
    }

    /// Tells the publisher what became of its block.
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

    /// A block does not verify, is turned away by the application, or could not be checked.
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
                self.transfer.on_unchecked_block(from, seq);
            }
            BlockSource::Transfer { from } => self.transfer.on_bad_block(cx, from, seq),
            BlockSource::Pulled { from } => {
                if !fault.is_innocent() {
                    self.pull.on_bad(cx.now, from.clone(), seq);
                }
                self.transfer.on_unasked_checked(seq);
            }
            BlockSource::Local { .. } | BlockSource::Pushed { .. } => {
                self.transfer.on_unasked_checked(seq);
            }
        }
        self.resume(cx);
    }

    /// The ledger has answered: it tells its height, or has stored a block.
    pub(super) fn on_committed(&mut self, cx: &mut ChannelCx<'_>, outcome: LedgerOutcome) {
        let progress = self.commit.on_ledger_done(cx, outcome);
        if progress.halted {
            self.transfer.stop(cx, &self.id);
        }
        let asks = self.go_on(cx, None);
        match progress.started {
            Some(Ok(())) => self.on_joined(cx),
            Some(Err(error)) => self.end(RequestError::Ledger(error)),
            None => {}
        }
        if progress.moved {
            let height = self.height();
            self.own.set_height(cx, &self.id, height);
            self.tell_subscribers(cx, height);
            self.announce_soon(cx);
        }
        self.send_state_requests(cx, asks);
    }
}

/// The channel of an input is gone: publications that waited for it are answered.
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
        BlockFault::Unverified(CryptoError::Overloaded) => RequestError::Busy,
        BlockFault::Unverified(error) => RequestError::BadBlock(error),
        BlockFault::Rejected => RequestError::Rejected,
        BlockFault::Ignored => RequestError::Ignored,
    }
}
