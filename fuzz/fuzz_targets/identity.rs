//! Whatever somebody presents as an identity or certificate is refused, or is the one form of a
//! member's.
#![no_main]

#[path = "../../gossip-msp/tests/hostile/mod.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    hostile::identity(data);
});
