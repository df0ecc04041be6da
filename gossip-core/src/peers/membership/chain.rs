//! Hash chains, by which a peer shows that it lives on without signing anything (Lamport, "Password
//! authentication with insecure communication", 1981).
//!
//! The peer draws a secret and hashes it again and again. A signed heartbeat tells the last link; each
//! sign of life after it tells the one before, which anybody can hash and nobody can guess.

use std::fmt;

use crate::rng::ModuleRng;

/// One link: the hash of the one before.
pub(crate) type ChainLink = [u8; 32];

/// Links of one chain. Each heartbeat and each pulse takes one, so that at the default interval a
/// heartbeat is signed every ten minutes at least.
pub(crate) const LENGTH: u64 = 120;

const KEY: &[u8; 32] = b"the next link of a gossip pulse.";

/// The links that have not been told yet.
#[derive(Default)]
pub(super) struct Chain(Vec<ChainLink>);

impl Chain {
    pub(super) fn draw(rng: &mut ModuleRng) -> Self {
        let mut secret = ChainLink::default();
        for bytes in secret.chunks_exact_mut(8) {
            bytes.copy_from_slice(&rng.next_u64().to_le_bytes());
        }
        let next = |link: &ChainLink| Some(walk(link, 1));
        let links = std::iter::successors(Some(secret), next);
        Self(links.take(LENGTH as usize).collect())
    }

    /// The next link to tell, `None` once all have been told.
    pub(super) fn reveal(&mut self) -> Option<ChainLink> {
        self.0.pop()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} links)", self.0.len())
    }
}

/// The link that lies `steps` behind this one.
pub(crate) fn walk(from: &ChainLink, steps: u64) -> ChainLink {
    (0..steps).fold(*from, |link, _| *blake3::keyed_hash(KEY, &link).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_link_told_hashes_to_the_one_told_before() {
        let mut chain = Chain::draw(&mut ModuleRng::fork(&[1; 32], "test"));
        let first = chain.reveal().unwrap();
        let mut before = first;
        for steps in 1..LENGTH {
            let link = chain.reveal().unwrap();
            assert_eq!(walk(&link, 1), before);
            assert_eq!(walk(&link, steps), first);
            assert_ne!(walk(&link, steps + 1), first);
            before = link;
        }
        assert_eq!(chain.reveal(), None);
    }

    #[test]
    fn no_link_shows_in_a_log() {
        let chain = Chain::draw(&mut ModuleRng::fork(&[1; 32], "test"));
        assert_eq!(format!("{chain:?}"), "Chain(120 links)");
    }
}
