//! Hash chains: a peer proves with them that it is alive without a signature (Lamport, "Password authentication with
//! insecure communication", 1981).
//!
//! The peer draws a secret and hashes it repeatedly. A signed heartbeat discloses the last link; each pulse after it
//! discloses the link before, which every receiver can verify by hashing and no other peer can guess.

use std::fmt;

use crate::rng::ModuleRng;

/// One link: the hash of the link before.
pub(crate) type ChainLink = [u8; 32];

/// Number of links of a chain. Each heartbeat and each pulse uses one, so at the default interval a heartbeat is signed
/// at least every ten minutes.
pub(crate) const LENGTH: u64 = 120;

const KEY: &[u8; 32] = b"the next link of a gossip pulse.";

/// The links that have not been disclosed yet.
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

    /// Removes and returns the next link to disclose; `None` if all have been disclosed.
    pub(super) fn reveal(&mut self) -> Option<ChainLink> {
        self.0.pop()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({} links)", self.0.len())
    }
}

/// Hashes a link `steps` times.
pub(crate) fn walk(from: &ChainLink, steps: u64) -> ChainLink {
    (0..steps).fold(*from, |link, _| *blake3::keyed_hash(KEY, &link).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_disclosed_link_hashes_to_the_one_disclosed_before() {
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
    fn debug_output_contains_no_link() {
        let chain = Chain::draw(&mut ModuleRng::fork(&[1; 32], "test"));
        assert_eq!(format!("{chain:?}"), "Chain(120 links)");
    }
}
