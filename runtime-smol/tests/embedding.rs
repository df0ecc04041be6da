//! What the examples show, checked.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/async_std.rs"]
#[allow(dead_code, unreachable_pub, reason = "an example has a main function")]
mod example;

#[test]
fn an_async_std_application_embeds_gossip() {
    assert_eq!(
        async_std::task::block_on(example::application()).unwrap(),
        10
    );
}
