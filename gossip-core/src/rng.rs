//! Seeded randomness, forked per module: a new draw in one module does not change the draws of the others.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The random number generator of a module.
#[derive(Clone, Debug)]
pub(crate) struct ModuleRng(ChaCha8Rng);

impl ModuleRng {
    /// The generator of the module `label`, for a node seeded with `seed`.
    pub(crate) fn fork(seed: &[u8; 32], label: &str) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(seed);
        hasher.update(label.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// A random number, for example a nonce.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A random index below `len`; 0 if `len` is 0.
    pub(crate) fn below(&mut self, len: usize) -> usize {
        self.below_u64(len as u64) as usize
    }

    /// A duration between 75 % and 125 % of `period`, so that peers do not act in step.
    pub(crate) fn jitter(&mut self, period: Duration) -> Duration {
        let nanos = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let offset = self.below_u64(nanos / 2);
        Duration::from_nanos((nanos - nanos / 4).saturating_add(offset))
    }

    fn below_u64(&mut self, bound: u64) -> u64 {
        if bound <= 1 {
            return 0;
        }
        // Multiply-shift: the bias is below bound / 2^64, and no loop depends on the draw.
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        (wide >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_differ_by_label_and_repeat_by_seed() {
        let mut a = ModuleRng::fork(&[7; 32], "a");
        let mut b = ModuleRng::fork(&[7; 32], "b");
        let mut again = ModuleRng::fork(&[7; 32], "a");
        let first = a.next_u64();
        assert_ne!(first, b.next_u64());
        assert_eq!(first, again.next_u64());
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let mut rng = ModuleRng::fork(&[1; 32], "x");
        for _ in 0..1000 {
            let drawn = rng.jitter(Duration::from_millis(100));
            assert!((Duration::from_millis(75)..=Duration::from_millis(125)).contains(&drawn));
        }
        assert_eq!(rng.jitter(Duration::ZERO), Duration::ZERO);
    }
}
