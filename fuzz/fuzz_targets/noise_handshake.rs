//! For arbitrary bytes of a dialler, the TCP transport's handshake fails without a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(transport_tcp::fuzzing::handshake(data));
});
