//! The spread of blocks, tested through the interface of a node.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

mod coverage;
mod offers;
mod parents;
mod tree;

use gossip_proto::Content;

use crate::node::bench::*;
