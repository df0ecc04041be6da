//! One item that came several times before its check was done.

use std::collections::VecDeque;

/// An item as somebody told it, not yet checked.
pub(super) trait Claim {
    /// A verdict on the one is a verdict on the other.
    fn is_same(&self, other: &Self) -> bool;

    /// One and the same peer told both.
    fn shares_sender(&self, other: &Self) -> bool;

    /// Notes who else told the same, each once.
    fn merge(&mut self, same: Self);

    /// Several peers told it.
    fn has_several_senders(&self) -> bool;

    /// Somebody waits for what becomes of this very claim.
    fn is_awaited(&self) -> bool {
        false
    }

    /// What it keeps in memory.
    fn bytes(&self) -> u64;
}

/// The claim that is being checked, and different ones of the same item that wait for the verdict.
#[derive(Debug)]
pub(super) struct Copies<T> {
    pub(super) first: T,
    others: VecDeque<T>,
}

/// Different claims kept besides the one being checked, at most one of each sender, so that it takes
/// as many colluding senders to shadow the true one; more are dropped. Claims that are awaited always
/// have a place: there are no more of them than of publications and requests outstanding.
const MAX_COPIES: usize = 3;

impl<T: Claim> Copies<T> {
    pub(super) fn new(first: T) -> Self {
        Self {
            first,
            others: VecDeque::new(),
        }
    }

    /// Lets a claim share the verdict of an equal one, or wait for its turn. Returns how many bytes
    /// are kept for it.
    pub(super) fn add(&mut self, claim: T) -> u64 {
        let bytes = claim.bytes();
        if claim.is_awaited() {
            self.others.push_back(claim);
            return bytes;
        }
        let kept = self.others.iter().filter(|other| !other.is_awaited());
        let room = kept.count() < MAX_COPIES;
        let mut known = std::iter::once(&mut self.first).chain(&mut self.others);
        if let Some(earlier) = known.find(|earlier| earlier.is_same(&claim)) {
            earlier.merge(claim);
            return 0;
        }
        let mut known = std::iter::once(&self.first).chain(&self.others);
        if !room || known.any(|earlier| earlier.shares_sender(&claim)) {
            return 0;
        }
        self.others.push_back(claim);
        bytes
    }

    /// What is next after a verdict on the first: the others, if there are any.
    pub(super) fn rest(mut self) -> (T, Option<Self>) {
        let next = self.others.pop_front();
        let rest = next.map(|first| Self {
            first,
            others: self.others,
        });
        (self.first, rest)
    }

    /// Others than the first one's sender are interested.
    pub(super) fn is_shared(&self) -> bool {
        !self.others.is_empty() || self.first.has_several_senders()
    }

    pub(super) fn into_parts(self) -> (T, VecDeque<T>) {
        (self.first, self.others)
    }

    pub(super) fn bytes(&self) -> u64 {
        let all = std::iter::once(&self.first).chain(&self.others);
        all.map(T::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and who told it.
    #[derive(Debug, PartialEq, Eq)]
    struct Said(&'static str, Vec<u8>, bool);

    impl Claim for Said {
        fn is_same(&self, other: &Self) -> bool {
            self.0 == other.0
        }

        fn shares_sender(&self, other: &Self) -> bool {
            self.1.iter().any(|sender| other.1.contains(sender))
        }

        fn merge(&mut self, same: Self) {
            self.1.extend(same.1);
            self.1.dedup();
        }

        fn has_several_senders(&self) -> bool {
            self.1.len() > 1
        }

        fn is_awaited(&self) -> bool {
            self.2
        }

        fn bytes(&self) -> u64 {
            self.0.len() as u64
        }
    }

    fn said(text: &'static str, sender: u8) -> Said {
        Said(text, vec![sender], false)
    }

    #[test]
    fn equal_copies_are_one() {
        let mut copies = Copies::new(said("true", 1));
        for _ in 0..9 {
            assert_eq!(copies.add(said("true", 2)), 0);
        }
        let (one, others) = copies.into_parts();
        assert_eq!((one, others.len()), (Said("true", vec![1, 2], false), 0));
    }

    #[test]
    fn different_copies_wait_one_of_each_sender_and_only_a_few() {
        let mut copies = Copies::new(said("one", 1));
        assert_eq!(copies.add(said("mine too", 1)), 0);
        for sender in 2..5 {
            assert!(copies.add(said(["", "", "two", "three", "four"][sender], sender as u8)) > 0);
        }
        assert_eq!(copies.add(said("five", 5)), 0);
        assert_eq!(copies.bytes(), 3 + 3 + 5 + 4);
        assert!(copies.add(Said("awaited", vec![6], true)) > 0);
        let (_, rest) = copies.rest();
        assert_eq!(rest.unwrap().first, said("two", 2));
    }
}
