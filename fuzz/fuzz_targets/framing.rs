//! The TCP transport's decoder neither panics nor makes a frame beyond the limit, for arbitrary
//! bytes on the wire and in messages of the remote.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(transport_tcp::fuzzing::framing(data));
});
