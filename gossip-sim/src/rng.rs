//! Random draws: one ChaCha stream per purpose, so that an additional draw in one stream changes no other.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A range that delays are drawn from, uniformly, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    min: u64,
    spread: u64,
}

impl Delay {
    /// Delays between `min` and `max`; the order of the two does not matter.
    #[must_use]
    pub fn between(min: Duration, max: Duration) -> Self {
        let (low, high) = if min <= max { (min, max) } else { (max, min) };
        let (low, high) = (nanos(low), nanos(high));
        Self {
            min: low,
            spread: high - low,
        }
    }

    /// Always the same delay.
    #[must_use]
    pub fn fixed(delay: Duration) -> Self {
        Self::between(delay, delay)
    }

    /// The longest delay drawn.
    #[must_use]
    pub const fn longest(self) -> Duration {
        Duration::from_nanos(self.min.saturating_add(self.spread))
    }
}

/// Derives the 32 bytes that seed one purpose of one run.
pub(crate) fn derive_seed(seed: u64, purpose: &str, index: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("gossip-sim 2026 seed");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.update(purpose.as_bytes());
    *hasher.finalize().as_bytes()
}

/// A stream of draws.
#[derive(Clone, Debug)]
pub(crate) struct Draws(ChaCha8Rng);

impl Draws {
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self(ChaCha8Rng::from_seed(derive_seed(seed, purpose, 0)))
    }

    /// Uniform in `0..n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(n);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Uniform in `0..n` as an index.
    pub(crate) fn index(&mut self, n: usize) -> usize {
        usize::try_from(self.below(n as u64)).unwrap_or(0)
    }

    pub(crate) fn delay(&mut self, delay: Delay) -> Duration {
        Duration::from_nanos(delay.min + self.below(delay.spread.saturating_add(1)))
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_within_their_range_and_reach_both_ends() {
        let delay = Delay::between(Duration::from_nanos(7), Duration::from_nanos(4));
        let mut draws = Draws::new(1, "test");
        let seen: std::collections::BTreeSet<_> = (0..200).map(|_| draws.delay(delay)).collect();
        let expected: Vec<_> = (4..=7).map(Duration::from_nanos).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
        assert_eq!(delay.longest(), Duration::from_nanos(7));
    }

    #[test]
    fn purposes_and_seeds_give_independent_streams() {
        let first = |seed, purpose| Draws::new(seed, purpose).below(u64::MAX);
        assert_ne!(first(1, "latency"), first(1, "crypto"));
        assert_ne!(first(1, "latency"), first(2, "latency"));
        assert_eq!(first(1, "latency"), first(1, "latency"));
    }
}
