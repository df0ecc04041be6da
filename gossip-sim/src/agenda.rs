//! Planned entries in order of time; entries of equal time in order of planning.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use gossip_core::Instant;

/// Width of a slot, in bits of nanoseconds: 16 µs.
const SLOT_BITS: u32 = 14;
/// Slots after the present one: 67 ms, several times the usual latency.
const SLOTS: usize = 1 << 12;

/// The event agenda: a wheel of slots for the near future, because a heap of hundreds of thousands
/// of entries misses the cache at each level, and a heap for later entries. `W` is the occurrence; keep it small and
/// put large values into a [`Slab`].
#[derive(Debug)]
pub(crate) struct Agenda<W> {
    /// Entries of the present slot or earlier ones.
    present: BinaryHeap<Reverse<Entry<W>>>,
    /// The number of the present slot, counted from the start.
    slot: u64,
    /// Slots after the present one, by their number modulo [`SLOTS`].
    wheel: Box<[Vec<Entry<W>>]>,
    /// A bit for each slot of the wheel that has entries, so that empty slots are skipped at no cost.
    occupied: [u64; SLOTS / 64],
    /// Entries beyond the wheel.
    far: BinaryHeap<Reverse<Entry<W>>>,
    seq: u64,
}

impl<W> Agenda<W> {
    pub(crate) fn new() -> Self {
        Self {
            present: BinaryHeap::new(),
            slot: 0,
            wheel: std::iter::repeat_with(Vec::new).take(SLOTS).collect(),
            occupied: [0; SLOTS / 64],
            far: BinaryHeap::new(),
            seq: 0,
        }
    }

    pub(crate) fn plan(&mut self, at: Instant, node: u32, what: W) {
        self.seq += 1;
        self.place(Entry {
            at,
            seq: self.seq,
            node,
            what,
        });
    }

    /// The time of the next entry.
    pub(crate) fn next_at(&mut self) -> Option<Instant> {
        self.advance();
        self.present.peek().map(|Reverse(entry)| entry.at)
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, u32, W)> {
        self.advance();
        self.present
            .pop()
            .map(|Reverse(entry)| (entry.at, entry.node, entry.what))
    }

    fn place(&mut self, entry: Entry<W>) {
        let slot = entry.slot();
        if slot <= self.slot {
            self.present.push(Reverse(entry));
        } else if slot - self.slot < SLOTS as u64 {
            self.wheel[index(slot)].push(entry);
            self.occupied[index(slot) / 64] |= 1 << (slot % 64);
        } else {
            self.far.push(Reverse(entry));
        }
    }

    /// Makes the next slot with entries the present one, if the present one is empty.
    fn advance(&mut self) {
        while self.present.is_empty() {
            if let Some(slot) = self.next_occupied() {
                self.slot = slot;
            } else if let Some(Reverse(first)) = self.far.peek() {
                self.slot = first.slot();
            } else {
                return;
            }
            let due = &mut self.wheel[index(self.slot)];
            self.occupied[index(self.slot) / 64] &= !(1 << (self.slot % 64));
            self.present.extend(due.drain(..).map(Reverse));
            let horizon = self.slot + SLOTS as u64;
            while let Some(Reverse(first)) = self.far.peek()
                && first.slot() < horizon
                && let Some(Reverse(entry)) = self.far.pop()
            {
                self.place(entry);
            }
        }
    }
}

impl<W> Agenda<W> {
    /// The next slot of the wheel with entries.
    fn next_occupied(&self) -> Option<u64> {
        let first = self.slot + 1;
        let words = self.occupied.len();
        let (word, bit) = (index(first) / 64, first % 64);
        // The first word is read twice: its upper bits are the nearest slots, its lower bits the farthest.
        for step in 0..=words {
            let held = self.occupied[(word + step) % words];
            let held = match step {
                0 => held & (u64::MAX << bit),
                last if last == words => held & !(u64::MAX << bit),
                _ => held,
            };
            if held != 0 {
                let base = first - bit + 64 * step as u64;
                return Some(base + u64::from(held.trailing_zeros()));
            }
        }
        None
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "only the low bits are needed"
)]
const fn index(slot: u64) -> usize {
    slot as usize % SLOTS
}

impl<W> Entry<W> {
    const fn slot(&self) -> u64 {
        self.at.as_nanos() >> SLOT_BITS
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

/// Values addressed by a small key; places are reused.
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

    pub(crate) fn peek(&self, key: u32) -> Option<&T> {
        self.places.get(key as usize)?.as_ref()
    }

    /// Removes and returns a value.
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
    fn entries_are_ordered_by_time_and_equal_times_by_planning() {
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
    fn near_and_far_entries_are_ordered_also_if_planned_meanwhile() {
        let mut agenda = Agenda::new();
        let mut planned = 0_u64;
        for at in (0..3_000_u64).map(|n| n * n * 7_919 % 1_000_000_007) {
            agenda.plan(Instant::from_nanos(at), 0, planned);
            planned += 1;
        }
        let (mut last, mut popped) = ((Instant::START, 0), 0);
        while let Some((at, _, number)) = agenda.pop() {
            assert!((at, number) >= last, "{at:?} after {last:?}");
            last = (at, number);
            popped += 1;
            if number % 3 == 0 && planned < 9_000 {
                let ahead = Instant::from_nanos(at.as_nanos() + planned * 30_011 % 90_000_000);
                agenda.plan(ahead, 0, planned);
                planned += 1;
            }
        }
        assert_eq!(popped, planned);
    }

    #[test]
    fn a_slab_reuses_places_and_returns_each_value_once() {
        let mut slab = Slab::new();
        let (a, b) = (slab.insert('a'), slab.insert('b'));
        assert_eq!(slab.take(a), Some('a'));
        assert_eq!(slab.take(a), None);
        assert_eq!(slab.insert('c'), a);
        assert_eq!((slab.take(a), slab.take(b)), (Some('c'), Some('b')));
    }
}
