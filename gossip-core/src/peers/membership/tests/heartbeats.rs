//! Heartbeats: ours, and which ones of other members are accepted.

use super::*;
use crate::{Endpoint, Request};
use bytes::Bytes;
use gossip_proto::{Alive, PeerTime};

fn own_heartbeats(bench: &mut Bench) -> Vec<Alive> {
    let heartbeats = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if *alive.pki_id == *b"m1" => Some(alive.clone()),
        _ => None,
    });
    heartbeats.into_iter().map(|(_, alive)| alive).collect()
}

#[test]
fn a_node_without_members_signs_nothing() {
    let mut bench = Bench::new();
    bench.advance(secs(600));
    assert_eq!(bench.signatures, 0);
    assert!(bench.sent().is_empty());
}

#[test]
fn our_heartbeat_is_pushed_to_the_first_member_at_once() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.advance(millis(20));
    assert_eq!(bench.beats_pushed(), [("m2".to_owned(), "m1".to_owned())]);
}

#[test]
fn one_signature_per_interval_serves_pushes_requests_and_responses() {
    let mut bench = Bench::new();
    let (a, b) = (bench.member("m2"), bench.member("m3"));
    let before = bench.signatures;
    for step in 2..22 {
        bench.advance(millis(2500));
        bench.receive(a, &request(&beat("m2", step), step));
        bench.receive(b, &request(&beat("m3", step), step));
    }
    assert_eq!(responses(&mut bench).len(), 40);
    // Fifty seconds, at one heartbeat per 3.75 to 6.25 seconds.
    assert!(
        (8..=14).contains(&(bench.signatures - before)),
        "{}",
        bench.signatures - before
    );
}

#[test]
fn a_failed_signature_is_reported_and_retried() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    bench.cannot_sign = true;
    bench.receive(link, &beat("m2", 1).message());
    assert!(bench.notes.contains(&Notification::SigningFailed));
    assert!(bench.metrics().signing_failures > 0);
    assert!(own_heartbeats(&mut bench).is_empty());
    bench.cannot_sign = false;
    bench.advance(millis(6300));
    assert!(!own_heartbeats(&mut bench).is_empty());
}

#[test]
fn an_unanswered_signature_is_requested_again() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    bench.hold_signatures = true;
    bench.receive(link, &beat("m2", 1).message());
    bench.hold_signatures = false;
    bench.advance(secs(20));
    bench.receive(link, &beat("m2", 2).message());
    assert!(own_heartbeats(&mut bench).is_empty());
    bench.advance(secs(20));
    assert!(!own_heartbeats(&mut bench).is_empty());
}

#[test]
fn only_heartbeats_of_the_first_seconds_carry_the_identity() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.advance(secs(1));
    let first = own_heartbeats(&mut bench);
    assert_eq!(first[0].identity, Some(identity_of("m1")));
    bench.advance(secs(10));
    bench.receive(link, &beat("m2", 2).message());
    own_heartbeats(&mut bench);
    bench.advance(secs(10));
    let old = own_heartbeats(&mut bench);
    assert!(!old.is_empty() && old.iter().all(|alive| alive.identity.is_none()));
}

#[test]
fn our_heartbeats_have_growing_times_and_the_configured_content() {
    let mut bench = Bench::with(|config| config.metadata = Bytes::from_static(b"one"));
    bench.member("m2");
    bench.advance(secs(8));
    let metadata = Bytes::from_static(b"two");
    bench.ask(Request::UpdateMetadata { metadata }).unwrap();
    bench.advance(secs(8));
    let heartbeats = own_heartbeats(&mut bench);
    assert!(
        heartbeats
            .iter()
            .all(|alive| alive.endpoint == external("m1") && alive.time.incarnation == 5)
    );
    assert!(
        heartbeats
            .windows(2)
            .all(|pair| pair[0].time < pair[1].time)
    );
    assert_eq!(heartbeats[0].metadata, b"one"[..]);
    assert_eq!(
        heartbeats.last().map(|alive| alive.metadata.clone()),
        Some(Bytes::from_static(b"two"))
    );
}

#[test]
fn new_metadata_is_in_the_next_answer_even_before_the_next_heartbeat() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let metadata = Bytes::from_static(b"new");
    bench.ask(Request::UpdateMetadata { metadata }).unwrap();
    bench.receive(link, &request(&beat("m2", 2), 9));
    let (_, view) = responses(&mut bench).remove(0);
    let own = view.alive.last().unwrap().payload().clone();
    assert!(own.windows(3).any(|part| part == b"new"));
}

#[test]
fn only_newer_heartbeats_are_verified() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    let at = |incarnation, sequence| {
        let mut beat = beat("m2", 0);
        beat.time = PeerTime {
            incarnation,
            sequence,
        };
        beat.message()
    };
    bench.receive(link, &at(1, 2));
    let checked = bench.checked;
    for old in [at(1, 2), at(1, 1), at(0, 9)] {
        bench.receive(link, &old);
    }
    assert_eq!(bench.checked, checked);
    assert_eq!(bench.metrics().duplicates, 3);
    for new in [at(1, 3), at(2, 1)] {
        bench.receive(link, &new);
    }
    assert_eq!(bench.checked, checked + 2);
    assert_eq!(bench.metrics().duplicates, 3);
}

#[test]
fn a_forged_heartbeat_changes_nothing_and_is_not_forwarded() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    bench.advance(secs(1));
    bench.sent();
    let failed = bench.metrics().verifications_failed;
    let mut forged = beat("m3", 99);
    forged.metadata = "forged";
    bench.receive(link, &forged.signed_by("m2"));
    bench.receive(link, &beat("m4", 1).signed_by("m2"));
    bench.advance(millis(20));
    assert_eq!(bench.metrics().verifications_failed, failed + 2);
    assert_eq!(bench.beats_pushed(), []);
    assert!(
        bench
            .node
            .members()
            .iter()
            .all(|member| member.metadata.is_empty())
    );
    assert_eq!(bench.liveness("m4"), None);
}

#[test]
fn a_heartbeat_with_a_forged_secret_is_rejected() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    let (good, other) = (beat("m2", 1), beat("m2", 1).secret(Some("evil:1")));
    let secret = other.signed_by("m3").envelope().secret().cloned().unwrap();
    let unsigned =
        gossip_proto::UnsignedMessage::new(good.message().message().clone(), Some("evil:1"));
    let forged = unsigned.sign(
        good.message().envelope().signature().clone(),
        Some(secret.signature),
    );
    bench.receive(link, &forged);
    assert_eq!(bench.liveness("m2"), None);
    bench.receive(link, &good.message());
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn an_unsigned_heartbeat_is_a_violation() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    let unsigned = SignedMessage::unsigned(beat("m2", 1).message().message().clone());
    bench.receive(link, &unsigned);
    assert_eq!(bench.metrics().violations, 1);
    assert_eq!(bench.liveness("m2"), None);
}

#[test]
fn a_pushed_heartbeat_is_forwarded_except_to_its_sender_and_its_subject() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    let third = bench.member("m4");
    bench.advance(secs(1));
    bench.sent();
    bench.receive(link, &beat("m4", 2).message());
    bench.advance(millis(20));
    assert_eq!(bench.beats_pushed(), [("m3".to_owned(), "m4".to_owned())]);
    bench.receive(third, &beat("m4", 2).message());
    bench.advance(millis(20));
    assert_eq!(bench.beats_pushed(), []);
}

#[test]
fn heartbeats_in_requests_and_responses_are_applied_but_not_forwarded() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    bench.advance(millis(50));
    bench.receive(link, &request(&beat("m2", 2), 1));
    answer(&mut bench, link, "m2", &[&beat("m4", 7)], &[]);
    bench.sent();
    bench.advance(millis(20));
    assert_eq!(bench.liveness("m4"), Some(true));
    assert!(
        bench
            .beats_pushed()
            .iter()
            .all(|(_, subject)| subject == "m1")
    );
}

#[test]
fn heartbeats_of_ours_from_other_peers_are_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let checked = bench.checked;
    bench.receive(link, &beat("m1", 999).message());
    answer(
        &mut bench,
        link,
        "m2",
        &[&beat("m1", 1000)],
        &[&beat("m1", 1001)],
    );
    assert_eq!(bench.checked, checked);
    assert_eq!(bench.liveness("m1"), None);
}

#[test]
fn an_internal_endpoint_from_the_member_itself_is_not_replaced_by_a_relay() {
    let mut bench = Bench::new();
    let (owner, relay) = (bench.connect("m2"), bench.member("m3"));
    let endpoint = |bench: &Bench| {
        let members = bench.node.members();
        let member = members.into_iter().find(|member| member.peer == peer("m2"));
        member.and_then(|member| member.internal_endpoint)
    };
    bench.receive(relay, &beat("m2", 1).secret(Some("old:1")).message());
    assert_eq!(endpoint(&bench), Some(Endpoint::new("old:1")));
    bench.receive(owner, &beat("m2", 2).message());
    assert_eq!(endpoint(&bench), Some(Endpoint::new(&internal("m2"))));
    bench.receive(relay, &beat("m2", 3).secret(Some("old:1")).message());
    bench.receive(relay, &beat("m2", 4).secret(None).message());
    assert_eq!(endpoint(&bench), Some(Endpoint::new(&internal("m2"))));
}

#[test]
fn members_beyond_the_limit_are_rejected_and_counted_until_one_is_dead() {
    let mut bench = Bench::with(|config| config.membership.max_members = 2.try_into().unwrap());
    let link = bench.member("m2");
    bench.member("m3");
    bench.advance(secs(1));
    bench.sent();
    bench.receive(link, &beat("m4", 1).message());
    assert_eq!(bench.liveness("m4"), None);
    assert_eq!(bench.metrics().members_shed, 1);
    bench.advance(secs(1));
    assert_eq!(
        bench.beats_pushed(),
        [],
        "a heartbeat that is not stored would circulate for ever"
    );
    bench.advance(secs(20));
    bench.receive(link, &beat("m2", 2).message());
    bench.advance(secs(10));
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.receive(link, &beat("m4", 2).message());
    assert_eq!(
        (bench.liveness("m3"), bench.liveness("m4")),
        (None, Some(true))
    );
    assert!(
        bench
            .notes
            .contains(&Notification::MemberForgotten(peer("m3")))
    );
}
