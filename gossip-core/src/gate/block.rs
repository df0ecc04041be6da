//! Blocks, pushed, published, and sent on request.

use gossip_proto::{Payload, SignedMessage};

use super::admitted::{
    Admitted, BlockFault, BlockItem, BlockSource, ChannelInput, Inbound, Key, Publication, Sender,
};
use super::rules::inside_channel_of;
use super::verdict::{count, verified};
use super::{Gate, GateCx};
use crate::channel::Want;
use crate::compose::block_message;
use crate::crypto::copies::Copies;
use crate::cx::Cx;
use crate::{ChannelId, CryptoError, CryptoOutcome, PeerId, Ticket, Verdict};

impl Gate {
    /// The application has validated a block.
    pub(crate) fn on_validated(&mut self, cx: &mut Cx<'_>, ticket: Ticket, verdict: Verdict) {
        if let Some(copies) = cx.crypto.validations.finish(ticket) {
            conclude_validation(cx, copies, verdict);
        }
    }

    /// Ignores the blocks whose validation is overdue.
    pub(crate) fn fire_validations(&mut self, cx: &mut Cx<'_>) {
        while let Some(copies) = cx.crypto.validations.pop_overdue(&mut cx.out) {
            cx.metrics().validations_lost += 1;
            conclude_validation(cx, copies, Verdict::Ignore);
        }
    }

    /// A peer pushed a block. Only peers of our own organisation may; others send blocks on request.
    pub(super) fn pushed_block(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        message: &SignedMessage,
        payload: &Payload,
    ) {
        let Some(id) = inside_channel_of(cx, &sender, message.message()) else {
            return;
        };
        let Some(channel) = cx.channels.get(&id) else {
            return;
        };
        let (seq, bytes) = (payload.seq_num, payload.data.len() as u64);
        let want = channel.wants_pushed(cx, seq);
        let mut tell = |input| cx.raise(Inbound::Channel(id.clone(), input));
        if want == Want::Yes {
            tell(ChannelInput::Checking { seq, bytes });
        }
        if seq >= channel.height() {
            let peer = sender.peer.clone();
            tell(ChannelInput::Holder { seq, peer });
        }
        match want {
            Want::Yes => {
                let block = pushed_item(id, sender.peer, message, payload);
                cx.check_block(Some(sender.link), block);
            }
            Want::Known => {
                let peer = sender.peer;
                tell(ChannelInput::Redundant { seq, peer });
            }
            Want::Beyond => {}
        }
    }
}

pub(super) fn conclude_block(cx: &mut Cx<'_>, copies: Copies<BlockItem>, outcome: CryptoOutcome) {
    if let Err(error) = verified(outcome) {
        count(cx, &Err::<(), _>(error));
        if error != CryptoError::Overloaded {
            cx.metrics().blocks_bad += 1;
        }
        refuse_copies(cx, copies, BlockFault::Unverified(error));
        return;
    }
    let validations = &mut cx.crypto.validations;
    if !validations.is_on(&copies.first.item.channel) {
        admit_block(cx, copies);
    } else if let Some(copies) = validations.start(&mut cx.out, copies) {
        cx.metrics().blocks_ignored += 1;
        refuse_copies(cx, copies, BlockFault::Ignored);
    }
}

fn conclude_validation(cx: &mut Cx<'_>, copies: Copies<BlockItem>, verdict: Verdict) {
    let fault = match verdict {
        Verdict::Accept => {
            admit_block(cx, copies);
            return;
        }
        Verdict::Ignore => {
            cx.metrics().blocks_ignored += 1;
            BlockFault::Ignored
        }
        Verdict::Reject => {
            cx.metrics().blocks_rejected += 1;
            BlockFault::Rejected
        }
    };
    refuse_copies(cx, copies, fault);
}

/// Admits a block, with the publications of the same number that awaited its verdict.
fn admit_block(cx: &mut Cx<'_>, copies: Copies<BlockItem>) {
    let mut publications = Vec::new();
    let (block, others) = copies.into_items();
    cx.crypto.on_block_verdict(&block);
    for copy in others {
        cx.crypto.on_block_verdict(&copy);
        cx.metrics().duplicates += 1;
        if let BlockSource::Local { id } = copy.source {
            let (seq, data) = (copy.seq, copy.data);
            publications.push(Publication { id, seq, data });
        }
    }
    let channel = block.channel.clone();
    let block = Admitted::new(block);
    let input = ChannelInput::Block {
        block,
        publications,
    };
    cx.raise(Inbound::Channel(channel, input));
}

/// Refuses a block and its equal copies. The next different copy is checked.
fn refuse_copies(cx: &mut Cx<'_>, copies: Copies<BlockItem>, fault: BlockFault) {
    let (first, mut rest) = copies.rest();
    let data = first.item.data.clone();
    refuse(cx, first.item, fault);
    // Another copy may be the genuine one.
    while let Some(copies) = rest {
        let next = &copies.first.item;
        if next.data != data {
            let key = Key::Block(next.channel.clone(), next.seq);
            cx.start_check(None, key, copies);
            return;
        }
        let (same, others) = copies.rest();
        refuse(cx, same.item, fault);
        rest = others;
    }
}

fn refuse(cx: &mut Cx<'_>, block: BlockItem, fault: BlockFault) {
    cx.crypto.on_block_verdict(&block);
    let input = ChannelInput::BadBlock {
        seq: block.seq,
        source: block.source,
        fault,
    };
    cx.raise(Inbound::Channel(block.channel, input));
}

fn pushed_item(
    channel: ChannelId,
    from: PeerId,
    message: &SignedMessage,
    payload: &Payload,
) -> BlockItem {
    let (seq, data) = (payload.seq_num, &payload.data);
    // The orderers' signatures cover only the block, so nothing else is forwarded.
    let bare = message.is_bare() && message.message().nonce == 0;
    let clean = if bare && payload.private_data.is_empty() {
        message.clone()
    } else {
        block_message(&channel, seq, data.clone())
    };
    let holders = vec![from.clone()];
    let source = BlockSource::Pushed { from };
    BlockItem {
        message: Some(clean),
        holders,
        ..BlockItem::new(&channel, (seq, data.clone()), source)
    }
}
