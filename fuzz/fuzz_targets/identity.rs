//! Arbitrary bytes are refused as an identity or certificate, or are the canonical form of a
//! member's.
#![no_main]

#[path = "../../gossip-msp/tests/hostile/mod.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    hostile::identity(data);
});
