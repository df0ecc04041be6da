//! Farewells of peers that stop.

use super::*;
use crate::peers::link::{CAPABILITIES, LEAVING};
use crate::{CloseReason, Request, RequestError, Response};

/// The farewells sent since the last call: receiver and subject.
fn farewells(bench: &mut Bench) -> Vec<(String, String)> {
    let mut sent = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if alive.leaving => {
            Some(String::from_utf8_lossy(&alive.pki_id).into_owned())
        }
        _ => None,
    });
    sent.sort_unstable();
    sent
}

fn pair(to: &str, subject: &str) -> (String, String) {
    (to.to_owned(), subject.to_owned())
}

/// A connected member that does not understand farewells: to it they would be heartbeats.
fn without_farewells(bench: &mut Bench, name: &str) -> LinkId {
    let link = bench.link_up(name, None);
    bench.authenticate_with(link, CAPABILITIES & !LEAVING);
    bench.receive(link, &beat(name, 1).message());
    link
}

#[test]
fn a_farewell_removes_the_member_at_once_and_closes_its_link() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m2", 2).leaving().message());
    assert_eq!(bench.liveness("m2"), None);
    assert!(bench.notes.contains(&Notification::MemberLeft(peer("m2"))));
    assert!(!bench.notes.contains(&died("m2")));
    assert_eq!(bench.closed, [("m2".to_owned(), CloseReason::PeerGone)]);
}

#[test]
fn neither_responses_nor_replays_restore_a_member_after_its_farewell() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 7).message());
    bench.receive(link, &beat("m3", 9).leaving().message());
    assert_eq!(bench.liveness("m3"), None);
    bench.receive(link, &beat("m3", 8).message());
    answer(&mut bench, link, "m2", &[&beat("m3", 8)], &[&beat("m3", 7)]);
    bench.receive(link, &beat("m3", 9).leaving().message());
    assert_eq!(bench.liveness("m3"), None);
    let left = Notification::MemberLeft(peer("m3"));
    assert_eq!(bench.notes.iter().filter(|note| **note == left).count(), 1);
}

#[test]
fn a_member_that_has_left_is_listed_neither_as_alive_nor_as_dead() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 7).message());
    bench.receive(link, &beat("m3", 8).leaving().message());
    responses(&mut bench);
    bench.receive(link, &request(&beat("m2", 2), 4));
    let view = responses(&mut bench).remove(0).1;
    assert_eq!(who(&view.alive), [("m1".to_owned(), true)]);
    assert!(view.dead.is_empty());
}

#[test]
fn a_later_incarnation_or_its_own_link_restores_a_member_that_has_left() {
    let mut bench = Bench::new();
    let relay = bench.member("m3");
    let link = bench.member("m2");
    bench.receive(link, &beat("m2", 5).leaving().message());
    let mut restarted = beat("m2", 1);
    restarted.time.incarnation = 2;
    bench.receive(relay, &restarted.message());
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.receive(relay, &restarted.clone().leaving().message());
    restarted.time.sequence = 2;
    bench.receive(relay, &restarted.leaving().message());
    assert_eq!(bench.liveness("m2"), None);
    // Its clock was set back.
    bench.incarnations.insert("m2".to_owned(), 1);
    let link = bench.connect("m2");
    bench.receive(link, &beat("m2", 1).message());
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn a_farewell_is_passed_on_once_to_peers_that_understand_it() {
    let mut bench = Bench::new();
    let first = bench.member("m2");
    let second = bench.member("m3");
    bench.member("m4");
    without_farewells(&mut bench, "m5");
    bench.receive(first, &beat("m6", 1).message());
    bench.advance(millis(20));
    farewells(&mut bench);
    bench.receive(first, &beat("m6", 2).leaving().message());
    assert_eq!(farewells(&mut bench), [pair("m3", "m6"), pair("m4", "m6")]);
    bench.receive(second, &beat("m6", 2).leaving().message());
    bench.advance(secs(1));
    assert!(farewells(&mut bench).is_empty());
}

#[test]
fn the_farewell_of_an_unknown_peer_is_passed_on_and_remembered() {
    let mut bench = Bench::new();
    let first = bench.member("m2");
    bench.member("m3");
    bench.receive(first, &beat("m6", 2).leaving().message());
    assert_eq!(farewells(&mut bench), [pair("m3", "m6")]);
    assert!(!bench.notes.contains(&Notification::MemberLeft(peer("m6"))));
    bench.receive(first, &beat("m6", 1).message());
    assert_eq!(bench.liveness("m6"), None);
}

#[test]
fn a_farewell_not_signed_by_its_subject_is_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.receive(link, &beat("m3", 2).leaving().signed_by("m2"));
    assert_eq!(bench.liveness("m3"), Some(true));
    assert!(farewells(&mut bench).is_empty());
}

#[test]
fn a_farewell_of_an_earlier_incarnation_is_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let mut restarted = beat("m2", 1);
    restarted.time.incarnation = 2;
    bench.receive(link, &restarted.message());
    bench.receive(link, &beat("m2", 9).leaving().message());
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn the_farewell_of_a_peer_without_external_endpoint_stays_in_its_organisation() {
    let mut bench = Bench::new();
    let first = bench.member("m2");
    bench.member("m3");
    bench.member("n4");
    bench.receive(first, &beat("m6", 1).hidden().message());
    bench.receive(first, &beat("m6", 2).hidden().leaving().message());
    assert_eq!(farewells(&mut bench), [pair("m3", "m6")]);
}

#[test]
fn a_pulse_overtaken_by_the_farewell_causes_no_request() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = secs(1_000));
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).anchored().message());
    bench.advance(secs(30));
    let link = if bench.closed.is_empty() {
        link
    } else {
        bench.connect("m2")
    };
    bench.receive(link, &beat("m2", 2).message());
    bench.receive(link, &beat("m3", 3).leaving().message());
    bench.advance(secs(10));
    requests(&mut bench);
    bench.receive(link, &pulses(&[pulse("m3", 2)]));
    bench.advance(secs(2));
    assert!(requests(&mut bench).is_empty());
}

#[test]
fn a_stop_sends_the_farewell_to_connected_peers_that_understand_it_before_finishing_links() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.member("n3");
    without_farewells(&mut bench, "m4");
    bench.hold_signatures = true;
    let stop = bench.begin(Request::Stop);
    assert_eq!(bench.reply(stop), None, "the signature is outstanding");
    bench.answer_all();
    assert_eq!(farewells(&mut bench), [pair("m2", "m1"), pair("n3", "m1")]);
    assert_eq!(bench.reply(stop), Some(Ok(Response::Done)));
    assert_eq!(bench.node.poll_timeout(), None);
}

#[test]
fn the_farewell_contains_no_internal_endpoint() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.sent();
    bench.ask(Request::Stop).unwrap();
    let secrets = bench.sent_like(|message| Some(message.envelope().secret().is_some()));
    assert_eq!(secrets, [("m2".to_owned(), false)]);
}

#[test]
fn a_stop_without_receivers_of_the_farewell_ends_at_once_and_signs_nothing() {
    let mut bench = Bench::new();
    without_farewells(&mut bench, "m4");
    bench.hold_signatures = true;
    let signatures = bench.signatures;
    assert_eq!(bench.ask(Request::Stop), Ok(Response::Done));
    assert_eq!(bench.signatures, signatures);
}

#[test]
fn a_stop_ends_if_the_signature_fails_or_times_out() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.cannot_sign = true;
    assert_eq!(bench.ask(Request::Stop), Ok(Response::Done));
    assert!(farewells(&mut bench).is_empty());

    let mut bench = Bench::new();
    bench.member("m2");
    bench.hold_signatures = true;
    let stop = bench.begin(Request::Stop);
    bench.advance(millis(999));
    assert_eq!(bench.reply(stop), None);
    bench.advance(millis(1));
    assert_eq!(bench.reply(stop), Some(Ok(Response::Done)));
    bench.answer_all();
    assert!(farewells(&mut bench).is_empty());
}

#[test]
fn a_stopping_node_accepts_no_new_work() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("m2");
    bench.hold_signatures = true;
    let stop = bench.begin(Request::Stop);
    bench.sent();
    let metadata = bytes::Bytes::new();
    let refused = bench.ask(Request::UpdateMetadata { metadata });
    assert_eq!(refused, Err(RequestError::Stopped));
    assert_eq!(bench.ask(Request::Stop), Err(RequestError::Stopped));
    bench.link_up("m3", None);
    assert_eq!(bench.closed.pop().unwrap().1, CloseReason::Stopping);
    bench.receive(link, &request(&beat("m2", 2), 4));
    bench.receive(link, &beat("m5", 1).message());
    assert!(bench.sent().is_empty());
    assert_eq!(bench.liveness("m5"), None);
    bench.answer_all();
    assert_eq!(bench.reply(stop), Some(Ok(Response::Done)));
}

#[test]
fn at_the_limit_the_oldest_tombstone_is_dropped_regardless_of_its_peer() {
    let mut bench = Bench::with(|config| {
        config.membership.max_members = std::num::NonZeroUsize::new(3).unwrap();
    });
    let link = bench.member("m2");
    for name in ["m9", "m3", "m4"] {
        bench.receive(link, &beat(name, 5).leaving().message());
    }
    assert_eq!(bench.metrics().tombstones_shed, 0);
    bench.receive(link, &beat("m5", 5).leaving().message());
    assert_eq!(bench.metrics().tombstones_shed, 1);
    for name in ["m3", "m4", "m5"] {
        bench.receive(link, &beat(name, 5).message());
        assert_eq!(bench.liveness(name), None, "{name} is not restored");
    }
    bench.receive(link, &beat("m9", 5).message());
    assert_eq!(
        bench.liveness("m9"),
        Some(true),
        "its tombstone was dropped"
    );
}
