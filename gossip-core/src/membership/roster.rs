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
    /// The last dial to it failed.
    pub(crate) unreachable: bool,
}

/// Draws alive members at random.
#[derive(Debug)]
pub(crate) struct Roster {
    own_org: OrgId,
    slots: Vec<Slot>,
    /// A permutation of the slots' indices, shuffled a little further by each draw.
    order: Vec<usize>,
    /// The same of those that are connected.
    linked: Vec<usize>,
    /// Members of our own organisation, and those of them that are connected.
    own_members: usize,
    own_linked: usize,
    rng: ModuleRng,
}

impl Roster {
    pub(crate) fn new(own_org: OrgId, rng: ModuleRng) -> Self {
        Self {
            own_org,
            slots: Vec::new(),
            order: Vec::new(),
            linked: Vec::new(),
            own_members: 0,
            own_linked: 0,
            rng,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Are links up to `enough` members of our own organisation and `enough` in all, or to all that
    /// there are, if `pending` more come up?
    pub(crate) fn is_linked_enough(&self, enough: usize, pending: usize) -> bool {
        self.own_linked + pending >= enough.min(self.own_members)
            && self.linked.len() + pending >= enough.min(self.slots.len())
    }

    /// Adds a member and returns its index.
    pub(super) fn insert(&mut self, slot: Slot) -> usize {
        let index = self.slots.len();
        self.slots.push(slot);
        self.order.push(index);
        self.count_in(index);
        index
    }

    /// Notes whether the member at `index` has an external endpoint; asked for with each heartbeat.
    pub(super) fn set_external(&mut self, index: usize, external: bool) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.external = external;
        }
    }

    /// Changes the member at `index`.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut Slot)) {
        if index >= self.slots.len() {
            return;
        }
        self.count_out(index);
        change(&mut self.slots[index]);
        self.count_in(index);
    }

    /// Removes the member at `index`. Returns the one that took its place, if any.
    pub(super) fn remove(&mut self, index: usize) -> Option<&PeerId> {
        if index >= self.slots.len() {
            return None;
        }
        self.count_out(index);
        let last = self.slots.len() - 1;
        self.slots.swap_remove(index);
        self.order.retain(|entry| *entry != last);
        if let Some(entry) = self.linked.iter_mut().find(|entry| **entry == last) {
            *entry = index;
        }
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
        accept: impl FnMut(&Slot) -> bool,
        pick: impl Fn(&Slot) -> T,
    ) -> Vec<T> {
        shuffle(
            &self.slots,
            &mut self.order,
            &mut self.rng,
            count,
            accept,
            pick,
        )
    }

    /// The same among the connected members, whatever the number of the others.
    pub(crate) fn draw_linked<T>(
        &mut self,
        count: usize,
        accept: impl FnMut(&Slot) -> bool,
        pick: impl Fn(&Slot) -> T,
    ) -> Vec<T> {
        shuffle(
            &self.slots,
            &mut self.linked,
            &mut self.rng,
            count,
            accept,
            pick,
        )
    }

    fn count_in(&mut self, index: usize) {
        let slot = &self.slots[index];
        let own = usize::from(slot.org.as_ref() == Some(&self.own_org));
        self.own_members += own;
        if slot.connected {
            self.own_linked += own;
            self.linked.push(index);
        }
    }

    fn count_out(&mut self, index: usize) {
        let slot = &self.slots[index];
        let own = usize::from(slot.org.as_ref() == Some(&self.own_org));
        self.own_members -= own;
        if slot.connected {
            self.own_linked -= own;
            self.linked.retain(|entry| *entry != index);
        }
    }
}

fn shuffle<T>(
    slots: &[Slot],
    order: &mut [usize],
    rng: &mut ModuleRng,
    count: usize,
    mut accept: impl FnMut(&Slot) -> bool,
    pick: impl Fn(&Slot) -> T,
) -> Vec<T> {
    let mut drawn = Vec::with_capacity(count.min(order.len()));
    let len = order.len();
    for place in 0..len {
        if drawn.len() == count {
            break;
        }
        let other = place + rng.below(len - place);
        order.swap(place, other);
        let slot = &slots[order[place]];
        if accept(slot) {
            drawn.push(pick(slot));
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(count: u8) -> Roster {
        let mut roster = Roster::new(OrgId::new(b"own"), ModuleRng::fork(&[3; 32], "roster"));
        for name in 0..count {
            roster.insert(Slot {
                peer: PeerId::new(&[name]),
                org: None,
                external: name % 2 == 0,
                connected: false,
                unreachable: false,
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

    #[test]
    fn connected_members_are_drawn_alone_however_they_came_and_others_went() {
        let mut roster = roster(6);
        for index in [0, 3, 5] {
            roster.change(index, |slot| slot.connected = true);
        }
        roster.change(3, |slot| slot.connected = false);
        roster.remove(1);
        let name = |slot: &Slot| slot.peer.as_bytes()[0];
        let mut linked = roster.draw_linked(9, |_| true, name);
        linked.sort_unstable();
        assert_eq!(linked, [0, 5]);
        roster.remove(0);
        assert_eq!(roster.draw_linked(9, |_| true, name), [5]);
    }

    #[test]
    fn links_within_our_own_organisation_are_enough_at_the_bound_or_if_nobody_is_left() {
        let mut roster = roster(3);
        assert!(!roster.is_linked_enough(2, 0), "others are there");
        for index in 0..3 {
            roster.change(index, |slot| slot.org = Some(OrgId::new(b"own")));
        }
        roster.change(0, |slot| slot.connected = true);
        assert!(!roster.is_linked_enough(2, 0));
        assert!(roster.is_linked_enough(2, 1), "one more is coming");
        roster.change(1, |slot| slot.connected = true);
        assert!(roster.is_linked_enough(2, 0));
        assert!(!roster.is_linked_enough(9, 0));
        roster.remove(2);
        assert!(roster.is_linked_enough(9, 0), "all that there are");
    }
}
