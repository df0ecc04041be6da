//! Blocks along the branches of a channel's tree, heights along all other links.

use std::num::NonZeroU64;

use gossip_proto::{Branch, Content, GossipMessage, SignedMessage, Tag, Tree};

use super::offers::is_large;
use super::{Node, cx};
use crate::channel::{Channel, Places};
use crate::gate::{BlockSource, Sender};
use crate::link::{SendTo, Sent, TREE};
use crate::membership::Slot;
use crate::push::{Item, What};
use crate::timer::TimerKey;
use crate::{ChannelId, Class, PeerId};

/// A height waits for so long, so that a fast channel does not tell each one.
const ANNOUNCE_AFTER: std::time::Duration = std::time::Duration::from_millis(100);
/// The same while the tree grows.
const ANNOUNCE_SOON: std::time::Duration = std::time::Duration::from_millis(5);
/// As many peers are told a height at a time; all of them while the tree grows.
const ANNOUNCE_TO: usize = 3;

impl Node {
    /// Sends a block to the branches, and to as many others as the fan-out says if they have to be
    /// found first or do not know of branches. A large block that is not our own is rather offered to those with
    /// whom branches have to be found: they may have it. Returns what became of it for each.
    pub(super) fn push_block(
        &mut self,
        id: &ChannelId,
        seq: u64,
        message: SignedMessage,
        mut holders: Vec<PeerId>,
    ) -> Vec<(PeerId, Sent)> {
        let Some(channel) = self.channels.get(id) else {
            return Vec::new();
        };
        let tree = self.config.push.has_tree();
        let grow = tree && channel.tree.must_grow();
        let offer = grow && is_large(&message);
        // Nobody else has what we publish ourselves.
        let own = holders.is_empty();
        let grown = offer && own && self.grow_at_once(id, seq);
        let sow = grow && !grown && (own || !offer);
        let mut sent = self.feed_branches(id, seq, &message, &holders);
        let draw = !tree || sow || !self.plain.is_empty();
        let offers = offer || self.is_offering(id);
        if !draw && !offers {
            return sent;
        }
        holders.extend(sent.iter().map(|(peer, _)| peer.clone()));
        if draw {
            let what = What::Block {
                channel: id.clone(),
                sow,
            };
            let item = Item {
                what,
                message,
                holders,
            };
            let drawn = self.push_now(&item);
            holders = item.holders;
            self.on_sown(id, &drawn);
            sent.extend(drawn);
        }
        if offers {
            self.offer_block(id, seq, &holders, offer);
        }
        sent
    }

    /// A block had to be pushed at random: those drawn that understand it are branches from now on.
    fn on_sown(&mut self, id: &ChannelId, drawn: &[(PeerId, Sent)]) {
        let (links, tree) = (&self.links, self.config.push.has_tree());
        let understands = |peer: &PeerId| links.capabilities(peer) & TREE != 0;
        if let Some(channel) = self.channels.get_mut(id).filter(|_| tree) {
            let drawn = drawn.iter().map(|(peer, _)| peer);
            channel
                .tree
                .grow(drawn.filter(|peer| understands(peer)).cloned());
            // A random draw misses some, and they have no feeder yet that would bring it.
            channel.tree.hasten();
        }
    }

    /// Sends a block to the branches that may lack it and have a place for it. Returns what became of it for each.
    pub(super) fn feed_branches(
        &mut self,
        id: &ChannelId,
        seq: u64,
        message: &SignedMessage,
        holders: &[PeerId],
    ) -> Vec<(PeerId, Sent)> {
        let Some(channel) = self.channels.get(id) else {
            return Vec::new();
        };
        let links = &self.links;
        let lacks = |(peer, _): &(&PeerId, Places)| {
            !holders.contains(peer)
                && links.is_connected(peer)
                && channel.is_eligible(peer)
                && !channel.transfer.may_have(peer, seq)
        };
        let mut owed = Vec::new();
        let mut fed = Vec::new();
        for (peer, places) in channel.tree.places().filter(lacks) {
            if places.has(seq, || channel.transfer.claimed(peer)) {
                fed.push((peer.clone(), Sent::Queued));
            } else {
                owed.push(peer.clone());
            }
        }
        for (peer, sent) in &mut fed {
            let (to, message) = (SendTo::default(), message.clone());
            *sent = self
                .links
                .send(cx!(self), peer, &to, Class::Push, None, message);
            if matches!(sent, Sent::Dropped(_)) {
                owed.push(peer.clone());
            }
        }
        if !owed.is_empty() {
            self.owe(id, seq, &owed);
        }
        fed
    }

    /// Branches that a block was not sent to hear of it when they can ask for it.
    pub(super) fn owe(&mut self, id: &ChannelId, seq: u64, owed: &[PeerId]) {
        if let Some(channel) = self.channels.get_mut(id) {
            for peer in owed {
                channel.tree.owe(peer, seq);
            }
        }
        self.announce_soon(id);
    }

    /// A block has come by push, from these peers in this order. Adds who shall not get it back.
    pub(super) fn on_brought(&mut self, id: &ChannelId, seq: u64, by: &mut Vec<PeerId>) {
        let Some((first, late)) = by.split_first() else {
            return;
        };
        let knows = self.links.capabilities(first) & TREE != 0;
        self.replace_feeder(id, first);
        let source = self.channels.get_mut(id).and_then(|channel| {
            if knows {
                channel.tree.on_brought(seq, first)
            } else {
                channel.tree.on_outside();
                None
            }
        });
        self.find_quicker(id, seq, first);
        for peer in late {
            self.on_superfluous(id, seq, peer);
        }
        by.extend(source);
    }

    /// A block has come by push: if its sender was to be quicker than our feeder, it has been.
    fn replace_feeder(&mut self, id: &ChannelId, quicker: &PeerId) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if let Some(feeder) = channel.tree.take_replaced(quicker) {
            channel.tree.cut(self.now, &feeder);
            self.io.metrics.branches_pruned += 1;
            self.tell_branch(id, &feeder, Branch::Prune);
        }
    }

    /// A block has come by push. If it and those before it were late, a neighbour that had them before is asked
    /// for the next ones; our feeder goes on until those do come from there, and sooner.
    fn find_quicker(&mut self, id: &ChannelId, seq: u64, by: &PeerId) {
        let own_org = &self.config.identity.org;
        let (links, roster) = (&self.links, self.membership.roster());
        let tree = self.config.push.has_tree();
        let Some(channel) = self.channels.get_mut(id).filter(|_| tree) else {
            return;
        };
        if !channel.transfer.take_late() {
            return;
        }
        let quicker = |slot: &Slot| {
            slot.org.as_ref() == Some(own_org)
                && slot.peer != *by
                && channel.transfer.may_have(&slot.peer, seq)
                && channel.is_eligible(&slot.peer)
                && !channel.tree.is_branch(&slot.peer)
                && links.capabilities(&slot.peer) & TREE != 0
        };
        let mut drawn = roster.draw_linked(1, quicker, |slot| slot.peer.clone());
        drawn.retain(|peer| channel.tree.challenge(peer));
        for peer in drawn {
            self.io.metrics.branches_grafted += 1;
            self.tell_branch(id, &peer, Branch::Graft);
        }
    }

    /// A peer has pushed a block that we have.
    pub(super) fn on_superfluous(&mut self, id: &ChannelId, seq: u64, peer: &PeerId) {
        let now = self.now;
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.transfer.on_late_push(now, seq);
        if channel.tree.is_superfluous(now, seq, peer) && self.links.capabilities(peer) & TREE != 0
        {
            channel.tree.cut(now, peer);
            self.io.metrics.branches_pruned += 1;
            self.tell_branch(id, peer, Branch::Prune);
        }
    }

    /// A block of a channel has been verified: if it is a new one that did not come from a peer that could be
    /// a branch, others may get the next ones from us although nobody feeds us.
    pub(super) fn note_outside(&mut self, id: &ChannelId, seq: u64, source: &BlockSource) {
        let outside = match source {
            BlockSource::Transfer { from } => !self.is_able(from),
            BlockSource::Pulled { .. } => true,
            BlockSource::Local { .. } | BlockSource::Pushed { .. } => false,
        };
        if outside
            && let Some(channel) = self.channels.get_mut(id)
            && channel.transfer.is_recent(&self.config, self.now, seq)
        {
            channel.tree.on_outside();
        }
    }

    /// Can the peer be a branch?
    fn is_able(&self, peer: &PeerId) -> bool {
        let org = self.identities.org_of(peer.as_bytes());
        self.config.push.has_tree()
            && self.links.capabilities(peer) & TREE != 0
            && org.is_some_and(|org| self.identities.is_own_org(org))
    }

    /// Asks a peer for blocks as they come, if it can send them.
    pub(super) fn graft(&mut self, id: &ChannelId, peer: &PeerId) {
        let able = self.is_able(peer);
        let Some(channel) = self.channels.get_mut(id).filter(|_| able) else {
            return;
        };
        if channel.tree.ask(peer) {
            self.io.metrics.branches_grafted += 1;
            self.tell_branch(id, peer, Branch::Graft);
        }
    }

    /// Asks a neighbour that offered us a block for the next ones, if nobody else is going to bring them.
    fn use_spare(&mut self, id: &ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if let Some(spare) = channel.tree.take_spare() {
            self.graft(id, &spare);
        }
    }

    /// A neighbour tells its height. If that is not behind and nobody feeds us, it shall.
    fn find_feeder(&mut self, id: &ChannelId, height: u64, peer: &PeerId) {
        let channel = self.channels.get(id);
        let wanted = |channel: &Channel| {
            channel.tree.is_unfed()
                && !channel.tree.is_branch(peer)
                && height > 0
                && height >= channel.transfer.height()
        };
        if channel.is_some_and(wanted) {
            self.graft(id, peer);
        }
    }

    /// What a neighbour tells of its height, and wants.
    pub(super) fn on_tree(&mut self, sender: &Sender, id: &ChannelId, tree: Tree) {
        let now = self.now;
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if !self.config.push.has_tree() || !channel.is_eligible(&sender.peer) {
            return;
        }
        let asked = tree.branch;
        let granted = asked.map(|branch| channel.tree.on_asked(now, &sender.peer, branch));
        if let Some(limit) = tree.limit {
            let height = tree.ledger_height;
            channel.tree.on_limit(&sender.peer, height, limit.get());
        }
        let height = channel.transfer.height();
        let tell_now = tree.tell_at.is_some_and(|at| at.get() <= height);
        if let Some(at) = tree.tell_at.filter(|_| !tell_now) {
            channel.tree.wish(&sender.peer, at.get());
        }
        match asked {
            Some(Branch::Graft) if granted == Some(false) => {
                self.tell_branch(id, &sender.peer, Branch::Prune);
            }
            Some(Branch::Prune) => self.use_spare(id),
            Some(Branch::Graft) | None => {}
        }
        if let Some(last) = tree.ledger_height.checked_sub(1) {
            self.on_holder(id, last, &sender.peer);
        }
        if asked.is_none() {
            self.find_feeder(id, tree.ledger_height, &sender.peer);
        }
        if let Some(count) = tree.offer {
            self.on_offer(id, count.get() - 1, &sender.peer);
        }
        if tell_now {
            self.tell_tree(id, &sender.peer, Tree::default());
        }
    }

    /// Our ledger has grown: whoever wished to know of this height is told at once, and whoever feeds us from
    /// time to time.
    pub(super) fn grant_wishes(&mut self, id: &ChannelId, height: u64) {
        let window = self.config.state_transfer.window.get() as u64;
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let limit = channel.transfer.limit();
        if let Some(feeder) = channel.tree.feeder_to_tell(limit, window).cloned() {
            self.tell_tree(id, &feeder, Tree::default());
        }
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        for peer in channel.tree.granted(height) {
            self.tell_tree(id, &peer, Tree::default());
        }
    }

    /// Our height has changed: whoever gets no blocks from us shall hear of it.
    pub(super) fn announce_soon(&mut self, id: &ChannelId) {
        if self.config.push.has_tree()
            && let Some(channel) = self.channels.get_mut(id)
            && channel.tree.announces()
        {
            let delay = if channel.tree.is_hasty() {
                ANNOUNCE_SOON
            } else {
                ANNOUNCE_AFTER
            };
            let key = TimerKey::Announce(id.clone());
            self.io.timers.set_earlier(key, self.now + delay);
        }
    }

    /// Tells a few neighbours our height, and goes on later if there are more.
    pub(super) fn announce(&mut self, id: &ChannelId) {
        let Some(channel) = self.channels.get(id) else {
            return;
        };
        let (links, own_org) = (&self.links, &self.config.identity.org);
        let height = channel.transfer.height();
        let unaware = |slot: &Slot| {
            slot.org.as_ref() == Some(own_org)
                && channel.tree.is_untold(&slot.peer, height)
                && channel.is_eligible(&slot.peer)
                && !channel
                    .transfer
                    .may_have(&slot.peer, height.saturating_sub(1))
                && links.capabilities(&slot.peer) & TREE != 0
        };
        let roster = self.membership.roster();
        let count = if channel.tree.is_hasty() {
            usize::MAX
        } else {
            ANNOUNCE_TO
        };
        let told = roster.draw_linked(count, unaware, |slot| slot.peer.clone());
        for peer in &told {
            self.tell_tree(id, peer, Tree::default());
        }
        if let Some(channel) = self.channels.get_mut(id) {
            channel.tree.on_announced();
        }
        if told.len() == ANNOUNCE_TO {
            self.announce_soon(id);
        }
    }

    /// The link to a peer is gone: if it brought our blocks, another one shall.
    pub(super) fn regrow_trees(&mut self, gone: &PeerId) {
        let own_org = self.config.identity.org.clone();
        for id in self.channels.ids() {
            let Some(channel) = self.channels.get_mut(&id) else {
                continue;
            };
            if !channel.tree.forget(gone) {
                continue;
            }
            let able = |slot: &Slot| {
                slot.org.as_ref() == Some(&own_org)
                    && slot.peer != *gone
                    && channel.is_eligible(&slot.peer)
                    && !channel.tree.is_branch(&slot.peer)
            };
            let roster = self.membership.roster();
            let drawn = roster.draw_linked(1, able, |slot| slot.peer.clone());
            for peer in drawn {
                self.graft(&id, &peer);
            }
        }
    }

    pub(super) fn tell_branch(&mut self, id: &ChannelId, peer: &PeerId, branch: Branch) {
        let tree = Tree {
            branch: Some(branch),
            ..Tree::default()
        };
        self.tell_tree(id, peer, tree);
    }

    /// Tells a peer that understands it what we want, with our height.
    pub(super) fn tell_tree(&mut self, id: &ChannelId, peer: &PeerId, wish: Tree) {
        self.tell_tree_to(id, std::slice::from_ref(peer), wish);
    }

    /// The same to several.
    pub(super) fn tell_tree_to(&mut self, id: &ChannelId, peers: &[PeerId], wish: Tree) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let (ledger_height, limit) = (channel.transfer.height(), channel.transfer.limit());
        for peer in peers {
            channel.tree.on_told(peer, ledger_height, limit);
        }
        let tree = Tree {
            ledger_height,
            limit: NonZeroU64::new(limit),
            ..wish
        };
        let message = SignedMessage::unsigned(GossipMessage {
            nonce: 0,
            channel: bytes::Bytes::copy_from_slice(id.as_str().as_bytes()),
            tag: Tag::ChanAndOrg,
            content: Content::Tree(tree),
        });
        let to = SendTo::default();
        for peer in peers {
            let message = message.clone();
            self.links
                .send(cx!(self), peer, &to, Class::Control, None, message);
        }
    }
}
