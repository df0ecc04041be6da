//! Pulls, tested through the interface of a node, and rounds on their own.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

mod blocks;
mod identities;
mod identity_access;
mod round;
mod storm;

use bytes::Bytes;
use gossip_proto::{
    Content, DataUpdate, Hello, PeerIdentity, PullIds, PullKind, SignedMessage, Tag,
    UnsignedMessage,
};

use crate::LinkId;
use crate::node::bench::*;

/// A connected member that is a legacy peer.
fn legacy(bench: &mut Bench, name: &str) -> LinkId {
    let link = bench.link_up(name, None);
    bench.authenticate_as_fabric(link);
    bench.receive(link, &beat(name, 1).message());
    link
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn ids_of(names: &[&str]) -> Vec<Bytes> {
    let id = |name: &&str| Bytes::copy_from_slice(name.as_bytes());
    names.iter().map(id).collect()
}

fn step(kind: PullKind, content: Content) -> SignedMessage {
    let (channel, tag) = match kind {
        PullKind::Identity => ("", Tag::Empty),
        PullKind::Block => ("main", Tag::ChanAndOrg),
    };
    SignedMessage::unsigned(message(0, channel, tag, content))
}

fn hello(kind: PullKind, nonce: u64) -> SignedMessage {
    let metadata = Bytes::new();
    step(
        kind,
        Content::Hello(Hello {
            nonce,
            metadata,
            kind,
        }),
    )
}

fn digest(kind: PullKind, nonce: u64, ids: &[&str]) -> SignedMessage {
    let ids = ids_of(ids);
    step(kind, Content::Digest(PullIds { nonce, ids, kind }))
}

fn request_of(kind: PullKind, nonce: u64, ids: &[&str]) -> SignedMessage {
    let ids = ids_of(ids);
    step(kind, Content::DataRequest(PullIds { nonce, ids, kind }))
}

fn update(kind: PullKind, nonce: u64, items: &[SignedMessage]) -> SignedMessage {
    let data = items.iter().map(|item| item.envelope().clone()).collect();
    step(kind, Content::DataUpdate(DataUpdate { nonce, data, kind }))
}

/// The announcement of `name`, signed by itself.
fn announcement(name: &str) -> SignedMessage {
    announcement_by(name, name)
}

fn announcement_by(signer: &str, name: &str) -> SignedMessage {
    let identity = PeerIdentity {
        pki_id: Bytes::copy_from_slice(name.as_bytes()),
        cert: identity_of(name),
        metadata: Bytes::new(),
    };
    let message = message(0, "", Tag::Empty, Content::PeerIdentity(identity));
    sign(signer, UnsignedMessage::new(message, None))
}

/// Hellos sent since the last call, each with receiver and nonce, in order of names.
fn hellos(bench: &mut Bench, kind: PullKind) -> Vec<(String, u64)> {
    let mut sent = bench.sent_like(|message| match message.content() {
        Content::Hello(hello) if hello.kind == kind => Some(hello.nonce),
        _ => None,
    });
    sent.sort_unstable();
    sent
}

fn texts(ids: &PullIds) -> Vec<String> {
    let text = |id: &Bytes| String::from_utf8_lossy(id).into_owned();
    ids.ids.iter().map(text).collect()
}

/// Digests sent since the last call, each with receiver and ids.
fn digests(bench: &mut Bench) -> Vec<(String, Vec<String>)> {
    bench.sent_like(|message| match message.content() {
        Content::Digest(digest) => Some(texts(digest)),
        _ => None,
    })
}

/// Requests sent since the last call, each with receiver, nonce and ids, in order of names.
fn requests(bench: &mut Bench) -> Vec<(String, (u64, Vec<String>))> {
    let mut sent = bench.sent_like(|message| match message.content() {
        Content::DataRequest(request) => Some((request.nonce, texts(request))),
        _ => None,
    });
    sent.sort_unstable();
    sent
}

/// Updates sent since the last call, each with receiver and items.
fn updates(bench: &mut Bench) -> Vec<(String, Vec<String>)> {
    let limits = gossip_proto::Limits::default();
    bench.sent_like(|message| match message.content() {
        Content::DataUpdate(update) => {
            let items = update.data.iter().map(|envelope| {
                let item = SignedMessage::decode_nested(envelope, &limits).unwrap();
                match item.content() {
                    Content::PeerIdentity(told) => {
                        String::from_utf8_lossy(&told.pki_id).into_owned()
                    }
                    Content::Data(payload) => payload.seq_num.to_string(),
                    other => panic!("not an item: {other:?}"),
                }
            });
            Some(items.collect())
        }
        _ => None,
    })
}

/// Advances the time until hellos of this kind are sent.
fn round(bench: &mut Bench, kind: PullKind) -> Vec<(String, u64)> {
    for _ in 0..200 {
        bench.advance(millis(50));
        let hellos = hellos(bench, kind);
        if !hellos.is_empty() {
            return hellos;
        }
    }
    panic!("no round in ten seconds");
}
