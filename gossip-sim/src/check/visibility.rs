//! The visibility matrix: which node sees which.

use gossip_core::Instant;

/// A square of bits: row `observer`, column `subject`.
#[derive(Debug, Default)]
struct Square {
    words: usize,
    rows: Vec<Vec<u64>>,
}

/// The pairs of nodes of which the first sees, has seen, and should see the second.
#[derive(Debug, Default)]
pub(crate) struct VisibilityMatrix {
    seen: Square,
    /// Seen at some time since the observer's start.
    once: Square,
    due: Square,
    last_discovery: Instant,
}

impl VisibilityMatrix {
    /// Adds a row and a column for a new node.
    pub(crate) fn grow(&mut self) {
        self.seen.grow();
        self.once.grow();
        self.due.grow();
    }

    pub(crate) fn set(&mut self, now: Instant, observer: u32, subject: u32, alive: bool) {
        self.seen.set(observer, subject, alive);
        if alive && !self.once.get(observer, subject) {
            self.once.set(observer, subject, true);
            self.last_discovery = now;
        }
    }

    pub(crate) fn sees(&self, observer: u32, subject: u32) -> bool {
        self.seen.get(observer, subject)
    }

    /// Clears the row of `observer`.
    pub(crate) fn clear(&mut self, observer: u32) {
        self.seen.rows[observer as usize].fill(0);
        self.once.rows[observer as usize].fill(0);
    }

    /// Computes the due pairs again.
    pub(crate) fn expect(&mut self, due: impl Fn(u32, u32) -> bool) {
        let nodes = u32::try_from(self.due.rows.len()).unwrap_or(u32::MAX);
        for observer in 0..nodes {
            for subject in 0..nodes {
                self.due.set(
                    observer,
                    subject,
                    observer != subject && due(observer, subject),
                );
            }
        }
    }

    /// The last time at which a node saw another for the first time.
    pub(crate) const fn last_discovery(&self) -> Instant {
        self.last_discovery
    }

    /// Returns whether all due pairs are seen.
    pub(crate) fn is_complete(&self) -> bool {
        self.due.is_within(&self.seen)
    }

    /// Returns whether all due pairs have been seen at some time.
    pub(crate) fn was_complete(&self) -> bool {
        self.due.is_within(&self.once)
    }

    /// The number of due pairs, and of those that have been seen at some time.
    pub(crate) fn count(&self) -> (u64, u64) {
        let (mut all, mut done) = (0, 0);
        for (due, seen) in self.due.rows.iter().zip(&self.once.rows) {
            for (due, seen) in due.iter().zip(seen) {
                all += u64::from(due.count_ones());
                done += u64::from((due & seen).count_ones());
            }
        }
        (all, done)
    }

    /// Pairs `(observer, subject)` that are seen although `down` holds for the subject.
    pub(crate) fn stale(&self, down: impl Fn(u32) -> bool) -> Vec<(u32, u32)> {
        let nodes = u32::try_from(self.seen.rows.len()).unwrap_or(u32::MAX);
        (0..nodes)
            .filter(|&subject| down(subject))
            .flat_map(|subject| (0..nodes).map(move |observer| (observer, subject)))
            .filter(|&(observer, subject)| self.seen.get(observer, subject))
            .collect()
    }

    /// Up to `limit` pairs `(observer, subject)` that are due and not seen.
    pub(crate) fn missing(&self, limit: usize) -> Vec<(u32, u32)> {
        let nodes = u32::try_from(self.due.rows.len()).unwrap_or(u32::MAX);
        (0..nodes)
            .flat_map(|observer| (0..nodes).map(move |subject| (observer, subject)))
            .filter(|&(observer, subject)| {
                self.due.get(observer, subject) && !self.seen.get(observer, subject)
            })
            .take(limit)
            .collect()
    }
}

impl Square {
    fn is_within(&self, other: &Self) -> bool {
        let mut rows = self.rows.iter().zip(&other.rows);
        rows.all(|(a, b)| a.iter().zip(b).all(|(a, b)| a & !b == 0))
    }

    fn grow(&mut self) {
        self.words = (self.rows.len() + 1).div_ceil(64);
        self.rows.push(Vec::new());
        for row in &mut self.rows {
            row.resize(self.words, 0);
        }
    }

    fn set(&mut self, row: u32, column: u32, on: bool) {
        let word = &mut self.rows[row as usize][column as usize / 64];
        let bit = 1 << (column % 64);
        if on {
            *word |= bit;
        } else {
            *word &= !bit;
        }
    }

    fn get(&self, row: u32, column: u32) -> bool {
        self.rows[row as usize][column as usize / 64] & (1 << (column % 64)) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_complete_only_when_each_due_pair_is_seen() {
        let mut matrix = VisibilityMatrix::default();
        (0..70).for_each(|_| matrix.grow());
        matrix.expect(|observer, subject| observer % 2 == subject % 2);
        assert_eq!(matrix.count(), (70 * 34, 0));
        for observer in 0..70 {
            for subject in 0..70 {
                matrix.set(Instant::from_millis(3), observer, subject, true);
            }
        }
        assert!(matrix.is_complete());
        matrix.set(Instant::from_millis(4), 69, 1, false);
        assert!(!matrix.is_complete());
        assert_eq!(matrix.missing(10), [(69, 1)]);
        assert!(matrix.was_complete());
        assert_eq!(matrix.count(), (70 * 34, 70 * 34));
        matrix.set(Instant::from_millis(5), 69, 0, false);
        matrix.set(Instant::from_millis(5), 69, 1, true);
        assert!(matrix.is_complete());
        matrix.clear(3);
        assert_eq!(matrix.missing(100).len(), 34);
        assert!(!matrix.was_complete());
        assert_eq!(matrix.last_discovery(), Instant::from_millis(3));
    }
}
