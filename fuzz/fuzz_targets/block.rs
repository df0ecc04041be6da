//! Whatever somebody presents as a block is refused, or is what its orderer signed.
#![no_main]

#[path = "../../gossip-msp/tests/hostile/mod.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    hostile::block(data);
});
