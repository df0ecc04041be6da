//! The alive members in a dense form for random draws, with the properties that predicates read.

use super::disclosure::Party;
use crate::rng::ModuleRng;
use crate::{OrgId, PeerId};

/// An alive member.
#[derive(Clone, Debug)]
pub(crate) struct AliveMember {
    pub(crate) peer: PeerId,
    /// Its organisation; absent if unknown, which counts as foreign.
    pub(crate) org: Option<OrgId>,
    /// Whether it has an external endpoint.
    pub(crate) external: bool,
    /// Whether an authenticated link to it is up.
    pub(crate) connected: bool,
    /// Whether the last dial to it failed.
    pub(crate) unreachable: bool,
}

impl AliveMember {
    /// Its properties for the rules of disclosure.
    pub(crate) fn party(&self) -> Party<'_> {
        Party {
            org: self.org.as_ref(),
            external: self.external,
        }
    }
}

/// The alive members, drawn at random.
#[derive(Debug)]
pub(crate) struct AliveMembers {
    own_org: OrgId,
    members: Vec<AliveMember>,
    /// A permutation of the members' indices, shuffled a little further by each draw.
    order: Vec<usize>,
    /// A permutation of the indices of the connected members.
    linked: Vec<usize>,
    /// Number of members of our own organisation, and of those that are connected.
    own_members: usize,
    own_linked: usize,
    rng: ModuleRng,
}

impl AliveMembers {
    pub(crate) fn new(own_org: OrgId, rng: ModuleRng) -> Self {
        Self {
            own_org,
            members: Vec::new(),
            order: Vec::new(),
            linked: Vec::new(),
            own_members: 0,
            own_linked: 0,
            rng,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns whether links are up to `enough` members of our own organisation and to `enough` members in all, or to
    /// all members if there are fewer. Counts `pending` dials as links.
    pub(crate) fn is_linked_enough(&self, enough: usize, pending: usize) -> bool {
        self.own_linked + pending >= enough.min(self.own_members)
            && self.linked.len() + pending >= enough.min(self.members.len())
    }

    /// Adds a member and returns its index.
    pub(super) fn insert(&mut self, member: AliveMember) -> usize {
        let index = self.members.len();
        self.members.push(member);
        self.order.push(index);
        self.count_in(index);
        index
    }

    /// Sets whether the member at `index` has an external endpoint. Runs for each heartbeat, so it skips the recount of
    /// `change`.
    pub(super) fn set_external(&mut self, index: usize, external: bool) {
        if let Some(member) = self.members.get_mut(index) {
            member.external = external;
        }
    }

    /// Changes the member at `index`.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut AliveMember)) {
        if index >= self.members.len() {
            return;
        }
        self.count_out(index);
        change(&mut self.members[index]);
        self.count_in(index);
    }

    /// Removes the member at `index`. Returns the member that moved to this index, if any.
    pub(super) fn remove(&mut self, index: usize) -> Option<&PeerId> {
        if index >= self.members.len() {
            return None;
        }
        self.count_out(index);
        let last = self.members.len() - 1;
        self.members.swap_remove(index);
        self.order.retain(|entry| *entry != last);
        if let Some(entry) = self.linked.iter_mut().find(|entry| **entry == last) {
            *entry = index;
        }
        self.members.get(index).map(|member| &member.peer)
    }

    /// Draws `count` members that satisfy `accept`, uniformly and without repetition; fewer if there are not enough.
    /// Calls `accept` once per member examined.
    pub(crate) fn draw(
        &mut self,
        count: usize,
        accept: impl FnMut(&AliveMember) -> bool,
    ) -> Vec<PeerId> {
        self.draw_map(count, accept, |member| member.peer.clone())
    }

    /// Like [`AliveMembers::draw`], but returns the value of `pick` for each member.
    pub(crate) fn draw_map<T>(
        &mut self,
        count: usize,
        accept: impl FnMut(&AliveMember) -> bool,
        pick: impl Fn(&AliveMember) -> T,
    ) -> Vec<T> {
        shuffle(
            &self.members,
            &mut self.order,
            &mut self.rng,
            count,
            accept,
            pick,
        )
    }

    /// Like [`AliveMembers::draw_map`] among the connected members. The cost does not depend on the number of other
    /// members.
    pub(crate) fn draw_linked<T>(
        &mut self,
        count: usize,
        accept: impl FnMut(&AliveMember) -> bool,
        pick: impl Fn(&AliveMember) -> T,
    ) -> Vec<T> {
        shuffle(
            &self.members,
            &mut self.linked,
            &mut self.rng,
            count,
            accept,
            pick,
        )
    }

    fn count_in(&mut self, index: usize) {
        let member = &self.members[index];
        let own = usize::from(member.org.as_ref() == Some(&self.own_org));
        self.own_members += own;
        if member.connected {
            self.own_linked += own;
            self.linked.push(index);
        }
    }

    fn count_out(&mut self, index: usize) {
        let member = &self.members[index];
        let own = usize::from(member.org.as_ref() == Some(&self.own_org));
        self.own_members -= own;
        if member.connected {
            self.own_linked -= own;
            self.linked.retain(|entry| *entry != index);
        }
    }
}

fn shuffle<T>(
    members: &[AliveMember],
    order: &mut [usize],
    rng: &mut ModuleRng,
    count: usize,
    mut accept: impl FnMut(&AliveMember) -> bool,
    pick: impl Fn(&AliveMember) -> T,
) -> Vec<T> {
    let mut drawn = Vec::with_capacity(count.min(order.len()));
    let len = order.len();
    for place in 0..len {
        if drawn.len() == count {
            break;
        }
        let other = place + rng.below(len - place);
        order.swap(place, other);
        let member = &members[order[place]];
        if accept(member) {
            drawn.push(pick(member));
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: u8) -> AliveMembers {
        let mut alive = AliveMembers::new(OrgId::new(b"own"), ModuleRng::fork(&[3; 32], "alive"));
        for name in 0..count {
            alive.insert(AliveMember {
                peer: PeerId::new(&[name]),
                org: None,
                external: name % 2 == 0,
                connected: false,
                unreachable: false,
            });
        }
        alive
    }

    #[test]
    fn a_draw_honours_the_count_and_the_predicate() {
        let mut alive = members(20);
        for _ in 0..50 {
            let drawn = alive.draw(3, |member| member.external);
            assert_eq!(drawn.len(), 3);
            assert!(drawn.iter().all(|peer| peer.as_bytes()[0] % 2 == 0));
            assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
        }
        assert_eq!(alive.draw(30, |_| true).len(), 20);
        assert!(alive.draw(3, |_| false).is_empty());
    }

    #[test]
    fn every_member_is_drawn_about_as_often() {
        let mut alive = members(10);
        let mut counts = [0_u32; 10];
        for _ in 0..10_000 {
            for peer in alive.draw(3, |_| true) {
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
        let mut alive = members(5);
        assert_eq!(alive.remove(1), Some(&PeerId::new(&[4])));
        assert_eq!(alive.remove(3), None);
        let mut left = alive.draw(9, |_| true);
        left.sort_unstable();
        assert_eq!(
            left,
            [PeerId::new(&[0]), PeerId::new(&[2]), PeerId::new(&[4])]
        );
    }

    #[test]
    fn only_connected_members_are_drawn_after_changes_and_removals() {
        let mut alive = members(6);
        for index in [0, 3, 5] {
            alive.change(index, |member| member.connected = true);
        }
        alive.change(3, |member| member.connected = false);
        alive.remove(1);
        let name = |member: &AliveMember| member.peer.as_bytes()[0];
        let mut linked = alive.draw_linked(9, |_| true, name);
        linked.sort_unstable();
        assert_eq!(linked, [0, 5]);
        alive.remove(0);
        assert_eq!(alive.draw_linked(9, |_| true, name), [5]);
    }

    #[test]
    fn links_are_enough_at_the_bound_or_to_all_members() {
        let mut alive = members(3);
        assert!(!alive.is_linked_enough(2, 0), "members without a link");
        for index in 0..3 {
            alive.change(index, |member| member.org = Some(OrgId::new(b"own")));
        }
        alive.change(0, |member| member.connected = true);
        assert!(!alive.is_linked_enough(2, 0));
        assert!(alive.is_linked_enough(2, 1), "one dial is pending");
        alive.change(1, |member| member.connected = true);
        assert!(alive.is_linked_enough(2, 0));
        assert!(!alive.is_linked_enough(9, 0));
        alive.remove(2);
        assert!(alive.is_linked_enough(9, 0), "links to all members");
    }
}
