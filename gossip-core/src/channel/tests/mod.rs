//! Channels, tested through the interface of a node.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

mod differences;
mod membership;
mod policy;
mod publication;
mod snapshots;

use gossip_proto::{Content, Properties, SignedMessage};

use crate::node::bench::*;
use crate::{ChannelId, JoinChannel, OrgId, Request, RequestError, Response};

/// The participants of `main`, with their heights.
fn peers(bench: &Bench) -> Vec<(String, u64)> {
    let info = bench.node.channel(&main_channel()).unwrap();
    let peers = info.peers.iter();
    peers
        .map(|one| {
            (
                String::from_utf8_lossy(one.peer.as_bytes()).into_owned(),
                one.height,
            )
        })
        .collect()
}

fn named(all: &[(&str, u64)]) -> Vec<(String, u64)> {
    all.iter()
        .map(|(name, number)| ((*name).to_owned(), *number))
        .collect()
}

fn left(name: &str, sequence: u64) -> SignedMessage {
    let properties = Properties {
        left_channel: true,
        ..Properties::default()
    };
    state_info_with(name, name, sequence, "main", properties)
}

fn leave(bench: &mut Bench) -> Result<Response, RequestError> {
    bench.ask(Request::LeaveChannel {
        channel: main_channel(),
    })
}

/// Our own state infos since the last call, each with its receiver.
fn own_infos(bench: &mut Bench) -> Vec<(String, Properties)> {
    bench.sent_like(|message| match message.content() {
        Content::StateInfo(info) if *info.pki_id == *b"m1" => info.properties.clone(),
        _ => None,
    })
}
