//! Copies of one signed item that arrive before its check is done.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use crate::{CryptoJob, PeerId};

/// A signed item as it came from peers, or from the application.
pub(crate) trait SignedItem: fmt::Debug + Sized {
    /// Each check that was requested ends with a verdict, even if the link that it runs for has ended.
    const PROMISES_VERDICT: bool = false;

    /// The bytes to compare. Items of equal bytes share a verdict.
    fn text(&self) -> &[u8];

    /// The peers that sent it.
    fn senders(&self) -> impl Iterator<Item = &PeerId>;

    /// Adds the senders of an equal copy, each once.
    fn merge(&mut self, same: Self);

    /// Returns whether a publication or a request waits for the verdict on this copy.
    fn is_awaited(&self) -> bool {
        false
    }
}

/// An item not yet checked, and how to check it.
#[derive(Debug)]
pub(crate) struct Claim<T> {
    pub(crate) item: T,
    pub(crate) job: CryptoJob,
    /// The identity that came with the item, if it is not known yet. The job validates it first.
    pub(crate) presented: Option<Bytes>,
}

impl<T: SignedItem> Claim<T> {
    /// The bytes that it keeps in memory.
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

/// The most different claims kept besides the one being checked, one per sender; more are dropped. It takes as many
/// colluding senders to shadow the genuine one. Awaited claims always have a place: there are no more of them than
/// outstanding publications and requests.
const MAX_COPIES: usize = 3;

impl<T: SignedItem> Copies<T> {
    pub(crate) fn new(first: Claim<T>) -> Self {
        Self {
            first,
            others: VecDeque::new(),
        }
    }

    /// Merges a claim into an equal one, or lets it wait for its turn. Returns the number of bytes kept for it.
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
        let shares_sender = |earlier: &Claim<T>| {
            let mut senders = claim.item.senders();
            senders.any(|sender| earlier.item.senders().any(|other| other == sender))
        };
        if !room || self.iter().any(shares_sender) {
            return 0;
        }
        self.others.push_back(claim);
        bytes
    }

    /// Takes the first claim, after its verdict, and the others, if there are any.
    pub(crate) fn rest(mut self) -> (Claim<T>, Option<Self>) {
        let next = self.others.pop_front();
        let rest = next.map(|first| Self {
            first,
            others: self.others,
        });
        (self.first, rest)
    }

    /// Returns whether a peer besides the one whose link it runs for has sent a copy.
    pub(crate) fn is_shared(&self) -> bool {
        !self.others.is_empty() || self.first.item.senders().nth(1).is_some()
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

    /// A text, its senders, and whether it is awaited.
    #[derive(Debug, PartialEq, Eq)]
    struct Said(&'static str, Vec<PeerId>, bool);

    impl SignedItem for Said {
        fn text(&self) -> &[u8] {
            self.0.as_bytes()
        }

        fn senders(&self) -> impl Iterator<Item = &PeerId> {
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

    fn claim(text: &'static str, sender: u8, awaited: bool) -> Claim<Said> {
        Claim {
            item: Said(text, vec![PeerId::new(&[sender])], awaited),
            job: CryptoJob::Sign {
                payload: Bytes::new(),
                secret: None,
            },
            presented: None,
        }
    }

    #[test]
    fn equal_copies_are_merged() {
        let mut copies = Copies::new(claim("true", 1, false));
        for _ in 0..9 {
            assert_eq!(copies.add(claim("true", 2, false)), 0);
        }
        let (one, others) = copies.into_items();
        let senders = [1, 2].map(|sender| PeerId::new(&[sender])).to_vec();
        assert_eq!((one, others.count()), (Said("true", senders, false), 0));
    }

    #[test]
    fn different_copies_wait_one_per_sender_and_within_the_bound() {
        let mut copies = Copies::new(claim("one", 1, false));
        assert_eq!(copies.add(claim("another", 1, false)), 0);
        for sender in 2..5 {
            let text = ["", "", "two", "three", "four"][usize::from(sender)];
            assert!(copies.add(claim(text, sender, false)) > 0);
        }
        assert_eq!(copies.add(claim("five", 5, false)), 0);
        assert_eq!(copies.bytes(), 3 + 3 + 5 + 4);
        assert!(copies.add(claim("awaited", 6, true)) > 0);
        let (_, rest) = copies.rest();
        assert_eq!(rest.unwrap().first.item.0, "two");
    }
}
