//! Heights: announced to peers that get no blocks from us, and received from peers.

use std::num::NonZeroU64;
use std::time::Duration;

use gossip_proto::{Branch, Content, Tree};

use crate::PeerId;
use crate::channel::{Channel, ChannelCx};
use crate::compose::unsigned;
use crate::gate::admitted::Sender;
use crate::out::Out;
use crate::peers::link::TREE;
use crate::peers::outbox::Frame;
use crate::timer::{ChannelTimer, TimerKey};

/// The delay of a height announcement, so that a fast channel does not announce each height.
const ANNOUNCE_AFTER: Duration = Duration::from_millis(100);
/// The delay after a block was pushed at random.
const ANNOUNCE_SOON: Duration = Duration::from_millis(5);
/// The number of peers per announcement; after a random push, all.
const ANNOUNCE_TO: usize = 3;

impl Channel {
    /// A neighbour reports its height, and its requests.
    pub(crate) fn on_tree(&mut self, cx: &mut ChannelCx<'_>, sender: &Sender, tree: Tree) {
        let peer = &sender.peer;
        if !cx.config.push.has_tree() || !self.is_participant(peer) {
            return;
        }
        let asked = tree.branch;
        let eager = asked.map(|branch| self.tree.on_request(cx.now, peer, branch));
        if let Some(limit) = tree.limit {
            self.tree.on_window(peer, tree.ledger_height, limit.get());
        }
        let height = self.height();
        let tell_now = tree.tell_at.is_some_and(|at| at.get() <= height);
        if let Some(at) = tree.tell_at.filter(|_| !tell_now) {
            self.tree.subscribe(peer, at.get());
        }
        match asked {
            Some(Branch::Graft) if eager == Some(false) => {
                self.tell_branch(cx, peer, Branch::Prune);
            }
            Some(Branch::Prune) => self.use_backup(cx),
            Some(Branch::Graft) | None => {}
        }
        if let Some(last) = tree.ledger_height.checked_sub(1) {
            self.on_holder(cx, last, peer);
        }
        if asked.is_none() {
            self.find_parent(cx, tree.ledger_height, peer);
        }
        if let Some(count) = tree.offer {
            self.on_offer(cx, count.get() - 1, peer);
        }
        if tell_now {
            self.tell_tree(cx, peer, Tree::default());
        }
    }

    /// A peer has proved that it holds a block. This counts as a state info with that height.
    pub(crate) fn on_holder(&mut self, cx: &mut ChannelCx<'_>, seq: u64, peer: &PeerId) {
        let connected = cx.peers.links.is_connected(peer);
        let height = seq.saturating_add(1);
        let awaited = !self.coverage.is_empty();
        let published = self.participants.height_of(peer);
        if published.is_some_and(|published| published < height) {
            self.on_claim(cx, peer, height, connected);
        }
        if awaited {
            self.on_height(cx, peer, height);
        }
    }

    /// Our ledger has grown. Announces the height to its subscribers at once, and to our parent from time to time.
    pub(crate) fn tell_subscribers(&mut self, cx: &mut ChannelCx<'_>, height: u64) {
        let window = cx.config.state_transfer.window.get() as u64;
        let parent = self.tree.parent_to_tell(self.commit.limit(), window);
        if let Some(parent) = parent.cloned() {
            self.tell_tree(cx, &parent, Tree::default());
        }
        for peer in self.tree.take_due(height) {
            self.tell_tree(cx, &peer, Tree::default());
        }
    }

    /// Our height has changed. Schedules an announcement to peers that get no blocks from us.
    pub(crate) fn announce_soon(&mut self, cx: &mut Out<'_>) {
        if cx.config.push.has_tree() && self.tree.announces() {
            let delay = if self.tree.is_urgent() {
                ANNOUNCE_SOON
            } else {
                ANNOUNCE_AFTER
            };
            let at = cx.now + delay;
            let key = TimerKey::Channel(ChannelTimer::Announce, self.id.clone());
            cx.timers().set_earlier(key, at);
        }
    }

    /// Announces our height to a few peers, and schedules the rest.
    pub(crate) fn announce(&mut self, cx: &mut ChannelCx<'_>) {
        let height = self.height();
        let count = if self.tree.is_urgent() {
            usize::MAX
        } else {
            ANNOUNCE_TO
        };
        let told = cx.draw_ours_linked(count, TREE, |peer| {
            self.tree.is_untold(peer, height)
                && self.is_participant(peer)
                && !self.transfer.may_have(peer, height.saturating_sub(1))
        });
        for peer in &told {
            self.tell_tree(cx, peer, Tree::default());
        }
        self.tree.on_announced();
        if told.len() == ANNOUNCE_TO {
            self.announce_soon(cx);
        }
    }

    pub(super) fn tell_branch(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId, branch: Branch) {
        let tree = Tree {
            branch: Some(branch),
            ..Tree::default()
        };
        self.tell_tree(cx, peer, tree);
    }

    /// Sends a tree message to a peer that understands trees, with our height and our limit.
    pub(super) fn tell_tree(&mut self, cx: &mut ChannelCx<'_>, peer: &PeerId, tree: Tree) {
        self.tell_tree_to(cx, std::slice::from_ref(peer), tree);
    }

    /// Sends the same tree message to several peers.
    pub(super) fn tell_tree_to(&mut self, cx: &mut ChannelCx<'_>, peers: &[PeerId], tree: Tree) {
        let (ledger_height, limit) = (self.height(), self.commit.limit());
        for peer in peers {
            self.tree.on_told(peer, ledger_height, limit);
        }
        let tree = Tree {
            ledger_height,
            limit: NonZeroU64::new(limit),
            ..tree
        };
        let message = unsigned(Some(&self.id), 0, Content::Tree(tree));
        for peer in peers {
            cx.send_linked(peer, Frame::control(message.clone()));
        }
    }
}
