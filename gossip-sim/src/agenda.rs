//! What is to happen, in order of time; what was planned first happens first.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use gossip_core::Instant;

/// The event heap. `W` names what happens; keep it small and put bulk into a [`Slab`].
#[derive(Debug)]
pub(crate) struct Agenda<W> {
    heap: BinaryHeap<Reverse<Entry<W>>>,
    seq: u64,
}

impl<W> Agenda<W> {
    pub(crate) fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            seq: 0,
        }
    }

    pub(crate) fn plan(&mut self, at: Instant, node: u32, what: W) {
        self.seq += 1;
        self.heap.push(Reverse(Entry {
            at,
            seq: self.seq,
            node,
            what,
        }));
    }

    /// When the next entry is due.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, u32, W)> {
        self.heap
            .pop()
            .map(|Reverse(entry)| (entry.at, entry.node, entry.what))
    }
}

#[derive(Debug)]
struct Entry<W> {
    at: Instant,
    seq: u64,
    node: u32,
    what: W,
}

impl<W> Ord for Entry<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.seq).cmp(&(other.at, other.seq))
    }
}

impl<W> PartialOrd for Entry<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> PartialEq for Entry<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<W> Eq for Entry<W> {}

/// Values that wait for their turn, addressed by a small key; places are used again.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(crate) fn insert(&mut self, value: T) -> u32 {
        if let Some(key) = self.free.pop() {
            self.places[key as usize] = Some(value);
            return key;
        }
        self.places.push(Some(value));
        u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
    }

    /// Takes the value out; a key answers once.
    pub(crate) fn take(&mut self, key: u32) -> Option<T> {
        let value = self.places.get_mut(key as usize)?.take();
        if value.is_some() {
            self.free.push(key);
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_order_of_time_and_equal_times_in_order_of_planning() {
        let mut agenda = Agenda::new();
        for (at, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (3, 'b'), (5, 'e')] {
            agenda.plan(Instant::from_nanos(at), 0, what);
        }
        assert_eq!(agenda.next_at(), Some(Instant::from_nanos(1)));
        let order: String = std::iter::from_fn(|| agenda.pop())
            .map(|(_, _, what)| what)
            .collect();
        assert_eq!(order, "abcde");
    }

    #[test]
    fn a_slab_uses_places_again_and_answers_a_key_once() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.take(a), Some('a'));
        assert_eq!(slab.take(a), None);
        assert_eq!(slab.insert('c'), a);
        assert_eq!((slab.take(a), slab.take(b)), (Some('c'), Some('b')));
    }
}
