//! Each error of each operation, through the handles of an application.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod channel;
mod message;
#[path = "../support/mod.rs"]
mod support;

use std::num::NonZeroUsize;

use gossip_driver::core::proto::{Content, Payload};
use gossip_driver::core::{ChannelId, Config};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::{Channel, Gossip, Ledger, Message};

use support::{Net, node, org1};

pub(crate) const ONE: NonZeroUsize = NonZeroUsize::MIN;

pub(crate) fn alice(change: impl FnOnce(&mut Config)) -> Gossip {
    alice_with(MemLedger::new(), change)
}

pub(crate) fn alice_with(ledger: impl Ledger, change: impl FnOnce(&mut Config)) -> Gossip {
    let crypto = TestCrypto::new("org1", "alice").with_block_check(|_, _, block| block != b"bad");
    let builder = node(crypto, &[]).transport(Net::default().join("alice"));
    builder.ledger(ledger).configure(change).spawn().unwrap()
}

pub(crate) async fn trade(gossip: &Gossip) -> Channel {
    gossip.join_channel("trade", org1()).await.unwrap()
}

pub(crate) fn unknown() -> ChannelId {
    ChannelId::new("trade")
}

pub(crate) fn question() -> Message {
    Message::from(Content::PrivateRequest(Vec::new())).in_channel("trade")
}

pub(crate) fn block(seq_num: u64, data: &'static str) -> Content {
    Content::Data(Payload {
        seq_num,
        data: data.into(),
        private_data: Vec::new(),
    })
}
