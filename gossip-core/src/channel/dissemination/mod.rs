//! How blocks spread in a channel: pushed along a tree, offered if they are large, fetched by peers that missed them.

mod coverage;
mod heights;
mod offers;
mod parents;
mod pull;
#[cfg(test)]
mod tests;
mod tree;
mod waits;

use gossip_proto::{Branch, SignedMessage};

use self::offers::is_large;
pub(super) use self::pull::BlockPull;
pub(super) use self::tree::Tree;
pub(super) use self::waits::Waits;
use super::{Channel, ChannelCx};
use crate::peers::link::{Links, Sent, TREE};
use crate::peers::membership::AliveMember;
use crate::peers::outbox::Frame;
use crate::{Class, PeerId};

impl Channel {
    /// Sends a block to the eager peers. If the tree has to be seeded, or if there are legacy peers, also sends it to
    /// random peers, as many as the fan-out. A large block of another publisher is offered rather than used to seed the
    /// tree, as other peers may have it. Returns the result for each peer.
    pub(super) fn push_block(
        &mut self,
        cx: &mut ChannelCx<'_>,
        seq: u64,
        message: SignedMessage,
        mut holders: Vec<PeerId>,
    ) -> Vec<(PeerId, Sent)> {
        let tree = cx.config.push.has_tree();
        let seeds = tree && self.tree.must_seed();
        let offers = seeds && is_large(&message);
        // No other peer has a block that we publish.
        let own = holders.is_empty();
        let grown = offers && own && self.add_eager_peers(cx, seq);
        let seeds = seeds && !grown && (own || !offers);
        let mut sent = self.push_to_eager(cx, seq, &message, &holders);
        let draws = !tree || seeds || cx.peers.has_legacy();
        let offered = offers || self.tree.is_offering();
        if !draws && !offered {
            return sent;
        }
        holders.extend(sent.iter().map(|(peer, _)| peer.clone()));
        if draws {
            let drawn = self.push_at_random(cx, &message, &holders, seeds);
            if tree {
                self.on_seeded(cx, &drawn);
            }
            sent.extend(drawn);
        }
        if offered {
            self.offer_block(cx, seq, &holders, offers);
        }
        sent
    }

    /// Sends a block to random participants of our organisation: to legacy peers, and if the tree is to be seeded, to
    /// others too.
    fn push_at_random(
        &self,
        cx: &mut ChannelCx<'_>,
        message: &SignedMessage,
        holders: &[PeerId],
        seeds: bool,
    ) -> Vec<(PeerId, Sent)> {
        let own_org = &cx.cx.config.identity.org;
        let tree = cx.config.push.has_tree();
        let open = |peer: &PeerId, links: &Links| {
            let understands = tree && links.capabilities(peer) & TREE != 0;
            !understands || seeds && self.tree.is_untried(peer)
        };
        let accept = |member: &AliveMember, links: &Links| {
            member.org.as_ref() == Some(own_org)
                && self.is_participant(&member.peer)
                && !holders.contains(&member.peer)
                && open(&member.peer, links)
        };
        let targets = cx.peers.draw_targets(cx.cx.config, true, accept);
        cx.peers
            .push(&mut cx.cx, targets, (Class::Push, None), message)
    }

    /// A block was pushed at random. The drawn peers that understand trees become eager.
    fn on_seeded(&mut self, cx: &ChannelCx<'_>, drawn: &[(PeerId, Sent)]) {
        let drawn = drawn.iter().map(|(peer, _)| peer);
        let able = drawn.filter(|peer| cx.peers.supports(peer, TREE));
        self.tree.add_eager(able.cloned());
        // A random draw misses some peers, which have no parent yet that would send them the block.
        self.tree.make_urgent();
    }

    /// Sends a block to the eager peers that may lack it and have room for it. Returns the result for each.
    fn push_to_eager(
        &mut self,
        cx: &mut ChannelCx<'_>,
        seq: u64,
        message: &SignedMessage,
        holders: &[PeerId],
    ) -> Vec<(PeerId, Sent)> {
        let mut missed = Vec::new();
        let mut sent = Vec::new();
        for (peer, window) in self.tree.eager_windows() {
            if holders.contains(peer)
                || !cx.peers.links.is_connected(peer)
                || !self.is_participant(peer)
                || self.transfer.may_have(peer, seq)
            {
                continue;
            }
            if window.admits(seq, || self.transfer.claimed(peer)) {
                sent.push((peer.clone(), Sent::Queued));
            } else {
                missed.push(peer.clone());
            }
        }
        for (peer, sent) in &mut sent {
            *sent = cx.send_linked(peer, Frame::push(message.clone()));
            if matches!(sent, Sent::Dropped(_)) {
                missed.push(peer.clone());
            }
        }
        if !missed.is_empty() {
            self.on_missed(cx, seq, &missed);
        }
        sent
    }

    /// Announces the height to eager peers that missed a block as soon as they can request it.
    fn on_missed(&mut self, cx: &mut ChannelCx<'_>, seq: u64, missed: &[PeerId]) {
        for peer in missed {
            self.tree.miss(peer, seq);
        }
        self.announce_soon(cx);
    }

    /// A peer has pushed a block that we have.
    pub(super) fn on_redundant(&mut self, cx: &mut ChannelCx<'_>, seq: u64, peer: &PeerId) {
        let now = cx.now;
        self.transfer.on_late_push(now, seq);
        if self.tree.is_redundant(now, seq, peer) && cx.peers.supports(peer, TREE) {
            self.prune(cx, peer);
        }
    }

    /// Makes a peer lazy, and sends it a prune.
    fn prune(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        self.tree.make_lazy(cx.now, peer);
        cx.metrics().prunes_sent += 1;
        self.tell_branch(cx, peer, Branch::Prune);
    }
}
