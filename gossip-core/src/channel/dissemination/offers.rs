//! Large blocks while the tree is seeded. They are offered to a few peers; each requests the block from the first peer
//! that offers it, and gets the next blocks unasked.

use std::num::NonZeroU64;

use bytes::Bytes;
use gossip_proto::{Branch, Content, SignedMessage, Tree};

use crate::PeerId;
use crate::channel::{Channel, ChannelCx};
use crate::compose::block_message;
use crate::peers::link::TREE;

/// In bytes. A block of this size is offered to a peer that may get it from another one: an announcement and a request
/// cost less than a redundant copy.
const LARGE: usize = 16 * 1024;

/// Returns whether a block is offered rather than sent.
pub(super) fn is_large(message: &SignedMessage) -> bool {
    matches!(message.content(), Content::Data(block) if block.data.len() >= LARGE)
}

impl Channel {
    /// Makes as many peers eager as there is room for. A block of our own is sent to all of them at once, as no other
    /// peer has it. Returns whether there are any.
    pub(super) fn add_eager_peers(&mut self, cx: &mut ChannelCx<'_>, seq: u64) -> bool {
        let drawn = self.draw_untried(cx, seq, &[]);
        let found = !drawn.is_empty();
        if found {
            self.tree.add_eager(drawn);
        }
        found
    }

    /// Offers a block to the peers on the offer list that may lack it. If the tree is being seeded, also to as many
    /// others as there is room for.
    pub(super) fn offer_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        seq: u64,
        holders: &[PeerId],
        seeds: bool,
    ) {
        if seeds {
            let drawn = self.draw_untried(cx, seq, holders);
            self.tree.offer(drawn);
            // Some peers get no offer.
            self.tree.make_urgent();
        }
        let lacks = |peer: &&PeerId| {
            self.is_participant(peer)
                && !holders.contains(peer)
                && !self.transfer.may_have(peer, seq)
        };
        let offered: Vec<_> = self.tree.offered().filter(lacks).cloned().collect();
        let offer = Tree {
            offer: NonZeroU64::new(seq.saturating_add(1)),
            ..Tree::default()
        };
        self.tell_tree_to(cx, &offered, offer);
    }

    /// Peers that may lack a block and may become eager, as many as there is room for.
    fn draw_untried(&self, cx: &mut ChannelCx<'_>, seq: u64, holders: &[PeerId]) -> Vec<PeerId> {
        cx.draw_ours_linked(self.tree.room(), TREE, |peer| {
            self.tree.is_untried(peer)
                && self.is_participant(peer)
                && !holders.contains(peer)
                && !self.transfer.may_have(peer, seq)
        })
    }

    /// A requested block has arrived. The peers that we are the parent of lack it too, for the same reason.
    pub(crate) fn pass_on_fetched(&mut self, cx: &mut ChannelCx<'_>, seq: u64, data: Bytes) {
        if !cx.config.push.has_tree() {
            return;
        }
        if !self.is_recent(cx, seq) {
            // We are catching up, and so are they, by their own requests.
            let eager: Vec<_> = self.tree.eager().cloned().collect();
            if !eager.is_empty() {
                self.on_missed(cx, seq, &eager);
            }
            return;
        }
        let seeds = self.tree.must_seed() && data.len() >= LARGE;
        let message = block_message(&self.id, seq, data);
        let sent = self.push_to_eager(cx, seq, &message, &[]);
        let sent: Vec<_> = sent.into_iter().map(|(peer, _)| peer).collect();
        self.offer_block(cx, seq, &sent, seeds);
    }

    /// A peer offers a block. If we have it or another peer sends it, the offering peer is pruned.
    pub(super) fn on_offer(&mut self, cx: &mut ChannelCx<'_>, seq: u64, peer: &PeerId) {
        self.on_holder(cx, seq, peer);
        let coming = self.is_coming(cx, seq);
        if !coming && !self.commit.has(seq) {
            self.ask_for_offered(cx, peer, seq);
        } else if self.tree.is_eager(peer) {
            // The peer does not know yet that we have it.
        } else if self.tree.lacks_parent() {
            self.graft(cx, peer);
        } else {
            self.tree.make_lazy(cx.now, peer);
            if coming {
                self.tree.add_backup(peer);
            }
            self.tell_branch(cx, peer, Branch::Prune);
        }
    }
}
