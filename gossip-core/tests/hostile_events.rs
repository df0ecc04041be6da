//! A node withstands any events: it keeps its bounds, and its timers continue.
#![allow(clippy::expect_used, reason = "a failed expectation fails the test")]

mod hostile;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Bytes for about four hundred steps.
const LENGTH: usize = 4_000;

fn check(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut bytes = vec![0; LENGTH];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        let outcome = std::panic::catch_unwind(|| hostile::run(&bytes));
        assert!(outcome.is_ok(), "seed {seed} fails");
    }
}

#[test]
fn a_node_with_random_events_neither_panics_nor_exceeds_its_bounds() {
    check(0..60);
}

#[test]
fn a_node_with_more_random_events_neither_panics_nor_exceeds_its_bounds() {
    check(1_000..1_060);
}

#[test]
fn a_node_with_few_events_neither_panics_nor_exceeds_its_bounds() {
    for first in 0..=255 {
        for second in [0, 1, 7, 255] {
            hostile::run(&[first, second, first, second]);
        }
    }
}
