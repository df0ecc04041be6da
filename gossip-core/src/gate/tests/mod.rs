//! The gate, tested from outside a node: what is checked, how often, and with which result.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

mod access;
mod awaiting_identity;
mod blocks;
mod copies;
mod fairness;
mod limits;
mod refused;
mod state_infos;
mod validation;

use gossip_proto::{Content, SignedMessage, StateRequest, Tag};

use crate::node::bench::*;
use crate::{CryptoJob, LinkId};

/// A node in the channel `main` of the organisations `m` and `a`.
fn joined() -> Bench {
    Bench::joined(&["m", "a"], |_| {})
}

fn state_request(nonce: u64, start: u64, end: u64) -> SignedMessage {
    let content = Content::StateRequest(StateRequest { start, end });
    SignedMessage::unsigned(message(nonce, "main", Tag::ChanOrOrg, content))
}

/// The receivers of the snapshots sent since the last call, each with the publishers in its snapshot.
fn snapshots(bench: &mut Bench) -> Vec<(String, Vec<String>)> {
    let limits = gossip_proto::Limits::default();
    bench.sent_like(|message| match message.content() {
        Content::StateSnapshot(elements) => {
            let names = elements.iter().map(|element| {
                let element = SignedMessage::decode_nested(element, &limits).unwrap();
                match element.content() {
                    Content::StateInfo(info) => String::from_utf8_lossy(&info.pki_id).into_owned(),
                    other => panic!("not a state info: {other:?}"),
                }
            });
            Some(names.collect())
        }
        _ => None,
    })
}

/// The heights published by the peers of `main`, in the order of their names.
fn heights(bench: &Bench) -> Vec<(String, u64)> {
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
