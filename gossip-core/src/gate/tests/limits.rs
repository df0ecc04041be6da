//! How many checks a link may have outstanding, and checks that are never answered.

use super::*;
use crate::Event;
use bytes::Bytes;
use gossip_proto::{ConnEstablish, PeerIdentity, PrivateData};

#[test]
fn a_link_with_too_many_checks_is_not_read_until_one_is_answered() {
    let mut bench = Bench::with(|config| config.gate.max_pending_per_link = 3.try_into().unwrap());
    let (link, other) = (bench.member("m2"), bench.member("m3"));
    bench.hold_checks = true;
    for name in ["m4", "m5", "m6"] {
        assert!(bench.node.admits(link));
        bench.receive(link, &beat(name, 1).message());
    }
    assert!(!bench.node.admits(link));
    assert!(bench.node.admits(other), "other links are still read");
    bench.answer();
    assert!(bench.node.admits(link));
}

#[test]
fn no_link_is_read_while_the_crypto_service_is_overloaded() {
    let mut bench = Bench::with(|config| config.gate.max_pending = 2.try_into().unwrap());
    let (link, other) = (bench.member("m2"), bench.member("m3"));
    bench.hold_checks = true;
    bench.receive(link, &beat("m4", 1).message());
    bench.receive(link, &beat("m5", 1).message());
    assert!(!bench.node.admits(link) && !bench.node.admits(other));
    bench.receive(other, &beat("m6", 1).message());
    assert_eq!(
        bench.jobs.len(),
        2,
        "messages that arrive all the same wait"
    );
    bench.answer();
    bench.answer_all();
    assert_eq!(bench.liveness("m6"), Some(true));
    assert!(bench.node.admits(link) && bench.node.admits(other));
}

#[test]
fn an_unknown_link_is_not_read() {
    assert!(!Bench::new().node.admits(LinkId(77)));
}

#[test]
fn checks_that_are_never_answered_time_out_and_free_their_places() {
    let mut bench = Bench::with(|config| config.gate.max_pending_per_link = 1.try_into().unwrap());
    let link = bench.member("m2");
    bench.hold_checks = true;
    bench.receive(link, &beat("m4", 1).message());
    for sequence in 2..4 {
        bench.advance(secs(10));
        bench.hold_checks = false;
        let again = bench.connect("m2");
        bench.receive(again, &beat("m2", sequence).message());
    }
    bench.advance(millis(9_999));
    assert_eq!(bench.metrics().verifications_lost, 0);
    bench.advance(millis(1));
    assert_eq!(bench.metrics().verifications_lost, 1);
    assert_eq!(bench.liveness("m4"), None);
    let (ticket, _) = bench.jobs.pop_front().unwrap();
    let outcome = crate::CryptoOutcome::Verified(Ok(()));
    bench.event(Event::CryptoDone { ticket, outcome });
    assert_eq!(bench.liveness("m4"), None, "a late answer changes nothing");
}

#[test]
fn a_ticket_takes_one_answer_and_a_wrong_kind_of_answer_is_a_refusal() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.hold_checks = true;
    bench.receive(link, &beat("m4", 1).message());
    let (ticket, job) = bench.jobs.pop_front().unwrap();
    assert!(matches!(job, CryptoJob::Authenticate { .. }));
    let outcome = crate::CryptoOutcome::Verified(Ok(()));
    bench.event(Event::CryptoDone {
        ticket,
        outcome: outcome.clone(),
    });
    assert_eq!(bench.liveness("m4"), None);
    bench.event(Event::CryptoDone {
        ticket,
        outcome: outcome.clone(),
    });
    bench.event(Event::CryptoDone {
        ticket: crate::Ticket(u64::MAX),
        outcome,
    });
    assert_eq!(bench.metrics().verifications_failed, 1);
}

#[test]
fn an_identity_that_yields_another_peer_proves_nothing() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    // Signed by m2, carrying m2's identity, about m9.
    let alive = gossip_proto::Alive {
        pki_id: Bytes::from_static(b"m9"),
        endpoint: String::new(),
        metadata: Bytes::new(),
        time: gossip_proto::PeerTime {
            incarnation: 1,
            sequence: 1,
        },
        identity: Some(identity_of("m2")),
        pulse_anchor: None,
        leaving: false,
    };
    let unsigned =
        gossip_proto::UnsignedMessage::new(message(0, "", Tag::Empty, Content::Alive(alive)), None);
    bench.receive(link, &sign("m2", unsigned));
    assert_eq!(bench.liveness("m9"), None);
    assert_eq!(bench.metrics().verifications_failed, 1);
}

#[test]
fn contents_out_of_place_are_violations_and_do_nothing() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.advance(secs(1));
    bench.sent();
    let conn = Content::Conn(ConnEstablish {
        pki_id: Bytes::from_static(b"m2"),
        identity: identity_of("m2"),
        binding: Bytes::new(),
        probe: false,
        capabilities: 0,
        network_id: Bytes::new(),
        incarnation: 0,
    });
    let private = Content::PrivateData(PrivateData {
        collection: "c".to_owned(),
        namespace: "n".to_owned(),
        tx_id: "t".to_owned(),
        rwset: Bytes::from_static(b"x"),
        sim_height: 1,
        collection_configs: Bytes::new(),
    });
    let identity = Content::PeerIdentity(PeerIdentity {
        pki_id: Bytes::from_static(b"m9"),
        cert: identity_of("m9"),
        metadata: Bytes::new(),
    });
    let ack = Content::Ack("text".to_owned());
    for content in [conn, private, identity, Content::Empty, ack] {
        let message = SignedMessage::unsigned(message(1, "", Tag::Empty, content));
        bench.event(Event::Received { link, message });
    }
    let metrics = bench.metrics();
    assert_eq!((metrics.violations, metrics.acks_unmatched), (3, 1));
    assert!(bench.sent().is_empty() && !bench.holds_identity("m9"));
}

#[test]
fn an_illegal_message_is_counted_and_the_link_stays() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let limits = gossip_proto::Limits::default();
    let wrong_tag = SignedMessage::unsigned(message(
        0,
        "",
        Tag::OrgOnly,
        Content::Alive(match beat("m2", 2).message().content() {
            Content::Alive(alive) => alive.clone(),
            _ => unreachable!(),
        }),
    ));
    let error = SignedMessage::decode(wrong_tag.encoded().clone(), &limits).unwrap_err();
    bench.event(Event::Malformed { link, error });
    assert_eq!(bench.metrics().illegal_messages, 1);
    assert!(bench.closed.is_empty());
    let error = SignedMessage::decode(Bytes::from_static(b"\xff\xff"), &limits).unwrap_err();
    bench.event(Event::Malformed { link, error });
    assert_eq!(bench.closed.len(), 1);
    assert_eq!(bench.metrics().malformed_frames, 1);
}

#[test]
fn signed_messages_beyond_the_size_limit_are_neither_kept_nor_forwarded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.advance(secs(1));
    bench.sent();
    let checked = bench.checked;
    for (length, violations) in [(200_000, 2), (100_000, 2)] {
        let heartbeat = beat("m2", 2).secret(None).message();
        bench.receive(link, &bloated("m2", &heartbeat, length));
        bench.receive(link, &bloated("m2", &state_info("m2", 2, 9), length));
        assert_eq!(bench.metrics().violations, violations);
    }
    assert_eq!(
        bench.checked - checked,
        2,
        "the shorter ones are within the limit"
    );
    assert_eq!(heights(&bench), named(&[("m2", 9), ("m3", 0)]));
    bench.advance(millis(20));
    let longest = bench.sent_like(|message| Some(message.encoded().len()));
    assert!(longest.iter().all(|(_, length)| *length < 192 << 10));
}

#[test]
fn a_message_without_content_is_counted_and_does_nothing() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.sent();
    let empty = message(0, "", Tag::Empty, Content::Empty);
    bench.receive(link, &SignedMessage::unsigned(empty));
    assert_eq!(bench.metrics().empty_messages, 1);
    assert_eq!(bench.metrics().violations, 0);
    assert!(bench.sent().is_empty());
}
