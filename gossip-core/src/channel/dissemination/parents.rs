//! The parent: the peer that our blocks come from. It is replaced by a quicker peer, and when its link ends.

use gossip_proto::Branch;

use crate::PeerId;
use crate::channel::{Channel, ChannelCx};
use crate::gate::admitted::BlockSource;
use crate::peers::link::TREE;
use crate::peers::membership::AliveMember;

impl Channel {
    /// A new block was pushed, by these peers in this order. Adds the peers that must not get it back.
    pub(crate) fn on_first_copy(&mut self, cx: &mut ChannelCx<'_>, seq: u64, by: &mut Vec<PeerId>) {
        let Some((first, late)) = by.split_first() else {
            return;
        };
        if let Some(parent) = self.tree.take_replaced_parent(first) {
            self.prune(cx, &parent);
        }
        let parent = if cx.peers.supports(first, TREE) {
            self.tree.on_first_copy(seq, first)
        } else {
            self.tree.on_outside();
            None
        };
        self.find_quicker(cx, seq, first);
        for peer in late {
            self.on_redundant(cx, seq, peer);
        }
        by.extend(parent);
    }

    /// If this block and those before it were late, grafts a peer that had them earlier. The parent stays until blocks
    /// arrive sooner from that peer.
    fn find_quicker(&mut self, cx: &mut ChannelCx<'_>, seq: u64, by: &PeerId) {
        if !cx.config.push.has_tree() || !self.transfer.take_late() {
            return;
        }
        let mut drawn = cx.draw_ours_linked(1, TREE, |peer| {
            peer != by
                && self.transfer.may_have(peer, seq)
                && self.is_participant(peer)
                && !self.tree.is_eager(peer)
        });
        drawn.retain(|peer| self.tree.add_candidate(peer));
        for peer in drawn {
            self.tell_graft(cx, &peer);
        }
    }

    /// A block has been verified. If its sender cannot be our parent, other peers may get the next blocks from us
    /// although we have no parent.
    pub(crate) fn note_outside(&mut self, cx: &ChannelCx<'_>, seq: u64, source: &BlockSource) {
        let outside = match source {
            BlockSource::Transfer { from } => !can_be_parent(cx, from),
            BlockSource::Pulled { .. } => true,
            BlockSource::Local { .. } | BlockSource::Pushed { .. } => false,
        };
        if outside && self.is_recent(cx, seq) {
            self.tree.on_outside();
        }
    }

    /// Grafts a peer if it can be our parent and there is room.
    pub(crate) fn graft(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        if can_be_parent(cx, peer) && self.tree.on_graft_sent(peer) {
            self.tell_graft(cx, peer);
        }
    }

    fn tell_graft(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId) {
        cx.metrics().grafts_sent += 1;
        self.tell_branch(cx, peer, Branch::Graft);
    }

    /// A peer has pruned us. Grafts a backup parent, if we have no parent.
    pub(super) fn use_backup(&mut self, cx: &mut ChannelCx<'_>) {
        if let Some(backup) = self.tree.take_backup() {
            self.graft(cx, &backup);
        }
    }

    /// A peer reports its height. If it is not behind and we have no parent, it becomes our parent.
    pub(super) fn find_parent(&mut self, cx: &mut ChannelCx<'_>, height: u64, peer: &PeerId) {
        if self.tree.lacks_parent()
            && !self.tree.is_eager(peer)
            && height > 0
            && height >= self.height()
        {
            self.graft(cx, peer);
        }
    }

    /// The link to a peer has ended. If it was our parent, finds another one.
    pub(crate) fn repair_tree(&mut self, cx: &mut ChannelCx<'_>, gone: &PeerId) {
        if !self.tree.forget(gone) {
            return;
        }
        let own_org = &cx.cx.config.identity.org;
        let able = |member: &AliveMember| {
            member.org.as_ref() == Some(own_org)
                && member.peer != *gone
                && self.is_participant(&member.peer)
                && !self.tree.is_eager(&member.peer)
        };
        let alive = cx.peers.membership.alive();
        for peer in alive.draw_linked(1, able, |member| member.peer.clone()) {
            self.graft(cx, &peer);
        }
    }
}

/// Returns whether the peer understands trees and is of our organisation.
fn can_be_parent(cx: &ChannelCx<'_>, peer: &PeerId) -> bool {
    cx.config.push.has_tree() && cx.peers.supports(peer, TREE) && cx.peers.is_ours(peer)
}
