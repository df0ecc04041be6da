//! Our part of a channel's broadcast tree (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007).
//!
//! Eager peers get each block as it arrives; lazy peers get heights, from which a peer sees that it missed a block. A
//! redundant copy makes its sender lazy (*prune*), a missing block makes a peer eager (*graft*). While the tree is
//! seeded, large blocks are offered, and a peer that requests one becomes eager: see `offers.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_proto::Branch;

use crate::snapshot::Stores;
use crate::{Config, Instant, PeerId};

/// The blocks that an eager peer has room for. All, until it has reported its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerWindow {
    limit: u64,
    window: u64,
}

impl Default for PeerWindow {
    fn default() -> Self {
        Self {
            limit: u64::MAX,
            window: u64::MAX,
        }
    }
}

impl PeerWindow {
    /// Returns whether there is room for block `seq`. A peer reports its limit only to its parent; for other peers the
    /// height counts that the peer has `shown` since.
    pub(crate) fn admits(&self, seq: u64, shown: impl FnOnce() -> u64) -> bool {
        seq < self.limit || seq < shown().saturating_add(self.window)
    }
}

/// The most eager peers of a node. Further peers get only what they request.
const MAX_EAGER: usize = 8;
/// The number of blocks whose first sender is remembered.
const MAX_FIRST_SENDERS: usize = 128;
/// How many times per window our limit is reported to the parent.
const LIMIT_REPORTS: u64 = 4;
/// The time after which a peer that still sends redundant blocks is pruned again.
const PRUNE_AGAIN: Duration = Duration::from_secs(1);

/// The tree as one node sees it in one channel.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Peers that get blocks from us as they arrive.
    eager: BTreeMap<PeerId, PeerWindow>,
    /// Eager peers that missed a block, with the greatest number missed. They get heights too.
    missed: BTreeMap<PeerId, u64>,
    /// The parent that our limit was last reported to, and the limit.
    limit_told: Option<(PeerId, u64)>,
    /// Peers that were pruned, or that pruned us, and when. Bounded by the links.
    lazy: BTreeMap<PeerId, Instant>,
    /// Peers that get offers, and have neither requested an offered block nor pruned us. None is added beyond
    /// `MAX_EAGER` together with the eager peers. A peer that grafts becomes eager regardless of the offers.
    offered: BTreeSet<PeerId>,
    /// The first eager peers have been drawn, or have got offers.
    seeded: bool,
    /// The peer that our blocks come from, or that was grafted for that.
    parent: Option<PeerId>,
    /// A candidate parent: it had blocks before our parent sent them, and was grafted to compete with it.
    candidate: Option<PeerId>,
    /// The last block was our own.
    source: bool,
    /// The last block came from outside the tree, from a peer that cannot be eager, and so may the next ones.
    outside: bool,
    /// Backup parents: peers that offered a block while it was requested from another one. They had it before us, so
    /// none of them gets its blocks from us. At most `MAX_EAGER`.
    backups: Vec<PeerId>,
    /// The first sender of each recent block. When it is full, the lowest number is dropped, not the oldest entry as a
    /// `Recent` does: a catching-up peer's old blocks must not displace those of the newest.
    first_senders: BTreeMap<u64, PeerId>,
    /// A height announcement is scheduled.
    announcing: bool,
    /// The announcement is to all peers, and soon.
    urgent: bool,
    /// The heights announced to each peer. Bounded by the links.
    told: BTreeMap<PeerId, u64>,
    /// Height subscriptions: peers to notify as soon as we have a height, one per peer. Bounded by the links.
    subscriptions: BTreeMap<PeerId, u64>,
}

impl Tree {
    /// Peers that get blocks from us as they arrive.
    pub(crate) fn eager(&self) -> impl Iterator<Item = &PeerId> {
        self.eager.keys()
    }

    /// The eager peers, each with its window.
    pub(crate) fn eager_windows(&self) -> impl Iterator<Item = (&PeerId, PeerWindow)> {
        self.eager.iter().map(|(peer, window)| (peer, *window))
    }

    /// A peer with a ledger of this height reports its limit, the first number that it has no room for.
    pub(crate) fn on_window(&mut self, peer: &PeerId, height: u64, limit: u64) {
        if let Some(known) = self.eager.get_mut(peer) {
            *known = PeerWindow {
                limit,
                window: limit.saturating_sub(height),
            };
        }
    }

    /// An eager peer missed a block, for want of room at either side.
    pub(crate) fn miss(&mut self, peer: &PeerId, seq: u64) {
        let missed = self.missed.entry(peer.clone()).or_insert(seq);
        *missed = seq.max(*missed);
    }

    /// The parent, if our limit is to be reported to it: after a change of the parent, or when the limit has grown by a
    /// good part of a window.
    pub(crate) fn parent_to_tell(&self, limit: u64, window: u64) -> Option<&PeerId> {
        let parent = self.parent.as_ref()?;
        let news = self.limit_told.as_ref().is_none_or(|(told, before)| {
            told != parent || limit >= before.saturating_add((window / LIMIT_REPORTS).max(1))
        });
        news.then_some(parent)
    }

    pub(crate) fn is_eager(&self, peer: &PeerId) -> bool {
        self.eager.contains_key(peer)
    }

    /// Returns whether the peer is neither eager, nor lazy, nor on the offer list.
    pub(crate) fn is_untried(&self, peer: &PeerId) -> bool {
        !self.is_eager(peer) && !self.lazy.contains_key(peer) && !self.offered.contains(peer)
    }

    /// Returns whether eager peers must be drawn: at first, and when none is left.
    pub(crate) fn must_seed(&self) -> bool {
        !self.seeded || self.eager.is_empty()
    }

    /// Eager peers have been drawn.
    pub(crate) fn add_eager(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.seeded = true;
        for peer in peers {
            self.graft(&peer);
        }
    }

    /// The number of further peers that may get offers.
    pub(crate) fn room(&self) -> usize {
        MAX_EAGER.saturating_sub(self.eager.len() + self.offered.len())
    }

    /// Adds peers to the offer list, until they graft or prune us.
    pub(crate) fn offer(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.seeded = true;
        self.offered.extend(peers);
    }

    /// Returns whether any peer gets offers.
    pub(crate) fn is_offering(&self) -> bool {
        !self.offered.is_empty()
    }

    /// The peers that get offers.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &PeerId> {
        self.offered.iter()
    }

    /// Makes a peer eager, if there is room. Returns whether it is eager.
    pub(crate) fn graft(&mut self, peer: &PeerId) -> bool {
        let room = self.eager.len() < MAX_EAGER || self.is_eager(peer);
        self.offered.remove(peer);
        if room {
            self.lazy.remove(peer);
            self.eager.entry(peer.clone()).or_default();
        }
        room
    }

    /// A graft is about to be sent to a peer, which becomes our parent if there is none. Returns whether there is room
    /// for it.
    pub(crate) fn on_graft_sent(&mut self, peer: &PeerId) -> bool {
        let room = self.graft(peer);
        if room && self.parent.is_none() {
            self.parent = Some(peer.clone());
        }
        room
    }

    /// Adds a candidate parent, which may send the next blocks sooner than our parent. Returns whether there is room
    /// for it.
    pub(crate) fn add_candidate(&mut self, candidate: &PeerId) -> bool {
        let room = self.graft(candidate);
        if room {
            self.candidate = Some(candidate.clone());
        }
        room
    }

    /// Takes our parent, if this peer is the candidate and has been quicker.
    pub(crate) fn take_replaced_parent(&mut self, quicker: &PeerId) -> Option<PeerId> {
        self.candidate.take_if(|candidate| candidate == quicker)?;
        self.parent.take_if(|parent| parent != quicker)
    }

    /// Adds a backup parent, for the case that the grafted peer does not become our parent.
    pub(crate) fn add_backup(&mut self, peer: &PeerId) {
        if self.backups.len() < MAX_EAGER && !self.backups.contains(peer) {
            self.backups.push(peer.clone());
        }
    }

    /// Returns whether the tree is seeded, but we have no parent.
    pub(crate) fn lacks_parent(&self) -> bool {
        self.seeded && self.parent.is_none() && !self.source
    }

    /// Takes the backup parent to graft now, if we have no parent: the first that offered a block.
    pub(crate) fn take_backup(&mut self) -> Option<PeerId> {
        let wanted = self.parent.is_none() && !self.backups.is_empty();
        wanted.then(|| self.backups.remove(0))
    }

    /// Only heights are exchanged with the peer from now on, no blocks.
    pub(crate) fn make_lazy(&mut self, now: Instant, peer: &PeerId) {
        self.eager.remove(peer);
        self.offered.remove(peer);
        self.parent.take_if(|parent| parent == peer);
        self.candidate.take_if(|candidate| candidate == peer);
        self.missed.remove(peer);
        self.lazy.insert(peer.clone(), now);
    }

    /// A peer was the first to send a block, and becomes our parent. If it was pruned while the block was under way, no
    /// more blocks will come from it. Then the parent is returned; the block must not be sent to it, because it would
    /// take us for its source.
    pub(crate) fn on_first_copy(&mut self, seq: u64, peer: &PeerId) -> Option<PeerId> {
        self.note(seq, peer);
        if self.lazy.contains_key(peer) {
            return self.parent.clone();
        }
        self.graft(peer);
        self.parent = Some(peer.clone());
        self.source = false;
        self.outside = false;
        self.backups.clear();
        None
    }

    /// A block has come from outside the tree. A parent is still preferred, but we may be one in the meantime.
    pub(crate) fn on_outside(&mut self) {
        self.outside = true;
    }

    /// A block is our own: each copy sent to us is redundant.
    pub(crate) fn on_published(&mut self, seq: u64, own: &PeerId) {
        self.note(seq, own);
        self.source = true;
    }

    /// Returns whether a peer that sent a block after another one is to be pruned.
    pub(crate) fn is_redundant(&self, now: Instant, seq: u64, peer: &PeerId) -> bool {
        let first = self.first_senders.get(&seq).filter(|first| *first != peer);
        // Of two peers pruned in succession, the last would have been the one to keep.
        if first.is_none_or(|first| self.lazy.contains_key(first)) {
            return false;
        }
        let recent = |at: &Instant| *at + PRUNE_AGAIN > now;
        self.is_eager(peer) || !self.lazy.get(peer).is_some_and(recent)
    }

    /// The link to a peer has ended, or the peer has left. Returns whether it was our parent.
    pub(crate) fn forget(&mut self, peer: &PeerId) -> bool {
        self.eager.remove(peer);
        self.offered.remove(peer);
        self.backups.retain(|backup| backup != peer);
        self.missed.remove(peer);
        self.limit_told.take_if(|(told, _)| told == peer);
        self.candidate.take_if(|candidate| candidate == peer);
        self.lazy.remove(peer);
        self.told.remove(peer);
        self.subscriptions.remove(peer);
        self.parent.take_if(|parent| parent == peer).is_some()
    }

    /// Returns whether the peer was neither told this height nor sent all blocks.
    pub(crate) fn is_untold(&self, peer: &PeerId, height: u64) -> bool {
        let untold = self.told.get(peer).is_none_or(|told| *told < height);
        untold && (!self.is_eager(peer) || self.missed.contains_key(peer))
    }

    /// A block was pushed at random. The peers that it missed get the next announcement soon.
    pub(crate) fn make_urgent(&mut self) {
        self.urgent = true;
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// Schedules an announcement. Returns whether none was scheduled, or it has become urgent.
    pub(crate) fn announces(&mut self) -> bool {
        !std::mem::replace(&mut self.announcing, true) || self.urgent
    }

    pub(crate) fn on_announced(&mut self) {
        self.announcing = false;
        self.urgent = false;
    }

    /// Our height and our limit were sent to a peer.
    pub(crate) fn on_told(&mut self, peer: &PeerId, height: u64, limit: u64) {
        self.told.insert(peer.clone(), height);
        if self.missed.get(peer).is_some_and(|missed| *missed < height) {
            self.missed.remove(peer);
        }
        if self.parent.as_ref() == Some(peer) {
            self.limit_told = Some((peer.clone(), limit));
        }
    }

    /// Replaces the peer's subscription: it is notified as soon as we have this height.
    pub(crate) fn subscribe(&mut self, peer: &PeerId, height: u64) {
        self.subscriptions.insert(peer.clone(), height);
    }

    /// Takes the peers that subscribed to this height or a lower one.
    pub(crate) fn take_due(&mut self, height: u64) -> Vec<PeerId> {
        let mut due = Vec::new();
        self.subscriptions.retain(|peer, wanted| {
            let keep = *wanted > height;
            if !keep {
                due.push(peer.clone());
            }
            keep
        });
        due
    }

    /// A peer grafts or prunes us. Returns whether it is eager from now on.
    pub(crate) fn on_request(&mut self, now: Instant, peer: &PeerId, branch: Branch) -> bool {
        match branch {
            // Peers without parents would only find each other.
            Branch::Graft if self.lacks_parent() && !self.outside => {
                self.offered.remove(peer);
                false
            }
            Branch::Graft => self.graft(peer),
            Branch::Prune => {
                self.make_lazy(now, peer);
                false
            }
        }
    }

    /// Reports all bounded stores.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        stores.add("eager peers", self.eager.len(), MAX_EAGER);
        stores.add("peers offered blocks", self.offered.len(), MAX_EAGER);
        stores.add("backup parents", self.backups.len(), MAX_EAGER);
        stores.add("lazy peers", self.lazy.len(), links);
        stores.add("heights announced by link", self.told.len(), links);
        stores.add(
            "first senders of blocks",
            self.first_senders.len(),
            MAX_FIRST_SENDERS,
        );
    }

    fn note(&mut self, seq: u64, by: &PeerId) {
        self.first_senders.insert(seq, by.clone());
        while self.first_senders.len() > MAX_FIRST_SENDERS {
            self.first_senders.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: u8) -> PeerId {
        PeerId::new(&[name])
    }

    fn redundant(tree: &mut Tree, now: Instant, seq: u64, peer: &PeerId) -> bool {
        let redundant = tree.is_redundant(now, seq, peer);
        if redundant {
            tree.make_lazy(now, peer);
        }
        redundant
    }

    fn eager(tree: &Tree) -> Vec<PeerId> {
        tree.eager().cloned().collect()
    }

    #[test]
    fn the_first_sender_of_a_block_becomes_eager_and_a_later_one_is_pruned_once() {
        let mut tree = Tree::default();
        tree.add_eager([peer(2), peer(3)]);
        tree.on_first_copy(7, &peer(1));
        assert_eq!(eager(&tree), [peer(1), peer(2), peer(3)]);
        assert!(!redundant(&mut tree, Instant::START, 7, &peer(1)));
        assert!(redundant(&mut tree, Instant::START, 7, &peer(2)));
        assert!(
            !redundant(&mut tree, Instant::START, 7, &peer(2)),
            "it may not have received the prune yet"
        );
        assert!(redundant(
            &mut tree,
            Instant::START + PRUNE_AGAIN,
            7,
            &peer(2)
        ));
        assert_eq!(eager(&tree), [peer(1), peer(3)]);
        assert!(!tree.is_untried(&peer(2)));
    }

    #[test]
    fn a_copy_of_a_block_without_a_known_first_sender_prunes_no_peer() {
        let mut tree = Tree::default();
        tree.add_eager([peer(2)]);
        assert!(!redundant(&mut tree, Instant::START, 7, &peer(2)));
        assert!(tree.is_eager(&peer(2)));
    }

    #[test]
    fn eager_peers_are_bounded_and_drawn_again_when_none_is_left() {
        let mut tree = Tree::default();
        tree.on_published(0, &peer(200));
        assert!(tree.must_seed());
        tree.add_eager((0..20).map(peer));
        assert_eq!(eager(&tree).len(), MAX_EAGER);
        assert!(!tree.on_request(Instant::START, &peer(100), Branch::Graft));
        for name in 0..20 {
            assert!(!tree.must_seed() || name as usize >= MAX_EAGER);
            tree.on_request(Instant::START, &peer(name), Branch::Prune);
        }
        assert!(tree.must_seed());
        assert!(tree.on_request(Instant::START, &peer(3), Branch::Graft));
        assert!(!tree.must_seed());
    }

    #[test]
    fn a_block_under_way_from_a_pruned_peer_does_not_prune_the_parent() {
        let mut tree = Tree::default();
        assert_eq!(tree.on_first_copy(7, &peer(1)), None);
        assert!(redundant(&mut tree, Instant::START, 7, &peer(2)));
        // The next block was faster from the peer that has just been pruned.
        assert_eq!(tree.on_first_copy(8, &peer(2)), Some(peer(1)));
        assert!(!redundant(&mut tree, Instant::START, 8, &peer(1)));
        assert_eq!(eager(&tree), [peer(1)]);
    }

    #[test]
    fn the_loss_of_the_parent_is_reported() {
        let mut tree = Tree::default();
        tree.on_first_copy(7, &peer(1));
        tree.on_first_copy(8, &peer(2));
        assert!(!tree.forget(&peer(1)));
        assert!(tree.forget(&peer(2)));
    }

    #[test]
    fn a_node_without_parent_refuses_grafts_and_grafts_a_backup_parent() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(tree.on_graft_sent(&peer(1)));
        tree.add_backup(&peer(2));
        tree.add_backup(&peer(3));
        assert_eq!(tree.take_backup(), None, "the first may become our parent");
        tree.on_request(Instant::START, &peer(1), Branch::Prune);
        assert!(tree.lacks_parent());
        assert!(!tree.on_request(Instant::START, &peer(5), Branch::Graft));
        assert_eq!(tree.take_backup(), Some(peer(2)));
        assert!(tree.on_graft_sent(&peer(2)));
        assert!(tree.on_request(Instant::START, &peer(5), Branch::Graft));
        tree.on_first_copy(7, &peer(2));
        tree.on_request(Instant::START, &peer(2), Branch::Prune);
        assert_eq!(tree.take_backup(), None, "a block has arrived since");
    }

    #[test]
    fn a_peer_whose_graft_is_refused_gets_no_offers_until_it_is_drawn_again() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(!tree.on_request(Instant::START, &peer(5), Branch::Graft));
        assert!(!tree.is_offering());
        assert!(tree.is_untried(&peer(5)));
    }

    #[test]
    fn a_node_that_gets_blocks_from_outside_the_tree_accepts_grafts_and_still_lacks_a_parent() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        tree.on_outside();
        assert!(tree.lacks_parent());
        assert!(tree.on_request(Instant::START, &peer(5), Branch::Graft));
        tree.on_first_copy(7, &peer(1));
        tree.on_request(Instant::START, &peer(1), Branch::Prune);
        assert!(
            !tree.on_request(Instant::START, &peer(6), Branch::Graft),
            "blocks came along the tree, and no longer do"
        );
    }
}
