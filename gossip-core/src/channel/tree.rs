//! Our part of a channel's broadcast tree (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007).
//!
//! Blocks travel along branches, to each peer once; all other links carry heights, by which a peer that was
//! missed sees it. A copy too many cuts a branch, a block too few makes one. While the tree grows, large blocks
//! are offered, and who asks for one becomes a branch: see `node/offers.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossip_proto::Branch;

use crate::snapshot::Stores;
use crate::{Config, Instant, PeerId};

/// What a neighbour has a place for; anything, as long as it has told nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    limit: u64,
    window: u64,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            limit: u64::MAX,
            window: u64::MAX,
        }
    }
}

impl Places {
    /// Is there one for block `seq`? It tells only those who feed it, so others know more by the height that
    /// it has shown since.
    pub(crate) fn has(&self, seq: u64, shown: impl FnOnce() -> u64) -> bool {
        seq < self.limit || seq < shown().saturating_add(self.window)
    }
}

/// Branches that one node feeds; more are served what they ask for, but not fed.
const MAX_BRANCHES: usize = 8;
/// Blocks of which it is remembered who brought them.
const MAX_BROUGHT: usize = 128;
/// Whoever feeds us is told so often per window how far we are.
const TELLINGS: u64 = 4;
/// A peer that goes on sending what we have is asked to stop again after so long.
const PRUNE_AGAIN: Duration = Duration::from_secs(1);

/// The branches of one node in one channel.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// Peers that get blocks from us as they come, each with what it has a place for.
    branches: BTreeMap<PeerId, Places>,
    /// Branches that a block was not sent to, and the greatest number of such: they hear of heights.
    owed: BTreeMap<PeerId, u64>,
    /// Who was told last for which numbers we have a place, and the first for which we had none.
    limit_told: Option<(PeerId, u64)>,
    /// Links that carry no blocks: who was told to stop, when, or told us to. Bounded by the links.
    cut: BTreeMap<PeerId, Instant>,
    /// Peers that are offered blocks, and have neither asked for one nor said that they have it from another.
    /// At most `MAX_BRANCHES`: none is added beyond that together with the branches, but a peer that asks unoffered
    /// becomes a branch whatever is offered.
    offered: BTreeSet<PeerId>,
    /// The first branches have been drawn, or offered.
    grown: bool,
    /// Who brings our blocks, or has been asked to.
    feeder: Option<PeerId>,
    /// A neighbour that has had blocks before our feeder brought them, and has been asked for the next ones.
    rival: Option<PeerId>,
    /// The last block was our own.
    source: bool,
    /// The last block came from outside the tree, by a peer that cannot be a branch, and so may the next ones.
    outside: bool,
    /// Neighbours that offered a block while another one was asked for it, in case that does not become our
    /// feeder. They had it before us, so that none of them gets its blocks from us. At most `MAX_BRANCHES`.
    spares: Vec<PeerId>,
    /// Who brought a block first.
    brought: BTreeMap<u64, PeerId>,
    /// A height waits to be told.
    announcing: bool,
    /// It is to be told to all and soon.
    hasty: bool,
    /// The heights that peers were told. Bounded by the links.
    told: BTreeMap<PeerId, u64>,
    /// Peers that want to be told as soon as we have a height: one of each. Bounded by the links.
    wishes: BTreeMap<PeerId, u64>,
}

impl Tree {
    /// Those that get blocks from us as they come.
    pub(crate) fn branches(&self) -> impl Iterator<Item = &PeerId> {
        self.branches.keys()
    }

    /// The same, each with what it has a place for, as far as it told.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&PeerId, Places)> {
        self.branches.iter().map(|(peer, places)| (peer, *places))
    }

    /// A neighbour with a ledger of this height tells the first number that it has no place for.
    pub(crate) fn on_limit(&mut self, peer: &PeerId, height: u64, limit: u64) {
        if let Some(known) = self.branches.get_mut(peer) {
            *known = Places {
                limit,
                window: limit.saturating_sub(height),
            };
        }
    }

    /// A block was not sent to a branch, for want of a place here or there.
    pub(crate) fn owe(&mut self, peer: &PeerId, seq: u64) {
        let owed = self.owed.entry(peer.clone()).or_insert(seq);
        *owed = seq.max(*owed);
    }

    /// Who brings our blocks, if it is to be told for which numbers we have a place: when it is another one
    /// than before, or when there is place for a good part of a window more.
    pub(crate) fn feeder_to_tell(&self, limit: u64, window: u64) -> Option<&PeerId> {
        let feeder = self.feeder.as_ref()?;
        let news = self.limit_told.as_ref().is_none_or(|(told, before)| {
            told != feeder || limit >= before.saturating_add((window / TELLINGS).max(1))
        });
        news.then_some(feeder)
    }

    pub(crate) fn is_branch(&self, peer: &PeerId) -> bool {
        self.branches.contains_key(peer)
    }

    /// May a branch to this peer be tried that nobody has asked for?
    pub(crate) fn is_untried(&self, peer: &PeerId) -> bool {
        !self.is_branch(peer) && !self.cut.contains_key(peer) && !self.offered.contains(peer)
    }

    /// Must branches be drawn? Only at first, and when none is left.
    pub(crate) fn must_grow(&self) -> bool {
        !self.grown || self.branches.is_empty()
    }

    /// Branches have been drawn.
    pub(crate) fn grow(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.grown = true;
        for peer in peers {
            self.graft(&peer);
        }
    }

    /// To how many more peers may blocks be offered?
    pub(crate) fn room(&self) -> usize {
        MAX_BRANCHES.saturating_sub(self.branches.len() + self.offered.len())
    }

    /// These are offered blocks until they ask for one or have it from another.
    pub(crate) fn offer(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.grown = true;
        self.offered.extend(peers);
    }

    /// Is anybody offered blocks?
    pub(crate) fn is_offering(&self) -> bool {
        !self.offered.is_empty()
    }

    /// Those that are offered blocks.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &PeerId> {
        self.offered.iter()
    }

    /// A peer gets blocks from us from now on, if there are not too many that do.
    pub(crate) fn graft(&mut self, peer: &PeerId) -> bool {
        let room = self.branches.len() < MAX_BRANCHES || self.is_branch(peer);
        self.offered.remove(peer);
        if room {
            self.cut.remove(peer);
            self.branches.entry(peer.clone()).or_default();
        }
        room
    }

    /// A peer has been asked for blocks as they come: it is our feeder, if there is none. Returns whether there
    /// may be one branch more.
    pub(crate) fn ask(&mut self, peer: &PeerId) -> bool {
        let room = self.graft(peer);
        if room && self.feeder.is_none() {
            self.feeder = Some(peer.clone());
        }
        room
    }

    /// A neighbour may bring the next blocks sooner than our feeder does. Returns whether there may be one
    /// branch more.
    pub(crate) fn challenge(&mut self, rival: &PeerId) -> bool {
        let room = self.graft(rival);
        if room {
            self.rival = Some(rival.clone());
        }
        room
    }

    /// Takes our feeder, if this one has been quicker and shall replace it.
    pub(crate) fn take_replaced(&mut self, quicker: &PeerId) -> Option<PeerId> {
        self.rival.take_if(|rival| rival == quicker)?;
        self.feeder.take_if(|feeder| feeder != quicker)
    }

    /// A neighbour could feed us, if nobody else does.
    pub(crate) fn spare(&mut self, peer: &PeerId) {
        if self.spares.len() < MAX_BRANCHES && !self.spares.contains(peer) {
            self.spares.push(peer.clone());
        }
    }

    /// Does nobody bring our blocks, although the tree has grown?
    pub(crate) fn is_unfed(&self) -> bool {
        self.grown && self.feeder.is_none() && !self.source
    }

    /// Takes the neighbour to be asked now, if we have no feeder: the one that offered first.
    pub(crate) fn take_spare(&mut self) -> Option<PeerId> {
        let wanted = self.feeder.is_none() && !self.spares.is_empty();
        wanted.then(|| self.spares.remove(0))
    }

    /// No more blocks travel between us and the peer.
    pub(crate) fn cut(&mut self, now: Instant, peer: &PeerId) {
        self.branches.remove(peer);
        self.offered.remove(peer);
        self.feeder.take_if(|feeder| feeder == peer);
        self.rival.take_if(|rival| rival == peer);
        self.owed.remove(peer);
        self.cut.insert(peer.clone(), now);
    }

    /// A peer was the first to bring a block: it is a neighbour in the tree, from which our blocks come.
    /// Unless the branch was cut while the block was on its way: then nothing more will come, and the one
    /// returned, from which blocks do come, shall not take us for its own source.
    pub(crate) fn on_brought(&mut self, seq: u64, peer: &PeerId) -> Option<PeerId> {
        self.note(seq, peer);
        if self.cut.contains_key(peer) {
            return self.feeder.clone();
        }
        self.graft(peer);
        self.feeder = Some(peer.clone());
        self.source = false;
        self.outside = false;
        self.spares.clear();
        None
    }

    /// A block has come from outside the tree. We would rather have a feeder, but can be one meanwhile.
    pub(crate) fn on_outside(&mut self) {
        self.outside = true;
    }

    /// A block is our own: whoever sends it to us sends one too many.
    pub(crate) fn on_published(&mut self, seq: u64, own: &PeerId) {
        self.note(seq, own);
        self.source = true;
    }

    /// A peer has sent a block that another one had brought. Is it to be told to stop?
    pub(crate) fn is_superfluous(&self, now: Instant, seq: u64, peer: &PeerId) -> bool {
        let first = self.brought.get(&seq).filter(|first| *first != peer);
        // Of two branches cut one after the other the last would have been the one to keep.
        if first.is_none_or(|first| self.cut.contains_key(first)) {
            return false;
        }
        let recent = |at: &Instant| *at + PRUNE_AGAIN > now;
        self.is_branch(peer) || !self.cut.get(peer).is_some_and(recent)
    }

    /// A peer is no neighbour any more. Returns whether it was the one that brought us blocks.
    pub(crate) fn forget(&mut self, peer: &PeerId) -> bool {
        self.branches.remove(peer);
        self.offered.remove(peer);
        self.spares.retain(|spare| spare != peer);
        self.owed.remove(peer);
        self.limit_told.take_if(|(told, _)| told == peer);
        self.rival.take_if(|rival| rival == peer);
        self.cut.remove(peer);
        self.told.remove(peer);
        self.wishes.remove(peer);
        self.feeder.take_if(|feeder| feeder == peer).is_some()
    }

    /// Has the peer not been told of this height, nor sent all blocks?
    pub(crate) fn is_untold(&self, peer: &PeerId, height: u64) -> bool {
        let untold = self.told.get(peer).is_none_or(|told| *told < height);
        untold && (!self.is_branch(peer) || self.owed.contains_key(peer))
    }

    /// A block had to be pushed at random: all others shall hear of it soon.
    pub(crate) fn hasten(&mut self) {
        self.hasty = true;
    }

    pub(crate) fn is_hasty(&self) -> bool {
        self.hasty
    }

    /// A height is to be told. Returns whether none was waiting, or it is to be sooner than that.
    pub(crate) fn announces(&mut self) -> bool {
        !std::mem::replace(&mut self.announcing, true) || self.hasty
    }

    pub(crate) fn on_announced(&mut self) {
        self.announcing = false;
        self.hasty = false;
    }

    /// A peer was told our height, and the first number that we have no place for.
    pub(crate) fn on_told(&mut self, peer: &PeerId, height: u64, limit: u64) {
        self.told.insert(peer.clone(), height);
        if self.owed.get(peer).is_some_and(|owed| *owed < height) {
            self.owed.remove(peer);
        }
        if self.feeder.as_ref() == Some(peer) {
            self.limit_told = Some((peer.clone(), limit));
        }
    }

    /// The peer wants to be told as soon as we have this height, instead of what it wished before.
    pub(crate) fn wish(&mut self, peer: &PeerId, height: u64) {
        self.wishes.insert(peer.clone(), height);
    }

    /// Takes those who wished to be told of this height or a lower one.
    pub(crate) fn granted(&mut self, height: u64) -> Vec<PeerId> {
        let mut granted = Vec::new();
        self.wishes.retain(|peer, wish| {
            let keep = *wish > height;
            if !keep {
                granted.push(peer.clone());
            }
            keep
        });
        granted
    }

    /// What the peer asked for. Returns whether it gets blocks from now on, if it wants them.
    pub(crate) fn on_asked(&mut self, now: Instant, peer: &PeerId, branch: Branch) -> bool {
        match branch {
            // Those that nobody feeds would only find each other.
            Branch::Graft if self.is_unfed() && !self.outside => {
                self.offered.remove(peer);
                false
            }
            Branch::Graft => self.graft(peer),
            Branch::Prune => {
                self.cut(now, peer);
                false
            }
        }
    }

    /// Everything that is bounded here.
    pub(super) fn stores(&self, config: &Config, stores: &mut Stores) {
        let links = config.link.max_links.get().saturating_mul(2);
        stores.add("branches", self.branches.len(), MAX_BRANCHES);
        stores.add("peers offered blocks", self.offered.len(), MAX_BRANCHES);
        stores.add(
            "neighbours that could feed us",
            self.spares.len(),
            MAX_BRANCHES,
        );
        stores.add("links cut off the tree", self.cut.len(), links);
        stores.add("links told our height", self.told.len(), links);
        stores.add(
            "blocks by who brought them",
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

    fn superfluous(tree: &mut Tree, now: Instant, seq: u64, peer: &PeerId) -> bool {
        let superfluous = tree.is_superfluous(now, seq, peer);
        if superfluous {
            tree.cut(now, peer);
        }
        superfluous
    }

    fn branches(tree: &Tree) -> Vec<PeerId> {
        tree.branches().cloned().collect()
    }

    #[test]
    fn the_first_to_bring_a_block_is_a_branch_and_a_later_one_is_cut_once() {
        let mut tree = Tree::default();
        tree.grow([peer(2), peer(3)]);
        tree.on_brought(7, &peer(1));
        assert_eq!(branches(&tree), [peer(1), peer(2), peer(3)]);
        assert!(!superfluous(&mut tree, Instant::START, 7, &peer(1)));
        assert!(superfluous(&mut tree, Instant::START, 7, &peer(2)));
        assert!(
            !superfluous(&mut tree, Instant::START, 7, &peer(2)),
            "it may not have heard yet"
        );
        assert!(superfluous(
            &mut tree,
            Instant::START + PRUNE_AGAIN,
            7,
            &peer(2)
        ));
        assert_eq!(branches(&tree), [peer(1), peer(3)]);
        assert!(!tree.is_untried(&peer(2)));
    }

    #[test]
    fn a_copy_of_a_block_that_no_neighbour_brought_cuts_nothing() {
        let mut tree = Tree::default();
        tree.grow([peer(2)]);
        assert!(!superfluous(&mut tree, Instant::START, 7, &peer(2)));
        assert!(tree.is_branch(&peer(2)));
    }

    #[test]
    fn branches_are_bounded_and_drawn_anew_when_none_is_left() {
        let mut tree = Tree::default();
        tree.on_published(0, &peer(200));
        assert!(tree.must_grow());
        tree.grow((0..20).map(peer));
        assert_eq!(branches(&tree).len(), MAX_BRANCHES);
        assert!(!tree.on_asked(Instant::START, &peer(100), Branch::Graft));
        for name in 0..20 {
            assert!(!tree.must_grow() || name as usize >= MAX_BRANCHES);
            tree.on_asked(Instant::START, &peer(name), Branch::Prune);
        }
        assert!(tree.must_grow());
        assert!(tree.on_asked(Instant::START, &peer(3), Branch::Graft));
        assert!(!tree.must_grow());
    }

    #[test]
    fn what_was_on_its_way_on_a_branch_that_was_cut_cuts_no_other() {
        let mut tree = Tree::default();
        assert_eq!(tree.on_brought(7, &peer(1)), None);
        assert!(superfluous(&mut tree, Instant::START, 7, &peer(2)));
        // The next block was faster on the branch that has just been cut.
        assert_eq!(tree.on_brought(8, &peer(2)), Some(peer(1)));
        assert!(!superfluous(&mut tree, Instant::START, 8, &peer(1)));
        assert_eq!(branches(&tree), [peer(1)]);
    }

    #[test]
    fn the_loss_of_the_one_that_brought_the_last_block_is_noticed() {
        let mut tree = Tree::default();
        tree.on_brought(7, &peer(1));
        tree.on_brought(8, &peer(2));
        assert!(!tree.forget(&peer(1)));
        assert!(tree.forget(&peer(2)));
    }

    #[test]
    fn whoever_nobody_feeds_feeds_nobody_new_and_asks_those_that_offered_before() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(tree.ask(&peer(1)));
        tree.spare(&peer(2));
        tree.spare(&peer(3));
        assert_eq!(tree.take_spare(), None, "the first may feed us");
        tree.on_asked(Instant::START, &peer(1), Branch::Prune);
        assert!(tree.is_unfed());
        assert!(!tree.on_asked(Instant::START, &peer(5), Branch::Graft));
        assert_eq!(tree.take_spare(), Some(peer(2)));
        assert!(tree.ask(&peer(2)));
        assert!(tree.on_asked(Instant::START, &peer(5), Branch::Graft));
        tree.on_brought(7, &peer(2));
        tree.on_asked(Instant::START, &peer(2), Branch::Prune);
        assert_eq!(tree.take_spare(), None, "that was long ago");
    }

    #[test]
    fn whoever_is_refused_is_offered_nothing_more_until_it_is_drawn_again() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        assert!(!tree.on_asked(Instant::START, &peer(5), Branch::Graft));
        assert!(!tree.is_offering());
        assert!(tree.is_untried(&peer(5)));
    }

    #[test]
    fn whoever_gets_blocks_from_outside_feeds_others_and_looks_for_a_feeder_all_the_same() {
        let mut tree = Tree::default();
        tree.offer([peer(5)]);
        tree.on_outside();
        assert!(tree.is_unfed());
        assert!(tree.on_asked(Instant::START, &peer(5), Branch::Graft));
        tree.on_brought(7, &peer(1));
        tree.on_asked(Instant::START, &peer(1), Branch::Prune);
        assert!(
            !tree.on_asked(Instant::START, &peer(6), Branch::Graft),
            "blocks came along the tree, and do no more"
        );
    }
}
