//! A million invented channels, nonces and peers.

use bytes::Bytes;
use gossip_core::proto::{
    Content, DataUpdate, Hello, MembershipResponse, PeerIdentity, PullKind, SignedMessage,
    StateInfoPull, StateRequest, Tag, Tree,
};

use super::messages::{alive, badly_signed, ids, invented, payload, plain, pulse, state_info};
use super::stage::{Stage, common};

const MILLION: u64 = 1_000_000;
const MOST_ROUNDS: u64 = 1_500;

#[test]
fn a_million_invented_channels_nonces_and_peers_leak_no_memory() {
    let mut stage = Stage::new(8, 6);
    let mut sent = 0;
    stage.attack(400, |stage, _| sent += send_batch(stage, 3_000));
    let mut rounds = 0;
    while sent < MILLION && rounds < MOST_ROUNDS {
        sent += send_batch(&mut stage, 3_000);
        stage.world.run_for(super::stage::ROUND);
        rounds += 1;
    }
    assert!(sent >= MILLION, "{sent} sent");
    stage.assert_unharmed();
}

/// Sends `count` invented messages, divided among the victims; returns how many were accepted.
fn send_batch(stage: &mut Stage, count: u64) -> u64 {
    let victims = stage.victims();
    let mut sent = 0;
    for victim in &victims {
        for _ in 0..count / victims.len() as u64 {
            let message = invention(stage);
            if !stage.send(*victim, message.encoded().clone()) {
                break;
            }
            sent += 1;
        }
    }
    sent
}

/// A message that names an invented channel, nonce or peer.
#[allow(clippy::too_many_lines, reason = "a table: one message for each kind")]
fn invention(stage: &mut Stage) -> SignedMessage {
    let (nonce, name) = (stage.draw(u64::MAX), invented(stage));
    let text = format!("channel{nonce}");
    let (channel, kind) = (text.as_bytes(), PullKind::Block);
    let known = common();
    let known = known.as_str().as_bytes();
    match stage.draw(14) {
        0 => badly_signed(Tag::Empty, alive(&name, None)),
        1 => badly_signed(Tag::ChanOrOrg, state_info(&name, known, nonce)),
        2 => badly_signed(Tag::ChanOrOrg, state_info(&name, channel, nonce)),
        3 => plain(
            nonce,
            b"",
            Tag::Empty,
            Content::Pulses(vec![pulse(&name, nonce)]),
        ),
        4 => plain(
            nonce,
            channel,
            Tag::ChanAndOrg,
            Content::Data(payload(0, name)),
        ),
        5 => {
            let request = StateInfoPull {
                channel_mac: name.clone(),
                held: name,
            };
            plain(nonce, b"", Tag::ChanOrOrg, Content::StateInfoPull(request))
        }
        6 => {
            let (start, end) = (nonce, nonce.saturating_add(3));
            let request = Content::StateRequest(StateRequest { start, end });
            plain(nonce, channel, Tag::ChanOrOrg, request)
        }
        7 => {
            let tree = Tree {
                ledger_height: nonce,
                branch: None,
                offer: nonce.checked_add(1).and_then(|count| count.try_into().ok()),
                ..Tree::default()
            };
            plain(0, channel, Tag::ChanAndOrg, Content::Tree(tree))
        }
        8 => {
            let metadata = Bytes::new();
            let hello = Hello {
                nonce,
                metadata,
                kind,
            };
            plain(0, channel, Tag::ChanAndOrg, Content::Hello(hello))
        }
        9 => {
            let kind = PullKind::Identity;
            let metadata = Bytes::new();
            let hello = Hello {
                nonce,
                metadata,
                kind,
            };
            plain(0, b"", Tag::Empty, Content::Hello(hello))
        }
        10 => {
            let digest = Content::Digest(ids(nonce, vec![name], PullKind::Identity));
            plain(nonce, b"", Tag::Empty, digest)
        }
        11 => {
            let data = Vec::new();
            let update = DataUpdate { nonce, data, kind };
            plain(nonce, known, Tag::ChanAndOrg, Content::DataUpdate(update))
        }
        12 => plain(
            nonce,
            b"",
            Tag::Empty,
            Content::MembershipResponse(MembershipResponse::default()),
        ),
        _ => {
            let identity = PeerIdentity {
                pki_id: name.clone(),
                cert: name,
                metadata: Bytes::new(),
            };
            plain(nonce, b"", Tag::Empty, Content::PeerIdentity(identity))
        }
    }
}
