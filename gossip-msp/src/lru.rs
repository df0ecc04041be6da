//! A bounded map that evicts the least recently used entry.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    entries: HashMap<K, (u64, V)>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
    capacity: usize,
    evicted: u64,
}

impl<K: Eq + Hash + Copy, V: Clone> Lru<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            capacity: capacity.max(1),
            evicted: 0,
        }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let (used, value) = self.entries.get_mut(key)?;
        self.by_use.remove(used);
        self.uses += 1;
        *used = self.uses;
        self.by_use.insert(self.uses, *key);
        Some(value.clone())
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.uses += 1;
        if let Some((used, _)) = self.entries.insert(key, (self.uses, value)) {
            self.by_use.remove(&used);
        }
        self.by_use.insert(self.uses, key);
        while self.entries.len() > self.capacity {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            self.entries.remove(&oldest);
            self.evicted += 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number of entries evicted for lack of room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_unused_for_longest_is_shed() {
        let mut lru = Lru::new(2);
        lru.insert(1, "one");
        lru.insert(2, "two");
        assert_eq!(lru.get(&1), Some("one"));
        lru.insert(3, "three");
        assert_eq!(lru.get(&2), None);
        assert_eq!(lru.get(&1), Some("one"));
        assert_eq!((lru.len(), lru.by_use.len(), lru.evicted()), (2, 2, 1));
    }

    #[test]
    fn replacing_an_entry_sheds_nothing() {
        let mut lru = Lru::new(2);
        for value in 0..10 {
            lru.insert(1, value);
        }
        assert_eq!((lru.len(), lru.by_use.len(), lru.evicted()), (1, 1, 0));
    }
}
