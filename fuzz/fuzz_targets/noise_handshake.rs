//! Whatever a dialler sends, the TCP transport's handshake neither panics nor lets it in.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(transport_tcp::fuzzing::handshake(data));
});
