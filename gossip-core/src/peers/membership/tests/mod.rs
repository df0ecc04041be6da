//! Tests of the membership in virtual time, from outside a node: what it signs, sends, dials and reports.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test ignores messages that it does not examine"
)]

mod exchange;
mod health;
mod heartbeats;
mod leaving;
mod liveness;
mod ourselves;
mod probes;
mod pulses;
mod renewal;
mod responses;
mod seeds;

use gossip_proto::{Content, MembershipResponse, RawEnvelope, SignedMessage};

use crate::node::bench::*;
use crate::{LinkId, Notification};

/// The requests sent since the last call: receiver, nonce, and whether our internal endpoint is included.
fn requests(bench: &mut Bench) -> Vec<(String, u64, bool)> {
    let sent = bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => {
            let secret = request.self_information.secret().is_some();
            Some((message.message().nonce, secret))
        }
        _ => None,
    });
    sent.into_iter()
        .map(|(to, (nonce, secret))| (to, nonce, secret))
        .collect()
}

/// The responses sent since the last call.
fn responses(bench: &mut Bench) -> Vec<(String, MembershipResponse)> {
    bench.sent_like(|message| match message.content() {
        Content::MembershipResponse(response) => Some(response.clone()),
        _ => None,
    })
}

/// Advances the time until the node sends a request to `name`, and returns its nonce.
fn asked(bench: &mut Bench, name: &str) -> u64 {
    for _ in 0..400 {
        let asked = requests(bench);
        if let Some((_, nonce, _)) = asked.iter().find(|(to, ..)| to == name) {
            return *nonce;
        }
        bench.advance(millis(100));
    }
    panic!("{name} was not asked within 40 s");
}

/// Waits for the next request to `name` and answers it with these views.
fn answer(bench: &mut Bench, link: LinkId, name: &str, alive: &[&Beat], dead: &[&Beat]) {
    let nonce = asked(bench, name);
    let envelopes = |beats: &[&Beat]| beats.iter().map(|beat| beat.envelope()).collect();
    let view = MembershipResponse {
        alive: envelopes(alive),
        dead: envelopes(dead),
        ..MembershipResponse::default()
    };
    bench.receive(link, &response(nonce, view));
}

/// The peers in a list of heartbeats, each with whether its internal endpoint is included.
fn who(envelopes: &[RawEnvelope]) -> Vec<(String, bool)> {
    let limits = gossip_proto::Limits::default();
    let mut who: Vec<_> = envelopes
        .iter()
        .map(|envelope| {
            let message = SignedMessage::decode_nested(envelope, &limits).unwrap();
            let Content::Alive(alive) = message.content() else {
                panic!("not a heartbeat")
            };
            let name = String::from_utf8_lossy(&alive.pki_id).into_owned();
            (name, envelope.secret().is_some())
        })
        .collect();
    who.sort_unstable();
    who
}

fn died(name: &str) -> Notification {
    Notification::MemberDead(peer(name))
}
