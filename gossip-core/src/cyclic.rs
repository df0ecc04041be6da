//! Going round a table that is too large to be told at once.

use std::collections::BTreeMap;
use std::ops::Bound;

/// All entries, beginning behind `after`, or with the first if there is none.
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
    fn a_round_visits_each_entry_once_whether_or_not_its_start_is_still_there() {
        let table = BTreeMap::from([(1, ()), (3, ()), (5, ())]);
        let round = |after: Option<i32>| {
            let entries = from_after(&table, after.as_ref());
            entries.map(|(key, ())| *key).collect::<Vec<_>>()
        };
        assert_eq!(round(None), [1, 3, 5]);
        assert_eq!(round(Some(3)), [5, 1, 3]);
        assert_eq!(round(Some(4)), [5, 1, 3]);
        assert_eq!(round(Some(9)), [1, 3, 5]);
    }
}
