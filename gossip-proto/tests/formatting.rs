//! Log output of messages: one line, ids in hex, no contents.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod support;

use gossip_proto::{
    Alive, Content, GossipMessage, PeerTime, PullIds, PullKind, SignedMessage, Tag,
};
use support::{decode_payload, id, message, samples, signed_alive, vector};

/// The contents of the samples' byte fields.
const SECRETS: [&str; 8] = [
    "META-",
    "IDENTITY-",
    "SIGNATURE-",
    "SECRET-SIG",
    "BLOCK-B",
    "PRIVATE-B",
    "10.0.0.7",
    "7051)",
];

fn is_safe(text: &str) {
    assert!(!text.contains('\n'), "{text}");
    for secret in SECRETS {
        let bytes = format!("{:?}", secret.as_bytes());
        for shown in [secret, &hex::encode(secret), bytes.trim_matches(['[', ']'])] {
            assert!(!text.contains(shown), "{text}");
        }
    }
}

#[test]
fn no_form_of_any_message_shows_contents() {
    let mut messages: Vec<_> = samples()
        .into_iter()
        .map(|content| SignedMessage::unsigned(message(content)))
        .collect();
    messages.push(signed_alive());
    for message in messages {
        is_safe(&message.to_string());
        is_safe(&format!("{message:?}"));
        is_safe(&message.message().to_string());
        is_safe(&format!("{:?}", message.message()));
        is_safe(&format!("{:?} {}", message.content(), message.content()));
        is_safe(&format!("{:?} {}", message.envelope(), message.envelope()));
        assert!(
            message
                .to_string()
                .contains(message.content().kind().as_str())
        );
    }
}

#[test]
fn ids_are_shown_in_hex_and_contents_by_length() {
    let text = signed_alive().to_string();
    assert!(
        text.contains(&format!("pki_id {}", "01".repeat(32))),
        "{text}"
    );
    assert!(text.contains("metadata 10 bytes"), "{text}");
    assert!(text.contains("time 3.4"), "{text}");
    assert!(text.contains("signature 15 bytes"), "{text}");
    assert!(
        text.contains("secret: payload 15 bytes, signature 10 bytes"),
        "{text}"
    );
}

#[test]
fn digests_of_a_pull_are_text_for_blocks_and_hex_for_identities() {
    let shown = |name: &str| decode_payload(&vector(name)).unwrap().to_string();
    assert!(shown("data_dig_block").contains("Block, nonce 99, 2 ids [12 13]"));
    assert!(shown("data_req_identity").contains("Identity, nonce 99, 1 ids [f77e6ff4017430b4"));
    let none = PullIds {
        nonce: 1,
        ids: Vec::new(),
        kind: PullKind::Block,
    };
    assert_eq!(none.to_string(), "Block, nonce 1, 0 ids []");
}

#[test]
fn long_lists_and_ids_are_cut() {
    let ids = PullIds {
        nonce: 1,
        ids: vec![id(1); 1000],
        kind: PullKind::Identity,
    };
    assert!(ids.to_string().len() < 5000);
    assert!(ids.to_string().ends_with(" ..]"));
    let ids = PullIds {
        nonce: 1,
        ids: vec![vec![1; 500].into()],
        kind: PullKind::Identity,
    };
    assert!(ids.to_string().ends_with("01..]"));
}

#[test]
fn hostile_text_stays_on_one_line() {
    let alive = Alive {
        pki_id: id(1),
        endpoint: "a\nb".into(),
        metadata: id(1),
        time: PeerTime::default(),
        identity: None,
        pulse_anchor: None,
        leaving: false,
    };
    let message = GossipMessage {
        nonce: 1,
        channel: "x\ny".into(),
        tag: Tag::Empty,
        content: Content::Alive(alive),
    };
    assert!(!message.to_string().contains('\n'));
    assert!(!Content::Ack("a\nb".into()).to_string().contains('\n'));
}

#[test]
fn a_heartbeat_that_says_farewell_shows_it() {
    let Content::Alive(mut alive) = signed_alive().content().clone() else {
        panic!("a heartbeat");
    };
    assert!(!alive.to_string().contains("leaving"));
    alive.leaving = true;
    assert!(alive.to_string().ends_with(", leaving"));
}

#[test]
fn ranges_of_blocks_are_shown() {
    let text = decode_payload(&vector("state_response"))
        .unwrap()
        .to_string();
    assert!(text.contains("state_response: 3 blocks, 1 to 3"), "{text}");
    let text = decode_payload(&vector("state_request"))
        .unwrap()
        .to_string();
    assert!(text.contains("blocks 1 to 11"), "{text}");
    assert_eq!(
        Content::StateResponse(Vec::new()).to_string(),
        "state_response: 0 blocks"
    );
}
