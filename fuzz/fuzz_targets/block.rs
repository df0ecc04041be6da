//! Arbitrary bytes are refused as a block, or are what an orderer signed.
#![no_main]

#[path = "../../gossip-msp/tests/hostile/mod.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    hostile::block(data);
});
