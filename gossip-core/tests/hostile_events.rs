//! A node survives whatever it is fed, within its bounds, and its clock goes on.
#![allow(
    clippy::expect_used,
    reason = "what is expected here is what the test is about"
)]

mod hostile;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Bytes for about four hundred steps.
const LENGTH: usize = 4_000;

fn survive(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut bytes = vec![0; LENGTH];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        let outcome = std::panic::catch_unwind(|| hostile::run(&bytes));
        assert!(outcome.is_ok(), "seed {seed} breaks the node");
    }
}

#[test]
fn random_events_neither_break_nor_bloat_a_node() {
    survive(0..60);
}

#[test]
fn more_random_events_neither_break_nor_bloat_a_node() {
    survive(1_000..1_060);
}

#[test]
fn the_shortest_feeds_are_survived() {
    for first in 0..=255 {
        for second in [0, 1, 7, 255] {
            hostile::run(&[first, second, first, second]);
        }
    }
}
