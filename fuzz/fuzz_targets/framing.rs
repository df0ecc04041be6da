//! What a remote may put into its messages, and what may come off the wire, never panics the
//! TCP transport's decoder, and no frame exceeds the limit.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(transport_tcp::fuzzing::framing(data));
});
