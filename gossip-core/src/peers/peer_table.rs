//! A table of values by peer.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::PeerId;

/// Values by peer: found by hash in constant time, iterated in the order of the peers.
///
/// The hash is seeded, so that PKI-IDs cannot be chosen to collide. The order of iteration does not depend on it. The
/// caller bounds the number of entries.
#[derive(Debug)]
pub(crate) struct PeerTable<V> {
    entries: Vec<(PeerId, V)>,
    /// Indices into `entries`, by the hash of the peer.
    index: HashTable<u32>,
    /// Indices into `entries`, in the order of the peers.
    order: Vec<u32>,
    hashes: FixedState,
}

impl<V> PeerTable<V> {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            index: HashTable::new(),
            order: Vec::new(),
            hashes: FixedState::with_seed(seed),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn contains_key(&self, peer: &[u8]) -> bool {
        self.find(peer).is_some()
    }

    pub(crate) fn get(&self, peer: &[u8]) -> Option<&V> {
        self.find(peer).map(|place| &self.entries[place].1)
    }

    pub(crate) fn get_mut(&mut self, peer: &[u8]) -> Option<&mut V> {
        self.find(peer).map(|place| &mut self.entries[place].1)
    }

    /// Inserts a value, and returns the one it replaces.
    pub(crate) fn insert(&mut self, peer: PeerId, value: V) -> Option<V> {
        if let Some(known) = self.get_mut(peer.as_bytes()) {
            return Some(std::mem::replace(known, value));
        }
        let place = self.entries.len() as u32;
        if let Err(rank) = self.rank(&peer) {
            self.order.insert(rank, place);
        }
        let hash = self.hash(peer.as_bytes());
        self.entries.push((peer, value));
        let (entries, hashes) = (&self.entries, &self.hashes);
        let rehash = |place: &u32| hash_of(hashes, entries[*place as usize].0.as_bytes());
        self.index.insert_unique(hash, place, rehash);
        None
    }

    pub(crate) fn remove(&mut self, peer: &[u8]) -> Option<(PeerId, V)> {
        let place = self.find(peer)? as u32;
        let hash = self.hash(peer);
        if let Ok(found) = self.index.find_entry(hash, |entry| *entry == place) {
            found.remove();
        }
        if let Ok(rank) = self.rank(&self.entries[place as usize].0) {
            self.order.remove(rank);
        }
        // The last entry moves to its place.
        let last = self.entries.len() as u32 - 1;
        if last != place {
            let moved = &self.entries[last as usize].0;
            let hash = self.hash(moved.as_bytes());
            if let Ok(rank) = self.rank(moved) {
                self.order[rank] = place;
            }
            if let Some(entry) = self.index.find_mut(hash, |entry| *entry == last) {
                *entry = place;
            }
        }
        Some(self.entries.swap_remove(place as usize))
    }

    /// Iterates over all entries in the order of the peers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &V)> {
        self.of(&self.order)
    }

    /// Iterates over all entries in cyclic order, from the first one after `after`, or from the start without it.
    pub(crate) fn iter_from_after<'a>(
        &'a self,
        after: Option<&PeerId>,
    ) -> impl Iterator<Item = (&'a PeerId, &'a V)> + use<'a, V> {
        let start = after.map_or(0, |after| match self.rank(after) {
            Ok(rank) => rank + 1,
            Err(rank) => rank,
        });
        let (before, rest) = self.order.split_at(start);
        self.of(rest).chain(self.of(before))
    }

    fn of<'a>(&'a self, places: &'a [u32]) -> impl Iterator<Item = (&'a PeerId, &'a V)> {
        places.iter().map(|place| {
            let (peer, value) = &self.entries[*place as usize];
            (peer, value)
        })
    }

    fn find(&self, peer: &[u8]) -> Option<usize> {
        let is_it = |place: &u32| self.entries[*place as usize].0.as_bytes() == peer;
        let place = self.index.find(self.hash(peer), is_it)?;
        Some(*place as usize)
    }

    /// The position of a peer in `order`, or where it would be inserted.
    fn rank(&self, peer: &PeerId) -> Result<usize, usize> {
        let order = |place: &u32| self.entries[*place as usize].0.cmp(peer);
        self.order.binary_search_by(order)
    }

    fn hash(&self, peer: &[u8]) -> u64 {
        hash_of(&self.hashes, peer)
    }
}

fn hash_of(hashes: &FixedState, peer: &[u8]) -> u64 {
    let mut hasher = hashes.build_hasher();
    hasher.write(peer);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_table_behaves_like_an_ordered_map(
            seed in any::<u64>(),
            steps in proptest::collection::vec((any::<bool>(), 0_u8..40, any::<u8>()), 0..200),
        ) {
            let (mut table, mut model) = (PeerTable::new(seed), BTreeMap::new());
            for (put, name, value) in steps {
                let peer = PeerId::new(&[name; 33][..1 + usize::from(name % 33)]);
                if put {
                    prop_assert_eq!(table.insert(peer.clone(), value), model.insert(peer, value));
                } else {
                    prop_assert_eq!(table.remove(peer.as_bytes()), model.remove_entry(&peer));
                }
                prop_assert_eq!(table.len(), model.len());
            }
            prop_assert!(table.iter().eq(model.iter()));
            for name in 0..40_u8 {
                let peer = PeerId::new(&[name; 33][..1 + usize::from(name % 33)]);
                prop_assert_eq!(table.get(peer.as_bytes()), model.get(&peer));
                prop_assert_eq!(table.contains_key(peer.as_bytes()), model.contains_key(&peer));
                prop_assert!(table
                    .iter_from_after(Some(&peer))
                    .eq(crate::cyclic::from_after(&model, Some(&peer))));
            }
        }
    }
}
