//! A node survives arbitrary events within its bounds, and its timers continue.
#![no_main]

#[path = "../../gossip-core/tests/hostile/mod.rs"]
mod hostile;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| hostile::run(data));
