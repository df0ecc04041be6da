//! Requests to this node: which are answered, and what the responses disclose.

use super::*;
use crate::Request;
use bytes::Bytes;

/// A node that knows members of several organisations.
fn populated(adjust: impl FnOnce(&mut crate::Config)) -> Bench {
    let mut bench = Bench::with(adjust);
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).hidden().message());
    bench.receive(link, &beat("a1", 1).message());
    bench.receive(link, &beat("a2", 1).hidden().message());
    bench.receive(link, &beat("b1", 1).message());
    bench
}

fn response_to(bench: &mut Bench, name: &str, own: &Beat) -> Option<MembershipResponse> {
    let link = bench.connect(name);
    responses(bench);
    bench.receive(link, &request(own, 77));
    let mut responses = responses(bench);
    assert!(responses.len() <= 1);
    responses.pop().map(|(to, view)| {
        assert_eq!(to, name);
        view
    })
}

fn names(who: &[(&str, bool)]) -> Vec<(String, bool)> {
    who.iter()
        .map(|(name, secret)| ((*name).to_owned(), *secret))
        .collect()
}

#[test]
fn a_requester_of_our_organisation_is_sent_all_its_members_with_internal_endpoints_and_no_others() {
    let mut bench = populated(|_| {});
    let view = response_to(&mut bench, "m9", &beat("m9", 1)).unwrap();
    assert_eq!(
        who(&view.alive),
        names(&[("m1", true), ("m2", true), ("m3", true)])
    );
    assert_eq!(view.dead, []);
}

#[test]
fn a_foreign_requester_is_sent_its_organisation_and_our_external_peers_without_internal_endpoints()
{
    let mut bench = populated(|_| {});
    let view = response_to(&mut bench, "a9", &beat("a9", 1)).unwrap();
    let expected = [("a1", false), ("a2", false), ("m1", false), ("m2", false)];
    assert_eq!(who(&view.alive), names(&expected));
}

#[test]
fn foreign_requesters_without_external_endpoint_are_not_answered() {
    let mut bench = populated(|_| {});
    assert!(response_to(&mut bench, "a9", &beat("a9", 1).hidden()).is_none());
}

#[test]
fn requesters_of_an_unknown_organisation_are_not_answered() {
    let mut bench = populated(|_| {});
    assert!(response_to(&mut bench, "?9", &beat("?9", 1)).is_none());
}

#[test]
fn a_peer_without_external_endpoint_answers_its_own_organisation_only() {
    let mut bench = populated(|config| config.external_endpoint = None);
    assert!(response_to(&mut bench, "a9", &beat("a9", 1)).is_none());
    assert!(response_to(&mut bench, "m9", &beat("m9", 1)).is_some());
}

#[test]
fn responses_leave_out_the_requester_and_list_dead_members_separately() {
    let mut bench = populated(|_| {});
    bench.advance(secs(24));
    let link = bench.connect("m2");
    bench.receive(link, &beat("m2", 2).message());
    bench.advance(secs(2));
    let link = bench.connect("m2");
    responses(&mut bench);
    bench.receive(link, &request(&beat("m2", 3), 1));
    let (_, view) = responses(&mut bench).remove(0);
    assert_eq!(who(&view.alive), names(&[("m1", true)]));
    assert_eq!(who(&view.dead), names(&[("m3", true)]));
}

#[test]
fn responses_carry_identities_on_request() {
    let mut bench = populated(|_| {});
    let link = bench.connect("m9");
    for (want, count) in [(false, 0), (true, 2)] {
        let content = Content::MembershipRequest(gossip_proto::MembershipRequest {
            self_information: beat("m9", 1).envelope(),
            want_identities: want,
            held: Bytes::new(),
            pulse: None,
        });
        let ask = message(1, "", gossip_proto::Tag::Empty, content);
        bench.receive(link, &SignedMessage::unsigned(ask));
        let (_, view) = responses(&mut bench).remove(0);
        assert_eq!(view.identities.len(), count);
        assert!(
            view.identities
                .iter()
                .all(|one| one.cert == identity_of(&String::from_utf8_lossy(&one.pki_id)))
        );
    }
}

#[test]
fn a_response_carries_the_nonce_even_if_the_requesters_heartbeat_is_stale() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    for (sequence, nonce) in [(5, 10), (5, 11), (1, u64::MAX)] {
        bench.sent();
        bench.receive(link, &request(&beat("m2", sequence), nonce));
        let nonces = bench.sent_like(|message| match message.content() {
            Content::MembershipResponse(_) => Some(message.message().nonce),
            _ => None,
        });
        assert_eq!(nonces, [("m2".to_owned(), nonce)]);
    }
}

#[test]
fn a_request_with_the_heartbeat_of_another_peer_is_not_answered() {
    let mut bench = Bench::new();
    let (link, owner) = (bench.member("m2"), bench.member("m3"));
    bench.advance(millis(20));
    bench.sent();
    let spoofed = request(&beat("m3", 2), 1);
    bench.receive(link, &spoofed);
    assert_eq!(responses(&mut bench), []);
    assert_eq!(bench.metrics().violations, 1);
    bench.receive(owner, &spoofed);
    assert_eq!(responses(&mut bench).len(), 1);
}

#[test]
fn a_request_without_a_heartbeat_inside_is_a_violation() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    for inside in [
        state_info("m2", 1, 0),
        SignedMessage::unsigned(message(0, "", gossip_proto::Tag::Empty, Content::Empty)),
    ] {
        let content = Content::MembershipRequest(gossip_proto::MembershipRequest {
            self_information: inside.envelope().clone(),
            want_identities: false,
            held: Bytes::new(),
            pulse: None,
        });
        let bad = message(1, "", gossip_proto::Tag::Empty, content);
        bench.receive(link, &SignedMessage::unsigned(bad));
    }
    assert_eq!(bench.metrics().violations, 2);
    assert_eq!(responses(&mut bench), []);
}

#[test]
fn requests_beyond_the_rate_are_dropped_and_counted() {
    let mut bench = Bench::new();
    let (link, other) = (bench.member("m2"), bench.member("m3"));
    bench.advance(secs(1));
    bench.sent();
    for nonce in 0..10 {
        bench.receive(link, &request(&beat("m2", 2), nonce));
    }
    assert_eq!(responses(&mut bench).len(), 4);
    assert_eq!(bench.metrics().requests_limited, 6);
    bench.receive(other, &request(&beat("m3", 2), 1));
    assert_eq!(responses(&mut bench).len(), 1, "the limit is per peer");
    bench.advance(secs(1));
    bench.receive(link, &request(&beat("m2", 2), 11));
    assert_eq!(responses(&mut bench).len(), 1);
}

#[test]
fn a_request_waits_for_our_first_signature_and_is_answered_on_its_link() {
    let mut bench = Bench::new();
    let link = bench.connect("m2");
    bench.hold_signatures = true;
    bench.receive(link, &request(&beat("m2", 1), 3));
    assert_eq!(responses(&mut bench), []);
    assert_eq!(bench.jobs.len(), 1, "one signature for all uses");
    bench.answer_all();
    assert_eq!(responses(&mut bench).len(), 1);
}

#[test]
fn metadata_that_does_not_fit_the_wire_is_refused() {
    let mut bench = Bench::new();
    let metadata = Bytes::from(vec![0; (64 << 10) + 1]);
    assert!(bench.ask(Request::UpdateMetadata { metadata }).is_err());
}

#[test]
fn a_view_beyond_the_size_limit_is_sent_in_parts_that_cover_it() {
    let mut bench = populated(|config| config.membership.max_response_bytes = 400);
    let link = bench.member("m4");
    bench.receive(link, &beat("m5", 1).message());
    bench.receive(link, &beat("m6", 1).message());
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let view = response_to(&mut bench, "m2", &beat("m2", 2)).unwrap();
        let part = who(&view.alive);
        assert!((2..5).contains(&part.len()), "{part:?}");
        assert!(
            part.iter().any(|(name, _)| name == "m1"),
            "our own heartbeat is in each part"
        );
        seen.extend(part.into_iter().map(|(name, _)| name));
    }
    assert!(seen.iter().eq(["m1", "m3", "m4", "m5", "m6"]), "{seen:?}");
}

#[test]
fn a_large_response_is_sent_with_the_bulk_class() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let own = beat("m2", 2);
    bench.receive(link, &request(&own, 1));
    assert_eq!((responses(&mut bench).len(), bench.bulk), (1, 0));
    for name in ["m3", "m4"] {
        let heartbeat = beat(name, 1).secret(None).message();
        bench.receive(link, &bloated(name, &heartbeat, 20_000));
    }
    bench.receive(link, &request(&own, 2));
    assert_eq!((responses(&mut bench).len(), bench.bulk), (1, 1));
}

#[test]
fn heartbeats_and_exchanges_are_jittered() {
    let times = |wanted: fn(&Content) -> bool| {
        let mut bench = Bench::new();
        let link = bench.member("m2");
        let mut times = Vec::new();
        for tenth in 1..3_000_u64 {
            bench.advance(millis(100));
            if tenth % 20 == 0 {
                bench.receive(link, &beat("m2", tenth).message());
            }
            let sent = bench.sent_like(|message| wanted(message.content()).then_some(()));
            if !sent.is_empty() {
                times.push(tenth);
            }
        }
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.collect::<std::collections::BTreeSet<_>>()
    };
    let heartbeats = times(|content| matches!(content, Content::Alive(_)));
    assert!(heartbeats.len() > 5, "{heartbeats:?}");
    let exchanges = times(|content| matches!(content, Content::MembershipRequest(_)));
    assert!(exchanges.len() > 5, "{exchanges:?}");
}

#[test]
fn a_member_learned_as_dead_is_not_listed_until_it_was_alive_here() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 4)]);
    assert_eq!(bench.liveness("m3"), Some(false));
    let view = response_to(&mut bench, "m9", &beat("m9", 1)).unwrap();
    assert_eq!(
        view.dead,
        [],
        "else members would list it to each other for ever"
    );
    bench.receive(link, &beat("m3", 5).message());
    let view = response_to(&mut bench, "m9", &beat("m9", 2)).unwrap();
    assert!(who(&view.alive).contains(&("m3".to_owned(), true)));
}
