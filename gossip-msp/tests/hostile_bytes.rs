//! Arbitrary bytes are refused, or are exactly what was written; no reader panics.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod hostile;

use hostile::{AUTHORITY, BLOCK, ORDERER, PEER, REVOCATION_LIST};

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn bytes(&mut self, longest: usize) -> Vec<u8> {
        let length = self.below(longest);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A range of at most 40 bytes.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        start..length.min(start + self.below(40))
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let range = self.range(bytes.len());
        match self.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = self.next() as u8,
            2 => drop(bytes.drain(range)),
            3 => {
                let copied = bytes[range].to_vec();
                bytes.splice(at..at, copied);
            }
            4 => {
                let inserted = self.bytes(20);
                bytes.splice(at..at, inserted);
            }
            _ => bytes.truncate(at),
        }
    }
}

fn survive(read: fn(&[u8]) -> bool, seeds: &[Vec<u8>], rounds: u64) {
    assert!(seeds.iter().any(|seed| read(seed)));
    for round in 0..rounds {
        let mut random = Random(round);
        let mut bytes = match random.below(seeds.len() + 1) {
            0 => random.bytes(300),
            known => seeds[known - 1].clone(),
        };
        for _ in 0..random.below(4) {
            random.mutate(&mut bytes);
        }
        let outcome = std::panic::catch_unwind(|| read(&bytes));
        assert!(outcome.is_ok(), "round {round}: {bytes:02x?}");
    }
}

#[test]
fn hostile_identities_certificates_and_lists_are_refused() {
    let texts = [PEER, ORDERER, AUTHORITY, REVOCATION_LIST];
    let mut seeds: Vec<_> = texts.map(|text| text.as_bytes().to_vec()).into();
    seeds.extend(texts.map(|text| pem::parse(text).unwrap().into_contents()));
    seeds.push(hostile::identity_of(PEER.as_bytes()));
    survive(hostile::identity, &seeds, 3_000);
}

#[test]
fn hostile_blocks_are_refused() {
    survive(hostile::block, &[BLOCK.to_vec()], 6_000);
}
