//! Bootstrap peers and anchors.

use std::collections::BTreeMap;

use super::*;
use crate::node::bench::Bound;
use crate::{
    ChannelId, CloseReason, DialError, Endpoint, Instant, JoinChannel, Notification, OrgId,
    Refusal, Request, SeedFailure,
};

fn with_bootstrap(endpoints: &[&str]) -> Bench {
    let endpoints = endpoints.iter().map(|text| Endpoint::new(text)).collect();
    let mut bench = Bench::with(|config| config.bootstrap = endpoints);
    bench.advance(millis(0));
    bench
}

fn join(bench: &mut Bench, channel: &str, sequence: u64, anchors: &[(&str, &str)]) {
    let mut members = BTreeMap::from([(OrgId::new(b"m"), Vec::new())]);
    for (org, endpoint) in anchors {
        let anchors: &mut Vec<Endpoint> = members.entry(OrgId::new(org.as_bytes())).or_default();
        anchors.push(Endpoint::new(endpoint));
    }
    let config = JoinChannel { sequence, members };
    let channel = ChannelId::new(channel);
    bench.ask(Request::JoinChannel { channel, config }).unwrap();
    bench.advance(millis(0));
}

fn dialled(bench: &mut Bench) -> Vec<String> {
    bench
        .dials
        .iter()
        .map(|(_, endpoint)| endpoint.to_string())
        .collect()
}

/// Fails all dials for `time` seconds, and counts them.
fn count_dials(bench: &mut Bench, time: u64) -> usize {
    let mut count = 0;
    for _ in 0..time * 10 {
        bench.advance(millis(100));
        count += bench.fail_dials().len();
    }
    count
}

fn drop_dials(bench: &mut Bench) {
    bench.fail_dials();
}

#[test]
fn bootstrap_peers_except_this_node_are_dialled_at_the_start() {
    let own = [&*internal("m1"), &external("m1")];
    let mut bench = with_bootstrap(&[own[0], "m2.lan:1", own[1], "m3.lan:1", "m2.lan:1"]);
    assert_eq!(dialled(&mut bench), ["m2.lan:1", "m3.lan:1"]);
}

#[test]
fn our_port_on_the_loopback_is_our_own_endpoint_if_we_listen_there() {
    let bootstrap = [
        "127.0.0.1:7051",
        "localhost:7051",
        "[::1]:7051",
        "127.0.0.1:7052",
    ];
    for (own, expected) in [
        ("0.0.0.0:7051", 1),
        ("127.0.0.1:7051", 1),
        ("10.0.0.7:7051", 4),
    ] {
        let mut bench = Bench::with(|config| {
            config.endpoint = Endpoint::new(own);
            config.bootstrap = bootstrap.iter().map(|text| Endpoint::new(text)).collect();
        });
        bench.advance(millis(0));
        assert_eq!(bench.dials.len(), expected, "{own}");
    }
}

#[test]
fn an_unreachable_seed_is_dialled_for_ever_with_back_off() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    drop_dials(&mut bench);
    let first = count_dials(&mut bench, 25);
    assert!((5..=8).contains(&first), "{first}");
    bench.advance(secs(36_000));
    drop_dials(&mut bench);
    let late = count_dials(&mut bench, 1_000);
    assert!((130..=230).contains(&late), "at least once per 6 s: {late}");
}

fn unreachable(bench: &mut Bench) -> Vec<(String, SeedFailure, Instant)> {
    let notes = std::mem::take(&mut bench.notes).into_iter();
    let unreachable = notes.filter_map(|note| match note {
        Notification::SeedUnreachable {
            endpoint,
            failure,
            since,
        } => Some((endpoint.to_string(), failure, since)),
        _ => None,
    });
    unreachable.collect()
}

#[test]
fn an_unreachable_seed_is_reported_after_five_failures_and_then_seldom() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    let begun = bench.now;
    let refused = SeedFailure::Dial(DialError::Unreachable);
    let report = ("m2.lan:1".to_owned(), refused, begun);
    let (mut failures, mut reported) = (0, Vec::new());
    for _ in 0..10_000 {
        failures += bench.fail_dials().len();
        for report_now in unreachable(&mut bench) {
            assert_eq!(report_now, report);
            reported.push(failures);
        }
        bench.advance(millis(100));
    }
    assert_eq!(reported, [5, 20, 80]);

    // An answer begins the count anew.
    let mut bound = Bound::new("a dial", 200);
    while bench.dials.is_empty() {
        bound.step("nothing");
        bench.advance(millis(100));
    }
    let link = bench.answer_dial("m2");
    answer(&mut bench, link, "m2", &[&beat("m2", 1)], &[]);
    bench.link_down(link);
    let begun = bench.now;
    let mut bound = Bound::new("a report", 10_000);
    let (_, failure, since) = loop {
        bound.step("nothing");
        bench.advance(millis(100));
        bench.fail_dials();
        if let Some(report) = unreachable(&mut bench).pop() {
            break report;
        }
    };
    assert!(failure == refused && since > begun, "{failure} {since:?}");
}

#[test]
fn a_seed_of_another_organisation_or_without_an_answer_is_reported_as_such() {
    let mut bench = with_bootstrap(&["a2:1"]);
    let mut bound = Bound::new("a report", 100);
    let failure = loop {
        bound.step(&bench.dials);
        if !bench.dials.is_empty() {
            bench.answer_dial("a2");
        }
        if let Some((_, failure, _)) = unreachable(&mut bench).pop() {
            break failure;
        }
        bench.advance(secs(1));
    };
    assert_eq!(failure, SeedFailure::WrongOrganisation);

    let mut bench = with_bootstrap(&["m2:1"]);
    bench.answer_dial("m2");
    let mut bound = Bound::new("a report", 100);
    let failure = loop {
        bound.step(&bench.dials);
        bench.advance(secs(1));
        if let Some((_, failure, _)) = unreachable(&mut bench).pop() {
            break failure;
        }
        if !bench.dials.is_empty() {
            bench.answer_dial("m2");
        }
    };
    assert_eq!(failure, SeedFailure::NoAnswer);
}

#[test]
fn a_seed_is_asked_and_not_dialled_while_its_peer_is_alive() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    let link = bench.answer_dial("m2");
    let nonce = asked(&mut bench, "m2");
    let view = MembershipResponse {
        alive: vec![beat("m2", 1).envelope()],
        ..MembershipResponse::default()
    };
    bench.receive(link, &response(nonce, view));
    for sequence in 2..20 {
        bench.advance(secs(10));
        bench.receive(link, &beat("m2", sequence).message());
    }
    assert_eq!(dialled(&mut bench), [] as [String; 0]);
    bench.link_down(link);
    // The member is dead and forgotten; the seed remains.
    bench.advance(secs(3_600));
    assert_eq!(bench.liveness("m2"), None);
    drop_dials(&mut bench);
    let dials = count_dials(&mut bench, 500);
    assert!(dials >= 15, "{dials}");
}

#[test]
fn a_connected_seed_that_does_not_answer_is_asked_again() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    bench.answer_dial("m2");
    let first = asked(&mut bench, "m2");
    let mut second = None;
    for _ in 0..200 {
        bench.advance(millis(100));
        if !bench.dials.is_empty() {
            bench.answer_dial("m2");
        }
        second = second.or_else(|| requests(&mut bench).pop());
    }
    assert!(second.is_some_and(|(_, nonce, _)| nonce != first));
}

#[test]
fn a_foreign_bootstrap_peer_is_refused_and_not_asked() {
    let mut bench = with_bootstrap(&["a1.lan:1"]);
    for round in 1..=3 {
        bench.answer_dial("a1");
        assert_eq!(bench.metrics().refused[&Refusal::ForeignBootstrap], round);
        bench.until("a dial", millis(100), |bench| !bench.dials.is_empty());
    }
    let refused = CloseReason::Refused(Refusal::ForeignBootstrap);
    assert!(
        bench
            .closed
            .iter()
            .all(|closed| *closed == ("a1".to_owned(), refused))
    );
    assert_eq!(requests(&mut bench), []);
    assert_eq!(bench.signatures, 3, "one per connection");
}

#[test]
fn only_an_anchor_of_our_organisation_learns_our_internal_endpoint() {
    let mut bench = Bench::new();
    join(
        &mut bench,
        "main",
        1,
        &[("m", "m2.lan:1"), ("a", "a1.example:1")],
    );
    assert_eq!(dialled(&mut bench), ["a1.example:1", "m2.lan:1"]);
    bench.answer_dial("a1");
    bench.answer_dial("m2");
    let mut asked = requests(&mut bench);
    asked.sort_unstable();
    let sent: Vec<_> = asked
        .iter()
        .map(|(to, _, secret)| (&**to, *secret))
        .collect();
    assert_eq!(sent, [("a1", false), ("m2", true)]);
}

#[test]
fn foreign_anchors_are_not_dialled_without_an_external_endpoint() {
    let mut bench = Bench::with(|config| config.external_endpoint = None);
    join(
        &mut bench,
        "main",
        1,
        &[("m", "m2.lan:1"), ("a", "a1.example:1")],
    );
    assert_eq!(dialled(&mut bench), ["m2.lan:1"]);
}

#[test]
fn an_anchor_that_proves_another_organisation_than_declared_is_not_asked() {
    let mut bench = Bench::new();
    join(&mut bench, "main", 1, &[("m", "m2.lan:1")]);
    bench.answer_dial("a1");
    join(&mut bench, "side", 1, &[("b", "b1.example:1")]);
    bench.answer_dial("c1");
    assert_eq!(requests(&mut bench), []);
}

#[test]
fn an_anchor_named_by_several_channels_is_one_seed_until_no_channel_names_it() {
    let mut bench = Bench::new();
    join(&mut bench, "main", 1, &[("m", "m2.lan:1")]);
    join(&mut bench, "side", 1, &[("m", "m2.lan:1")]);
    assert_eq!(dialled(&mut bench), ["m2.lan:1"], "one dial serves both");
    drop_dials(&mut bench);
    join(&mut bench, "main", 2, &[]);
    assert!(
        count_dials(&mut bench, 120) > 2,
        "the other channel still names it"
    );
    join(&mut bench, "side", 2, &[]);
    assert_eq!(count_dials(&mut bench, 120), 0);
}

#[test]
fn a_bootstrap_peer_stays_a_seed_when_no_channel_names_it() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    drop_dials(&mut bench);
    join(&mut bench, "main", 1, &[("m", "m2.lan:1")]);
    join(&mut bench, "main", 2, &[]);
    assert!(count_dials(&mut bench, 120) > 2);
}

#[test]
fn leaving_a_channel_removes_its_anchors() {
    let mut bench = Bench::new();
    join(&mut bench, "main", 1, &[("m", "m2.lan:1")]);
    drop_dials(&mut bench);
    let channel = ChannelId::new("main");
    bench.ask(Request::LeaveChannel { channel }).unwrap();
    assert_eq!(count_dials(&mut bench, 120), 0);
}

#[test]
fn a_stopped_node_does_not_dial() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    drop_dials(&mut bench);
    bench.ask(Request::Stop).unwrap();
    assert_eq!(bench.node.poll_timeout(), None);
    bench.advance(secs(600));
    assert!(bench.dials.is_empty());
}

#[test]
fn a_seed_that_disconnects_before_it_answers_is_dialled_again_soon() {
    let mut bench = with_bootstrap(&["m2:1"]);
    bench.advance(secs(0));
    let link = bench.answer_dial("m2");
    assert_eq!(requests(&mut bench).len(), 1);
    bench.link_down(link);
    bench.advance(millis(300));
    bench.answer_dial("m2");
    assert_eq!(requests(&mut bench).len(), 1, "asked again");
}

#[test]
fn a_seed_that_never_answers_is_asked_at_growing_intervals() {
    let mut bench = with_bootstrap(&["m2:1"]);
    bench.advance(secs(0));
    bench.answer_dial("m2");
    let mut asked = |minutes: u64| {
        for _ in 0..minutes * 60 {
            bench.advance(secs(1));
            let mut bound = Bound::new("the node to stop dialling", 100);
            while !bench.dials.is_empty() {
                bound.step(&bench.dials);
                bench.answer_dial("m2");
            }
        }
        requests(&mut bench).len()
    };
    let (first, later) = (asked(1), asked(10));
    assert!(first >= 4, "{first} in the first minute");
    assert!((45..=70).contains(&later), "{later} in ten minutes");
}

#[test]
fn a_seed_whose_peer_dies_is_dialled_at_once() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    let link = bench.answer_dial("m2");
    answer(&mut bench, link, "m2", &[&beat("m2", 1)], &[]);
    bench.receive(link, &beat("m2", 2).leaving().message());
    bench.advance(millis(250));
    assert_eq!(dialled(&mut bench), ["m2.lan:1"]);
}

fn remembering(endpoints: &[&str], bootstrap: &[&str]) -> Bench {
    let all = |texts: &[&str]| texts.iter().map(|text| Endpoint::new(text)).collect();
    let mut bench = Bench::with(|config| {
        config.remembered = all(endpoints);
        config.bootstrap = all(bootstrap);
    });
    bench.advance(millis(0));
    bench
}

#[test]
fn remembered_endpoints_are_dialled_a_little_later_and_dropped_after_a_while() {
    let mut bench = remembering(&["m2.lan:1", &internal("m1")], &[]);
    assert_eq!(dialled(&mut bench), [""; 0]);
    bench.advance(secs(2));
    assert_eq!(dialled(&mut bench), ["m2.lan:1"]);
    drop_dials(&mut bench);
    assert!(
        count_dials(&mut bench, 440) > 40,
        "until the endpoint is dropped"
    );
    bench.advance(secs(60));
    drop_dials(&mut bench);
    assert_eq!(count_dials(&mut bench, 600), 0);
}

#[test]
fn remembered_endpoints_are_not_dialled_if_a_member_was_found() {
    let mut bench = remembering(&["m3.lan:1"], &["m2.lan:1"]);
    let link = bench.answer_dial("m2");
    answer(&mut bench, link, "m2", &[&beat("m2", 1)], &[]);
    bench.advance(secs(30));
    assert!(!dialled(&mut bench).contains(&"m3.lan:1".to_owned()));
}

#[test]
fn a_foreign_peer_at_a_remembered_endpoint_is_refused() {
    let mut bench = remembering(&["m2.lan:1"], &[]);
    bench.advance(secs(2));
    bench.answer_dial("a1");
    assert_eq!(bench.metrics().refused[&Refusal::ForeignBootstrap], 1);
    assert_eq!(requests(&mut bench), []);
}

#[test]
fn at_most_sixty_four_endpoints_are_remembered() {
    let many: Vec<String> = (100..300).map(|place| format!("m{place}.lan:1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut bench = remembering(&many, &[]);
    bench.advance(secs(3));
    assert_eq!(bench.dials.len(), 64);
}

#[test]
fn a_member_with_the_endpoint_of_an_anchor_is_forgotten_like_any_other() {
    let mut bench = with_bootstrap(&["m9.lan:1"]);
    join(&mut bench, "main", 1, &[("m", "m8.example:1")]);
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).secret(Some("m9.lan:1")).message());
    bench.receive(link, &beat("m4", 1).secret(Some("m8.example:1")).message());
    for _ in 0..800 {
        bench.advance(secs(1));
        drop_dials(&mut bench);
    }
    assert_eq!((bench.liveness("m3"), bench.liveness("m4")), (None, None));
}

#[test]
fn a_node_stopped_right_after_its_start_sends_and_dials_nothing() {
    let bootstrap = vec![Endpoint::new("m2.lan:1")];
    let mut bench = Bench::with(|config| config.bootstrap = bootstrap);
    bench.ask(Request::Stop).unwrap();
    bench.advance(secs(600));
    assert_eq!((bench.dials.len(), bench.signatures), (0, 0));
    assert!(bench.sent().is_empty());
}

#[test]
fn a_seed_at_an_ipv6_address_is_found_like_any_other() {
    let mut bench = with_bootstrap(&["[2001:db8::1]:7051"]);
    assert_eq!(dialled(&mut bench), ["[2001:db8::1]:7051"]);
    let link = bench.answer_dial("m2");
    answer(&mut bench, link, "m2", &[&beat("m2", 1)], &[]);
    for sequence in 2..8 {
        bench.advance(secs(10));
        bench.receive(link, &beat("m2", sequence).message());
    }
    assert_eq!(dialled(&mut bench), [] as [String; 0], "its peer is alive");
}

#[test]
fn requests_to_an_unresponsive_seed_carry_a_heartbeat_of_at_most_two_intervals() {
    let mut bench = with_bootstrap(&["m2.lan:1"]);
    bench.answer_dial("m2");
    let mut sent = Vec::new();
    for second in 0..60 {
        bench.advance(secs(1));
        if !bench.dials.is_empty() {
            bench.answer_dial("m2");
        }
        let limits = gossip_proto::Limits::default();
        let asked = bench.sent_like(|message| match message.content() {
            Content::MembershipRequest(request) => {
                let own = SignedMessage::decode_nested(&request.self_information, &limits);
                match own.unwrap().content() {
                    Content::Alive(alive) => Some(alive.time),
                    other => panic!("{other:?}"),
                }
            }
            _ => None,
        });
        sent.extend(asked.into_iter().map(|(_, time)| (second, time)));
    }
    assert!(sent.len() > 3, "{sent:?}");
    for (asked, time) in &sent {
        let first = sent.iter().find(|(_, other)| other == time);
        assert!(
            first.is_some_and(|(first, _)| asked - first <= 10),
            "{sent:?}"
        );
    }
    assert!(sent[0].1 < sent[sent.len() - 1].1);
}
