//! A bounded map of recent entries.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeBounds;

/// A map that drops its oldest entry when it is full. Age is the order of insertion: remote peers can choose keys, but
/// not ages.
pub(crate) struct Recent<K, V> {
    entries: BTreeMap<K, (u64, V)>,
    by_age: BTreeMap<u64, K>,
    inserted: u64,
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Recent<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter().map(|(key, (_, value))| (key, value));
        f.debug_map().entries(entries).finish()
    }
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            entries: BTreeMap::new(),
            by_age: BTreeMap::new(),
            inserted: 0,
        }
    }
}

impl<K: Ord + Clone, V> Recent<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub(crate) fn get_mut<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|(_, value)| value)
    }

    pub(crate) fn contains<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.entries.contains_key(key)
    }

    /// Inserts an entry as the newest, in place of one with the same key. Returns whether the oldest entry was dropped
    /// because there were `most`.
    pub(crate) fn insert(&mut self, key: K, value: V, most: usize) -> bool {
        self.remove(&key);
        let full = self.entries.len() >= most;
        if full && let Some((_, oldest)) = self.by_age.pop_first() {
            self.entries.remove(&oldest);
        }
        self.inserted += 1;
        self.by_age.insert(self.inserted, key.clone());
        self.entries.insert(key, (self.inserted, value));
        full
    }

    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let (age, value) = self.entries.remove(key)?;
        self.by_age.remove(&age);
        Some(value)
    }

    /// Removes the oldest entries as long as `is_over` holds for them.
    pub(crate) fn expire(&mut self, is_over: impl Fn(&V) -> bool) {
        while let Some((_, oldest)) = self.by_age.first_key_value() {
            if !self.get(oldest).is_none_or(&is_over) {
                return;
            }
            if let Some((_, oldest)) = self.by_age.pop_first() {
                self.entries.remove(&oldest);
            }
        }
    }

    /// The keys in a range.
    pub(crate) fn keys_in(&self, range: impl RangeBounds<K>) -> impl Iterator<Item = &K> {
        self.entries.range(range).map(|(key, _)| key)
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.by_age.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_dropped_and_inserting_an_entry_again_makes_it_the_newest() {
        let mut recent = Recent::default();
        for key in [9, 1, 5] {
            assert!(!recent.insert(key, "first", 3));
        }
        assert!(!recent.insert(9, "again", 3), "it replaces itself");
        assert!(recent.insert(3, "first", 3));
        assert!(!recent.contains(&1));
        assert!(recent.insert(2, "first", 3));
        assert!(!recent.contains(&5));
        assert_eq!(recent.get(&9), Some(&"again"));
        assert_eq!(recent.remove(&9), Some("again"));
        assert!(!recent.insert(7, "first", 3));
        assert_eq!((recent.entries.len(), recent.by_age.len()), (3, 3));
    }

    #[test]
    fn entries_expire_in_the_order_of_their_insertion() {
        let mut recent = Recent::default();
        for (key, until) in [(1, 5), (2, 9), (3, 5)] {
            recent.insert(key, until, 10);
        }
        recent.expire(|until| *until <= 5);
        assert!(!recent.contains(&1) && recent.contains(&2));
        assert!(recent.contains(&3), "an older one has not expired");
        recent.expire(|until| *until <= 9);
        assert!(recent.is_empty() && recent.by_age.is_empty());
    }
}
