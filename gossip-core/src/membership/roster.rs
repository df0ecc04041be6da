//! The alive members in a form that random draws like: dense, with what predicates ask.

use crate::rng::ModuleRng;
use crate::{OrgId, PeerId};

/// An alive member.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) peer: PeerId,
    /// Its organisation; absent means foreign.
    pub(crate) org: Option<OrgId>,
    /// It has an external endpoint.
    pub(crate) external: bool,
    /// An authenticated link is up.
    pub(crate) connected: bool,
}

/// Draws alive members at random.
#[derive(Debug)]
pub(crate) struct Roster {
    slots: Vec<Slot>,
    /// A permutation of the slots' indices, shuffled a little further by each draw.
    order: Vec<usize>,
    rng: ModuleRng,
}

impl Roster {
    pub(crate) fn new(rng: ModuleRng) -> Self {
        Self {
            slots: Vec::new(),
            order: Vec::new(),
            rng,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index)
    }

    /// Adds a member and returns its index.
    pub(super) fn insert(&mut self, slot: Slot) -> usize {
        let index = self.slots.len();
        self.slots.push(slot);
        self.order.push(index);
        index
    }

    /// Removes the member at `index`. Returns the one that took its place, if any.
    pub(super) fn remove(&mut self, index: usize) -> Option<&PeerId> {
        if index >= self.slots.len() {
            return None;
        }
        let last = self.slots.len() - 1;
        self.slots.swap_remove(index);
        self.order.retain(|entry| *entry != last);
        self.slots.get(index).map(|slot| &slot.peer)
    }

    /// Draws `count` members that satisfy `accept`, uniformly and without repetition; fewer if
    /// there are not as many. Costs one call of `accept` per member looked at.
    pub(crate) fn draw(&mut self, count: usize, accept: impl FnMut(&Slot) -> bool) -> Vec<PeerId> {
        self.draw_map(count, accept, |slot| slot.peer.clone())
    }

    /// The same, but what `pick` takes of each.
    pub(crate) fn draw_map<T>(
        &mut self,
        count: usize,
        mut accept: impl FnMut(&Slot) -> bool,
        pick: impl Fn(&Slot) -> T,
    ) -> Vec<T> {
        let mut drawn = Vec::with_capacity(count.min(self.slots.len()));
        let len = self.order.len();
        for place in 0..len {
            if drawn.len() == count {
                break;
            }
            let other = place + self.rng.below(len - place);
            self.order.swap(place, other);
            let slot = &self.slots[self.order[place]];
            if accept(slot) {
                drawn.push(pick(slot));
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(count: u8) -> Roster {
        let mut roster = Roster::new(ModuleRng::fork(&[3; 32], "roster"));
        for name in 0..count {
            roster.insert(Slot {
                peer: PeerId::new(&[name]),
                org: None,
                external: name % 2 == 0,
                connected: false,
            });
        }
        roster
    }

    #[test]
    fn a_draw_honours_the_count_and_the_predicate() {
        let mut roster = roster(20);
        for _ in 0..50 {
            let drawn = roster.draw(3, |slot| slot.external);
            assert_eq!(drawn.len(), 3);
            assert!(drawn.iter().all(|peer| peer.as_bytes()[0] % 2 == 0));
            assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
        }
        assert_eq!(roster.draw(30, |_| true).len(), 20);
        assert!(roster.draw(3, |_| false).is_empty());
    }

    #[test]
    fn every_member_is_drawn_about_as_often() {
        let mut roster = roster(10);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            for peer in roster.draw(3, |_| true) {
                counts[usize::from(peer.as_bytes()[0])] += 1;
            }
        }
        assert!(
            counts.iter().all(|count| (2_700..3_300).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_removed_member_is_never_drawn() {
        let mut roster = roster(5);
        assert_eq!(roster.remove(1), Some(&PeerId::new(&[4])));
        assert_eq!(roster.remove(3), None);
        let mut left = roster.draw(9, |_| true);
        left.sort_unstable();
        assert_eq!(
            left,
            [PeerId::new(&[0]), PeerId::new(&[2]), PeerId::new(&[4])]
        );
    }
}
