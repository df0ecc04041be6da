//! One signed item that came several times before its check was done.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use crate::{CryptoJob, PeerId};

/// A signed item as peers, or the application, told it.
pub(crate) trait SignedItem: fmt::Debug + Sized {
    /// A verdict must follow on each check that began, even if the link that it runs for is gone.
    const PROMISES_VERDICT: bool = false;

    /// Items of the same text share a verdict.
    fn text(&self) -> &[u8];

    /// The peers that told it.
    fn tellers(&self) -> impl Iterator<Item = &PeerId>;

    /// Notes who else told the same text, each once.
    fn merge(&mut self, same: Self);

    /// Something waits for the verdict on this very copy.
    fn is_awaited(&self) -> bool {
        false
    }
}

/// An item not yet checked, and how to check it.
#[derive(Debug)]
pub(crate) struct Claim<T> {
    pub(crate) item: T,
    pub(crate) job: CryptoJob,
    /// The identity that came with the item, if it is not held yet: the job validates it first.
    pub(crate) presented: Option<Bytes>,
}

impl<T: SignedItem> Claim<T> {
    /// What it keeps in memory.
    fn bytes(&self) -> u64 {
        let identity = self.presented.as_ref().map_or(0, Bytes::len);
        (self.item.text().len() + identity) as u64
    }
}

/// The claim that is being checked, and different ones of the same item that wait for the verdict.
#[derive(Debug)]
pub(crate) struct Copies<T> {
    pub(crate) first: Claim<T>,
    others: VecDeque<Claim<T>>,
}

/// Different claims kept besides the one being checked, at most one of each sender, so that it takes as many
/// colluding senders to shadow the true one; more are dropped. Claims that are awaited always have a place:
/// there are no more of them than of publications and requests outstanding.
const MAX_COPIES: usize = 3;

impl<T: SignedItem> Copies<T> {
    pub(crate) fn new(first: Claim<T>) -> Self {
        Self {
            first,
            others: VecDeque::new(),
        }
    }

    /// Lets a claim share the verdict of an equal one, or wait for its turn. Returns how many bytes are kept
    /// for it.
    pub(crate) fn add(&mut self, claim: Claim<T>) -> u64 {
        let bytes = claim.bytes();
        if claim.item.is_awaited() {
            self.others.push_back(claim);
            return bytes;
        }
        let kept = self.others.iter().filter(|other| !other.item.is_awaited());
        let room = kept.count() < MAX_COPIES;
        let mut known = std::iter::once(&mut self.first).chain(&mut self.others);
        if let Some(earlier) = known.find(|earlier| earlier.item.text() == claim.item.text()) {
            earlier.item.merge(claim.item);
            return 0;
        }
        let shares_teller = |earlier: &Claim<T>| {
            let mut tellers = claim.item.tellers();
            tellers.any(|teller| earlier.item.tellers().any(|other| other == teller))
        };
        if !room || self.iter().any(shares_teller) {
            return 0;
        }
        self.others.push_back(claim);
        bytes
    }

    /// What is next after a verdict on the first: the others, if there are any.
    pub(crate) fn rest(mut self) -> (Claim<T>, Option<Self>) {
        let next = self.others.pop_front();
        let rest = next.map(|first| Self {
            first,
            others: self.others,
        });
        (self.first, rest)
    }

    /// Peers besides the one whose link it runs for told it.
    pub(crate) fn is_shared(&self) -> bool {
        !self.others.is_empty() || self.first.item.tellers().nth(1).is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Claim<T>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    pub(crate) fn into_items(self) -> (T, impl Iterator<Item = T>) {
        (
            self.first.item,
            self.others.into_iter().map(|claim| claim.item),
        )
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.iter().map(Claim::bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and who told it.
    #[derive(Debug, PartialEq, Eq)]
    struct Said(&'static str, Vec<PeerId>, bool);

    impl SignedItem for Said {
        fn text(&self) -> &[u8] {
            self.0.as_bytes()
        }

        fn tellers(&self) -> impl Iterator<Item = &PeerId> {
            self.1.iter()
        }

        fn merge(&mut self, same: Self) {
            self.1.extend(same.1);
            self.1.dedup();
        }

        fn is_awaited(&self) -> bool {
            self.2
        }
    }

    fn claim(text: &'static str, teller: u8, awaited: bool) -> Claim<Said> {
        Claim {
            item: Said(text, vec![PeerId::new(&[teller])], awaited),
            job: CryptoJob::Sign {
                payload: Bytes::new(),
                secret: None,
            },
            presented: None,
        }
    }

    #[test]
    fn equal_copies_are_one() {
        let mut copies = Copies::new(claim("true", 1, false));
        for _ in 0..9 {
            assert_eq!(copies.add(claim("true", 2, false)), 0);
        }
        let (one, others) = copies.into_items();
        let tellers = [1, 2].map(|teller| PeerId::new(&[teller])).to_vec();
        assert_eq!((one, others.count()), (Said("true", tellers, false), 0));
    }

    #[test]
    fn different_copies_wait_one_of_each_sender_and_only_a_few() {
        let mut copies = Copies::new(claim("one", 1, false));
        assert_eq!(copies.add(claim("mine too", 1, false)), 0);
        for teller in 2..5 {
            let text = ["", "", "two", "three", "four"][usize::from(teller)];
            assert!(copies.add(claim(text, teller, false)) > 0);
        }
        assert_eq!(copies.add(claim("five", 5, false)), 0);
        assert_eq!(copies.bytes(), 3 + 3 + 5 + 4);
        assert!(copies.add(claim("awaited", 6, true)) > 0);
        let (_, rest) = copies.rest();
        assert_eq!(rest.unwrap().first.item.0, "two");
    }
}
