//! Large blocks while a channel's tree grows: they are offered to a few neighbours, each of which asks the first
//! one that offers it, and gets the next ones unasked.

use std::num::NonZeroU64;

use bytes::Bytes;
use gossip_proto::{Branch, Content, SignedMessage, Tree};

use super::{Node, cx};
use crate::gate::block_message;
use crate::link::TREE;
use crate::membership::Slot;
use crate::{ChannelId, PeerId};

/// Blocks of so many bytes are not sent to one who may have them from elsewhere: an announcement and a request
/// first cost less than a copy too many.
const LARGE: usize = 16 * 1024;

/// Is this a block that is rather offered than sent?
pub(super) fn is_large(message: &SignedMessage) -> bool {
    matches!(&message.message().content, Content::Data(block) if block.data.len() >= LARGE)
}

impl Node {
    /// Is anybody in the channel to be offered blocks?
    pub(super) fn is_offering(&self, id: &ChannelId) -> bool {
        let channel = self.channels.get(id);
        channel.is_some_and(|channel| channel.tree.is_offering())
    }

    /// Makes as many neighbours branches as there may be: a block of our own that nobody else has goes to all
    /// of them at once. Returns whether there were any.
    pub(super) fn grow_at_once(&mut self, id: &ChannelId, seq: u64) -> bool {
        let drawn = self.draw_untried(id, seq, &[]);
        let Some(channel) = self.channels.get_mut(id).filter(|_| !drawn.is_empty()) else {
            return false;
        };
        channel.tree.grow(drawn);
        true
    }

    /// Offers a block to those who are to be offered blocks, and may lack it. If the tree is to `grow`, to as
    /// many more as it has room for.
    pub(super) fn offer_block(&mut self, id: &ChannelId, seq: u64, holders: &[PeerId], grow: bool) {
        let drawn = if grow {
            self.draw_untried(id, seq, holders)
        } else {
            Vec::new()
        };
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if grow {
            channel.tree.offer(drawn);
            // Not everybody is offered it.
            channel.tree.hasten();
        }
        let lacks = |peer: &&PeerId| {
            channel.is_eligible(peer)
                && !holders.contains(peer)
                && !channel.transfer.may_have(peer, seq)
        };
        let offered: Vec<_> = channel.tree.offered().filter(lacks).cloned().collect();
        let offer = Tree {
            offer: NonZeroU64::new(seq.saturating_add(1)),
            ..Tree::default()
        };
        self.tell_tree_to(id, &offered, offer);
    }

    /// Neighbours that may lack a block and become branches, as many as there is room for.
    fn draw_untried(&mut self, id: &ChannelId, seq: u64, holders: &[PeerId]) -> Vec<PeerId> {
        let Some(channel) = self.channels.get(id) else {
            return Vec::new();
        };
        let (links, own_org) = (&self.links, &self.config.identity.org);
        let open = |slot: &Slot| {
            slot.org.as_ref() == Some(own_org)
                && links.capabilities(&slot.peer) & TREE != 0
                && channel.tree.is_untried(&slot.peer)
                && channel.is_eligible(&slot.peer)
                && !holders.contains(&slot.peer)
                && !channel.transfer.may_have(&slot.peer, seq)
        };
        let roster = self.membership.roster();
        roster.draw_linked(channel.tree.room(), open, |slot| slot.peer.clone())
    }

    /// A block has come that we asked for: whoever waits for us lacks it too, for the same reason.
    pub(super) fn pass_on_fetched(&mut self, id: &ChannelId, seq: u64, data: Bytes) {
        let Some(channel) = self
            .channels
            .get(id)
            .filter(|_| self.config.push.has_tree())
        else {
            return;
        };
        if !channel.transfer.is_recent(&self.config, self.now, seq) {
            // We are catching up, and so are they, by requests of their own.
            let branches: Vec<_> = channel.tree.branches().cloned().collect();
            if !branches.is_empty() {
                self.owe(id, seq, &branches);
            }
            return;
        }
        let grow = channel.tree.must_grow() && data.len() >= LARGE;
        let message = block_message(id, seq, data);
        let fed = self.feed_branches(id, seq, &message, &[]);
        let fed: Vec<_> = fed.into_iter().map(|(peer, _)| peer).collect();
        self.offer_block(id, seq, &fed, grow);
    }

    /// A neighbour offers a block. Who offers one that we have or get from another is told that we are fed.
    pub(super) fn on_offer(&mut self, id: &ChannelId, seq: u64, peer: &PeerId) {
        self.on_holder(id, seq, peer);
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if !channel.transfer.is_provided(&self.config, self.now, seq) {
            let effects = channel.transfer.on_offer(cx!(self), peer, seq);
            self.on_transfer_effects(id, effects);
        } else if channel.tree.is_branch(peer) {
            // It does not know yet.
        } else if channel.tree.is_unfed() {
            self.graft(id, peer);
        } else {
            channel.tree.cut(self.now, peer);
            if channel.transfer.is_coming(&self.config, self.now, seq) {
                channel.tree.spare(peer);
            }
            self.tell_branch(id, peer, Branch::Prune);
        }
    }
}
