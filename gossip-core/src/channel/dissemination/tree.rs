//! Our part of a channel's broadcast tree (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007).
//!
//! Eager peers get each block as it comes; lazy peers are told heights, by which a peer that missed a block sees it. A
//! redundant copy makes its sender lazy (*prune*), a missing block makes a peer eager (*graft*). While the tree is
//! seeded, large blocks are offered, and a peer that asks for one becomes eager: see `offers.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_proto::Branch;

use crate::snapshot::Stores;
use crate::{Config, Instant, PeerId};

/// Which blocks an eager peer has room for; any, until it has told its limit.
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
    /// Is there room for block `seq`? The peer tells its limit to its parent only, so the others go by the height that
    /// it has `shown` since.
    pub(crate) fn admits(&self, seq: u64, shown: impl FnOnce() -> u64) -> bool {
        seq < self.limit || seq < shown().saturating_add(self.window)
    }
}

/// Eager peers of one node; further peers are served what they ask for.
const MAX_EAGER: usize = 8;
/// Blocks whose first sender is remembered.
const MAX_BROUGHT: usize = 128;
/// So often per window the parent is told our limit.
const TELLINGS: u64 = 4;
/// A peer that goes on sending redundant blocks is pruned again after so long.
const PRUNE_AGAIN: Duration = Duration::from_secs(1);

/// The tree as one node sees it in one channel.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Peers that get blocks from us as they come.
    eager: BTreeMap<PeerId, PeerWindow>,
    /// Eager peers that missed a block, with the greatest number of such: they are told heights too.
    missed: BTreeMap<PeerId, u64>,
    /// The parent that was told our limit last, and the limit.
    limit_told: Option<(PeerId, u64)>,
    /// Peers pruned, or that pruned us, and when. Bounded by the links.
    lazy: BTreeMap<PeerId, Instant>,
    /// Peers that are offered blocks, and have neither asked for one nor pruned us. At most `MAX_EAGER`: none is added
    /// beyond that together with the eager peers, but a peer that grafts becomes eager whatever is offered.
    offered: BTreeSet<PeerId>,
    /// The first eager peers have been drawn, or offered blocks.
    seeded: bool,
    /// The peer that our blocks come from, or that was grafted for that.
    parent: Option<PeerId>,
    /// A peer that had blocks before our parent brought them, and was grafted to compete for its place.
    candidate: Option<PeerId>,
    /// The last block was our own.
    source: bool,
    /// The last block came from outside the tree, by a peer that cannot be eager, and so may the next ones.
    outside: bool,
    /// Backup parents: peers that offered a block while another one was asked for it. They had it before us, so none of
    /// them gets its blocks from us. At most `MAX_EAGER`.
    backups: Vec<PeerId>,
    /// Who sent a block first.
    brought: BTreeMap<u64, PeerId>,
    /// A height waits to be told.
    announcing: bool,
    /// It is to be told to all, and soon.
    urgent: bool,
    /// The heights that peers were told. Bounded by the links.
    told: BTreeMap<PeerId, u64>,
    /// Height subscriptions: peers to be told as soon as we have a height, one of each. Bounded by the links.
    subscriptions: BTreeMap<PeerId, u64>,
}

impl Tree {
    /// Peers that get blocks from us as they come.
    pub(crate) fn eager(&self) -> impl Iterator<Item = &PeerId> {
        self.eager.keys()
    }

    /// The same, each with its window.
    pub(crate) fn eager_windows(&self) -> impl Iterator<Item = (&PeerId, PeerWindow)> {
        self.eager.iter().map(|(peer, window)| (peer, *window))
    }

    /// A peer with a ledger of this height tells its limit, the first number that it has no room for.
    pub(crate) fn on_window(&mut self, peer: &PeerId, height: u64, limit: u64) {
        if let Some(known) = self.eager.get_mut(peer) {
            *known = PeerWindow {
                limit,
                window: limit.saturating_sub(height),
            };
        }
    }

    /// A block was not sent to an eager peer, for want of room here or there.
    pub(crate) fn miss(&mut self, peer: &PeerId, seq: u64) {
        let missed = self.missed.entry(peer.clone()).or_insert(seq);
        *missed = seq.max(*missed);
    }

    /// The parent, if it is to be told our limit: when it is another one than before, or when there is room for a good
    /// part of a window more.
    pub(crate) fn parent_to_tell(&self, limit: u64, window: u64) -> Option<&PeerId> {
        let parent = self.parent.as_ref()?;
        let news = self.limit_told.as_ref().is_none_or(|(told, before)| {
            told != parent || limit >= before.saturating_add((window / TELLINGS).max(1))
        });
        news.then_some(parent)
    }

    pub(crate) fn is_eager(&self, peer: &PeerId) -> bool {
        self.eager.contains_key(peer)
    }

    /// Is the peer neither eager, nor lazy, nor offered blocks?
    pub(crate) fn is_untried(&self, peer: &PeerId) -> bool {
        !self.is_eager(peer) && !self.lazy.contains_key(peer) && !self.offered.contains(peer)
    }

    /// Must eager peers be drawn? Only at first, and when none is left.
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

    /// To how many more peers may blocks be offered?
    pub(crate) fn room(&self) -> usize {
        MAX_EAGER.saturating_sub(self.eager.len() + self.offered.len())
    }

    /// These are offered blocks until they graft or prune us.
    pub(crate) fn offer(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.seeded = true;
        self.offered.extend(peers);
    }

    /// Is any peer offered blocks?
    pub(crate) fn is_offering(&self) -> bool {
        !self.offered.is_empty()
    }

    /// The peers that are offered blocks.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &PeerId> {
        self.offered.iter()
    }

    /// Makes a peer eager, if there are not too many. Returns whether it is.
    pub(crate) fn graft(&mut self, peer: &PeerId) -> bool {
        let room = self.eager.len() < MAX_EAGER || self.is_eager(peer);
        self.offered.remove(peer);
        if room {
            self.lazy.remove(peer);
            self.eager.entry(peer.clone()).or_default();
        }
        room
    }

    /// A peer is to be grafted: it becomes our parent, if there is none. Returns whether there is room for it.
    pub(crate) fn on_graft_sent(&mut self, peer: &PeerId) -> bool {
        let room = self.graft(peer);
        if room && self.parent.is_none() {
            self.parent = Some(peer.clone());
        }
        room
    }

    /// A peer may bring the next blocks sooner than our parent does. Returns whether there is room for it.
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

    /// A peer could be our parent, if the one that was asked does not become it.
    pub(crate) fn add_backup(&mut self, peer: &PeerId) {
        if self.backups.len() < MAX_EAGER && !self.backups.contains(peer) {
            self.backups.push(peer.clone());
        }
    }

    /// Is the tree seeded, but no peer brings our blocks?
    pub(crate) fn lacks_parent(&self) -> bool {
        self.seeded && self.parent.is_none() && !self.source
    }

    /// Takes the backup to be grafted now, if we have no parent: the one that offered first.
    pub(crate) fn take_backup(&mut self) -> Option<PeerId> {
        let wanted = self.parent.is_none() && !self.backups.is_empty();
        wanted.then(|| self.backups.remove(0))
    }

    /// No more blocks travel between us and the peer, but heights.
    pub(crate) fn make_lazy(&mut self, now: Instant, peer: &PeerId) {
        self.eager.remove(peer);
        self.offered.remove(peer);
        self.parent.take_if(|parent| parent == peer);
        self.candidate.take_if(|candidate| candidate == peer);
        self.missed.remove(peer);
        self.lazy.insert(peer.clone(), now);
    }

    /// A peer was the first to send a block: it is our parent. Unless it was pruned while the block was on its way: then
    /// no more will come from it, and the block must not go to the parent returned, which would take us for its
    /// source.
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

    /// A block has come from outside the tree. We would rather have a parent, but can be one meanwhile.
    pub(crate) fn on_outside(&mut self) {
        self.outside = true;
    }

    /// A block is our own: each copy sent to us is redundant.
    pub(crate) fn on_published(&mut self, seq: u64, own: &PeerId) {
        self.note(seq, own);
        self.source = true;
    }

    /// A peer has sent a block that another one had sent before. Is it to be pruned?
    pub(crate) fn is_redundant(&self, now: Instant, seq: u64, peer: &PeerId) -> bool {
        let first = self.brought.get(&seq).filter(|first| *first != peer);
        // Of two peers pruned one after the other the last would have been the one to keep.
        if first.is_none_or(|first| self.lazy.contains_key(first)) {
            return false;
        }
        let recent = |at: &Instant| *at + PRUNE_AGAIN > now;
        self.is_eager(peer) || !self.lazy.get(peer).is_some_and(recent)
    }

    /// The link to a peer is gone, or it has left. Returns whether it was our parent.
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

    /// Was the peer neither told this height nor sent all blocks?
    pub(crate) fn is_untold(&self, peer: &PeerId, height: u64) -> bool {
        let untold = self.told.get(peer).is_none_or(|told| *told < height);
        untold && (!self.is_eager(peer) || self.missed.contains_key(peer))
    }

    /// A block had to be pushed at random: the peers that it missed are told soon.
    pub(crate) fn make_urgent(&mut self) {
        self.urgent = true;
    }

    pub(crate) fn is_urgent(&self) -> bool {
        self.urgent
    }

    /// A height is to be told. Returns whether none was waiting, or it is to be sooner than that.
    pub(crate) fn announces(&mut self) -> bool {
        !std::mem::replace(&mut self.announcing, true) || self.urgent
    }

    pub(crate) fn on_announced(&mut self) {
        self.announcing = false;
        self.urgent = false;
    }

    /// A peer was told our height and our limit.
    pub(crate) fn on_told(&mut self, peer: &PeerId, height: u64, limit: u64) {
        self.told.insert(peer.clone(), height);
        if self.missed.get(peer).is_some_and(|missed| *missed < height) {
            self.missed.remove(peer);
        }
        if self.parent.as_ref() == Some(peer) {
            self.limit_told = Some((peer.clone(), limit));
        }
    }

    /// The peer is to be told as soon as we have this height, instead of an earlier subscription.
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

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        stores.add("eager peers", self.eager.len(), MAX_EAGER);
        stores.add("peers offered blocks", self.offered.len(), MAX_EAGER);
        stores.add("backup parents", self.backups.len(), MAX_EAGER);
        stores.add("lazy peers", self.lazy.len(), links);
        stores.add("links told our height", self.told.len(), links);
        stores.add(
            "blocks by who sent them first",
            self.brought.len(),
            MAX_BROUGHT,
        );
    }

    fn note(&mut self, seq: u64, by: &PeerId) {
        self.brought.insert(seq, by.clone());
        while self.brought.len() > MAX_BROUGHT {
            self.brought.pop_first();
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
    fn the_first_to_bring_a_block_is_a_branch_and_a_later_one_is_cut_once() {
        let mut tree = Tree::default();
        tree.add_eager([peer(2), peer(3)]);
        tree.on_first_copy(7, &peer(1));
        assert_eq!(eager(&tree), [peer(1), peer(2), peer(3)]);
        assert!(!redundant(&mut tree, Instant::START, 7, &peer(1)));
        assert!(redundant(&mut tree, Instant::START, 7, &peer(2)));
        assert!(
            !redundant(&mut tree, Instant::START, 7, &peer(2)),
            "it may not have heard yet"
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
    fn a_copy_of_a_block_that_no_neighbour_brought_cuts_nothing() {
        let mut tree = Tree::default();
        tree.add_eager([peer(2)]);
        assert!(!redundant(&mut tree, Instant::START, 7, &peer(2)));
        assert!(tree.is_eager(&peer(2)));
    }

    #[test]
    fn branches_are_bounded_and_drawn_anew_when_none_is_left() {
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
    fn what_was_on_its_way_on_a_branch_that_was_cut_cuts_no_other() {
        let mut tree = Tree::default();
        assert_eq!(tree.on_first_copy(7, &peer(1)), None);
        assert!(redundant(&mut tree, Instant::START, 7, &peer(2)));
        // The next block was faster on the branch that has just been cut.
        assert_eq!(tree.on_first_copy(8, &peer(2)), Some(peer(1)));
        assert!(!redundant(&mut tree, Instant::START, 8, &peer(1)));
        assert_eq!(eager(&tree), [peer(1)]);
    }

    #[test]
    fn the_loss_of_the_one_that_brought_the_last_block_is_noticed() {
        let mut tree = Tree::default();
        tree.on_first_copy(7, &peer(1));
        tree.on_first_copy(8, &peer(2));
        assert!(!tree.forget(&peer(1)));
        assert!(tree.forget(&peer(2)));
    }

    #[test]
    fn whoever_nobody_feeds_feeds_nobody_new_and_asks_those_that_offered_before() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(tree.on_graft_sent(&peer(1)));
        tree.add_backup(&peer(2));
        tree.add_backup(&peer(3));
        assert_eq!(tree.take_backup(), None, "the first may feed us");
        tree.on_request(Instant::START, &peer(1), Branch::Prune);
        assert!(tree.lacks_parent());
        assert!(!tree.on_request(Instant::START, &peer(5), Branch::Graft));
        assert_eq!(tree.take_backup(), Some(peer(2)));
        assert!(tree.on_graft_sent(&peer(2)));
        assert!(tree.on_request(Instant::START, &peer(5), Branch::Graft));
        tree.on_first_copy(7, &peer(2));
        tree.on_request(Instant::START, &peer(2), Branch::Prune);
        assert_eq!(tree.take_backup(), None, "that was long ago");
    }

    #[test]
    fn whoever_is_refused_is_offered_nothing_more_until_it_is_drawn_again() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(!tree.on_request(Instant::START, &peer(5), Branch::Graft));
        assert!(!tree.is_offering());
        assert!(tree.is_untried(&peer(5)));
    }

    #[test]
    fn whoever_gets_blocks_from_outside_feeds_others_and_looks_for_a_feeder_all_the_same() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        tree.on_outside();
        assert!(tree.lacks_parent());
        assert!(tree.on_request(Instant::START, &peer(5), Branch::Graft));
        tree.on_first_copy(7, &peer(1));
        tree.on_request(Instant::START, &peer(1), Branch::Prune);
        assert!(
            !tree.on_request(Instant::START, &peer(6), Branch::Graft),
            "blocks came along the tree, and do no more"
        );
    }
}
