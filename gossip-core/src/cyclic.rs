//! Cyclic iteration over a table that does not fit into one message.

use std::collections::BTreeMap;
use std::ops::Bound;

/// All entries, starting after the key `after`, or with the first entry if there is none.
pub(crate) fn from_after<'a, K: Ord, V>(
    table: &'a BTreeMap<K, V>,
    after: Option<&K>,
) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
    let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
    let rest = table.range((behind, Bound::Unbounded));
    let before = after.map(|after| table.range(..=after));
    rest.chain(before.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cycle_visits_each_entry_once_even_if_its_start_was_removed() {
        let table = BTreeMap::from([(1, ()), (3, ()), (5, ())]);
        let cycle = |after: Option<i32>| {
            let entries = from_after(&table, after.as_ref());
            entries.map(|(key, ())| *key).collect::<Vec<_>>()
        };
        assert_eq!(cycle(None), [1, 3, 5]);
        assert_eq!(cycle(Some(3)), [5, 1, 3]);
        assert_eq!(cycle(Some(4)), [5, 1, 3]);
        assert_eq!(cycle(Some(9)), [1, 3, 5]);
    }
}
