//! Pulses instead of signed heartbeats, and responses with changes only.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Alive, MembershipRequest, Pulse};

use super::*;
use crate::peers::membership::{CHAIN_LENGTH, walk};
use crate::{Config, Request};

/// A node with these connected members, which all understand pulses, after the time in which heartbeats carry
/// identities.
fn pulsing(names: &[&str], adjust: impl FnOnce(&mut Config)) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::with(|config| {
        config.membership.publish_identity_for = secs(0);
        adjust(config);
    });
    let join = |name: &&str| {
        let link = bench.connect(name);
        bench.receive(link, &beat(name, 1).anchored().message());
        link
    };
    let links: Vec<_> = names.iter().map(join).collect();
    // Two signed heartbeats are pushed first.
    bench.advance(secs(14));
    bench.sent();
    (bench, links)
}

/// Advances the time while all members send pulses.
fn keep_alive(
    bench: &mut Bench,
    links: &[LinkId],
    names: &[&str],
    sequences: std::ops::Range<u64>,
) {
    for sequence in sequences {
        for (link, name) in links.iter().zip(names) {
            bench.receive(*link, &pulses(&[pulse(name, sequence)]));
        }
        bench.advance(secs(5));
    }
}

/// The pulses sent since the last call, each with its receiver.
fn pulsed(bench: &mut Bench) -> Vec<(String, Pulse)> {
    let sent = bench.sent_like(|message| match message.content() {
        Content::Pulses(pulses) => Some(pulses.clone()),
        _ => None,
    });
    let flat = |(to, pulses): (String, Vec<Pulse>)| {
        pulses.into_iter().map(move |pulse| (to.clone(), pulse))
    };
    sent.into_iter().flat_map(flat).collect()
}

fn receivers_of(bench: &mut Bench, name: &str) -> BTreeSet<String> {
    let of = |(to, pulse): (String, Pulse)| (&pulse.pki_id[..] == name.as_bytes()).then_some(to);
    pulsed(bench).into_iter().filter_map(of).collect()
}

/// The latest of our heartbeats sent since the last call.
fn own_heartbeat(bench: &mut Bench) -> Alive {
    let sent = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if alive.pki_id == "m1" => Some(alive.clone()),
        _ => None,
    });
    sent.last().expect("a heartbeat was pushed").1.clone()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn if_all_members_understand_pulses_ours_hash_to_the_anchor_of_our_signed_heartbeat() {
    let names = ["m2", "m3"];
    let (mut bench, links) = pulsing(&names, |_| {});
    bench
        .ask(Request::UpdateMetadata {
            metadata: Bytes::from_static(b"x"),
        })
        .unwrap();
    bench.advance(secs(7));
    let signed = own_heartbeat(&mut bench);
    let before = bench.signatures;
    keep_alive(&mut bench, &links, &names, 2..12);
    assert_eq!(bench.signatures, before);
    let own: Vec<_> = pulsed(&mut bench)
        .into_iter()
        .filter(|(to, pulse)| to == "m2" && pulse.pki_id == "m1")
        .collect();
    assert!((8..=13).contains(&own.len()), "{}", own.len());
    for (_, pulse) in own {
        let steps = pulse.sequence - signed.time.sequence;
        assert_eq!(Some(walk(&pulse.proof, steps)), signed.pulse_anchor);
    }
}

#[test]
fn a_member_without_a_chain_makes_us_sign_heartbeats_until_it_is_dead() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    let legacy = bench.connect("m3");
    bench.receive(legacy, &beat("m3", 1).message());
    let before = bench.signatures;
    keep_alive(&mut bench, &links, &names, 2..6);
    assert!(bench.signatures >= before + 3);
    assert_eq!(receivers_of(&mut bench, "m1"), set(&[]));
    bench.link_down(legacy);
    keep_alive(&mut bench, &links, &names, 6..9);
    assert_eq!(bench.liveness("m3"), Some(false));
    let before = bench.signatures;
    keep_alive(&mut bench, &links, &names, 9..12);
    assert_eq!(bench.signatures, before);
}

#[test]
fn with_pulses_off_all_heartbeats_are_signed_and_anchor_no_chain() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |config| config.membership.pulses = false);
    let before = bench.signatures;
    keep_alive(&mut bench, &links, &names, 2..5);
    assert!(bench.signatures >= before + 2);
    assert_eq!(own_heartbeat(&mut bench).pulse_anchor, None);
}

#[test]
fn a_heartbeat_is_signed_when_its_content_changes_and_when_the_chain_ends() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    keep_alive(&mut bench, &links, &names, 2..6);
    let before = bench.signatures;
    let metadata = Bytes::from_static(b"new");
    bench
        .ask(Request::UpdateMetadata {
            metadata: metadata.clone(),
        })
        .unwrap();
    keep_alive(&mut bench, &links, &names, 6..8);
    assert_eq!(bench.signatures, before + 1);
    assert_eq!(own_heartbeat(&mut bench).metadata, metadata);
    keep_alive(&mut bench, &links, &names, 8..8 + CHAIN_LENGTH);
    let more = bench.signatures - before;
    assert!((2..=3).contains(&more), "{more}");
}

#[test]
fn no_pulse_is_sent_of_a_chain_whose_heartbeat_could_not_be_signed() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    bench.cannot_sign = true;
    keep_alive(&mut bench, &links, &names, 2..2 + CHAIN_LENGTH + 10);
    assert!(bench.metrics().signing_failures > 0);
    pulsed(&mut bench);
    keep_alive(&mut bench, &links, &names, 140..144);
    assert_eq!(receivers_of(&mut bench, "m1"), set(&[]));
}

#[test]
fn pulses_keep_a_member_alive_and_revive_a_dead_one() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    keep_alive(&mut bench, &links, &names, 2..14);
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(secs(26));
    assert_eq!(bench.liveness("m2"), Some(false));
    let link = bench.connect("m2");
    bench.receive(link, &pulses(&[pulse("m2", 20)]));
    assert_eq!(bench.liveness("m2"), Some(true));
    assert_eq!(bench.checked, 3, "two authentications and one heartbeat");
}

#[test]
fn forged_and_repeated_pulses_are_counted_and_not_passed_on() {
    let (mut bench, links) = pulsing(&["m2", "m3", "m4"], |_| {});
    bench.receive(links[0], &pulses(&[pulse("m2", 5)]));
    bench.advance(secs(1));
    assert_eq!(receivers_of(&mut bench, "m2"), set(&["m3", "m4"]));
    let forged = Pulse {
        sequence: 7,
        ..pulse("m2", 8)
    };
    let far = Pulse {
        sequence: u64::MAX,
        ..pulse("m2", 8)
    };
    let replayed = [pulse("m2", 5), pulse("m2", 1), pulse("m2", 0)];
    let (duplicates, refused) = (bench.metrics().duplicates, bench.metrics().pulses_refused);
    bench.receive(links[1], &pulses(&[forged, far]));
    bench.receive(links[1], &pulses(&replayed));
    bench.receive(links[1], &pulses(&[pulse("m1", 900)]));
    bench.advance(secs(1));
    assert_eq!(receivers_of(&mut bench, "m2"), set(&[]));
    assert_eq!(bench.metrics().pulses_refused, refused + 2);
    assert_eq!(bench.metrics().duplicates, duplicates + 3);
    bench.receive(links[1], &pulses(&[pulse("m2", 6)]));
    assert_eq!(bench.metrics().pulses, 2, "the valid pulse is accepted");
}

#[test]
fn pulses_of_a_former_incarnations_chain_are_rejected() {
    let (mut bench, links) = pulsing(&["m2"], |_| {});
    let mut restarted = beat("m2", 1).anchored();
    restarted.time.incarnation = 2;
    restarted.time.sequence = 1;
    restarted.anchored = false;
    bench.receive(links[0], &restarted.message());
    bench.receive(links[0], &pulses(&[pulse("m2", 2)]));
    assert_eq!(
        (bench.metrics().pulses, bench.metrics().pulses_refused),
        (0, 1)
    );
}

#[test]
fn the_hashing_for_one_link_is_bounded() {
    let (mut bench, links) = pulsing(&["m2", "m3"], |_| {});
    let costly = Pulse {
        sequence: CHAIN_LENGTH - 1,
        ..pulse("m3", 5)
    };
    for _ in 0..200 {
        bench.receive(links[0], &pulses(std::slice::from_ref(&costly)));
    }
    bench.receive(links[0], &pulses(&[pulse("m3", 2)]));
    assert_eq!(bench.metrics().pulses, 0, "the budget of the link is spent");
    bench.receive(links[1], &pulses(&[pulse("m3", 2)]));
    assert_eq!(
        bench.metrics().pulses,
        1,
        "the budget of another link is not"
    );
    bench.advance(secs(1));
    bench.receive(links[0], &pulses(&[pulse("m3", 3)]));
    assert_eq!(bench.metrics().pulses, 2);
}

#[test]
fn pulses_are_collected_and_pushed_where_their_heartbeats_may_be_pushed() {
    let names = ["m2", "m3", "m4", "m5", "a2"];
    let (mut bench, links) = pulsing(&names, |config| config.push.fanout = 9);
    let hidden = bench.connect("m6");
    bench.receive(hidden, &beat("m6", 1).hidden().anchored().message());
    bench.advance(secs(1));
    bench.sent();
    bench.receive(
        links[0],
        &pulses(&[pulse("m2", 2), pulse("m3", 2), pulse("m6", 2)]),
    );
    assert_eq!(
        pulsed(&mut bench),
        [],
        "pulses are collected before they are pushed"
    );
    bench.receive(links[3], &pulses(&[pulse("m4", 2)]));
    bench.advance(secs(1));
    let sent = pulsed(&mut bench);
    let who = |to: &str| -> BTreeSet<_> {
        let to_it = sent.iter().filter(|(peer, _)| peer == to);
        let name = |(_, pulse): &(String, Pulse)| String::from_utf8_lossy(&pulse.pki_id).into();
        to_it
            .map(name)
            .filter(|name: &String| name != "m1")
            .collect()
    };
    assert_eq!(who("m2"), set(&["m4"]));
    assert_eq!(who("m3"), set(&["m2", "m4", "m6"]));
    assert_eq!(who("m5"), set(&["m2", "m3", "m6"]));
    assert_eq!(
        who("a2"),
        set(&["m2", "m3", "m4"]),
        "m6 has no external endpoint"
    );
}

#[test]
fn a_pulse_of_an_unknown_peer_makes_us_request_the_senders_view() {
    let (mut bench, links) = pulsing(&["m2"], |_| {});
    keep_alive(&mut bench, &links, &["m2"], 2..8);
    let nonce = asked(&mut bench, "m2");
    bench.receive(links[0], &response(nonce, MembershipResponse::default()));
    bench.sent();
    bench.receive(links[0], &pulses(&[pulse("m9", 4)]));
    bench.advance(secs(1));
    let wants = bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => Some(request.want_identities),
        _ => None,
    });
    assert_eq!(wants, [("m2".to_owned(), true)]);
}

/// Our next request, with its receiver.
fn next_request(bench: &mut Bench) -> (String, (u64, MembershipRequest)) {
    for _ in 0..400 {
        let sent = bench.sent_like(|message| match message.content() {
            Content::MembershipRequest(request) => Some((message.message().nonce, request.clone())),
            _ => None,
        });
        if let Some(request) = sent.into_iter().next() {
            return request;
        }
        bench.advance(millis(100));
    }
    panic!("no request within 40 s");
}

#[test]
fn a_response_leaves_out_what_the_requester_holds_and_lists_changes() {
    let names = ["m2", "m3", "m4", "m5"];
    let (mut requester, links) = pulsing(&names, |_| {});
    let (mut responder, others) = pulsing(&names, |_| {});
    let (receiver, (nonce, _)) = next_request(&mut requester);
    let place = names.iter().position(|name| *name == receiver).unwrap();
    requester.receive(
        links[place],
        &response(nonce, MembershipResponse::default()),
    );
    for (link, name) in links.iter().zip(names) {
        requester.receive(*link, &pulses(&[pulse(name, 2)]));
    }
    // The responder knows a new heartbeat of m4 and a later pulse of m5.
    responder.receive(others[2], &beat("m4", 9).anchored().message());
    responder.receive(others[2], &pulses(&[pulse("m4", 11)]));
    responder.receive(others[3], &pulses(&[pulse("m5", 3)]));
    let (receiver, (nonce, request)) = next_request(&mut requester);
    assert_eq!(request.held.len(), 3 * 8, "all members but the responder");
    let ask = request_with(&beat("m9", 1), nonce, request.held.clone(), None);
    let link = responder.connect("m9");
    responder.sent();
    responder.receive(link, &ask);
    let (_, view) = responses(&mut responder).remove(0);
    let listed: BTreeSet<_> = who(&view.alive).into_iter().map(|(name, _)| name).collect();
    let held = set(&["m2", "m3", "m4", "m5"]);
    let missing: BTreeSet<_> = listed.intersection(&held).cloned().collect();
    assert_eq!(missing, set(&["m4", &receiver]));
    assert!(view.pulses.contains(&pulse("m4", 11)));
    assert_eq!(view.pulses.contains(&pulse("m5", 3)), receiver == "m5");
}

#[test]
fn the_have_set_for_a_foreign_peer_leaves_out_members_it_may_not_know() {
    let (mut bench, links) = pulsing(&["m2", "a1"], |_| {});
    bench.receive(links[0], &beat("m3", 1).hidden().anchored().message());
    bench.sent();
    for _ in 0..20 {
        let (receiver, (_, request)) = next_request(&mut bench);
        for (link, name) in links.iter().zip(["m2", "a1"]) {
            let again = 2 + bench.now.as_nanos() / 1_000_000;
            bench.receive(*link, &beat(name, again).anchored().message());
        }
        if receiver == "a1" {
            assert_eq!(request.held.len(), 8, "m2 and not m3");
            return;
        }
    }
    panic!("no request to a1");
}

#[test]
fn a_silent_member_is_in_no_have_set_and_in_no_response() {
    let names = ["m2", "m3", "m4"];
    let (mut requester, links) = pulsing(&names, |_| {});
    keep_alive(&mut requester, &links[..2], &names[..2], 2..5);
    assert_eq!(requester.liveness("m4"), Some(true));
    let (receiver, (_, request)) = next_request(&mut requester);
    assert_ne!(receiver, "m4");
    assert_eq!(request.held.len(), 8, "neither the responder nor m4");
    // Its own responses do not list m4 for the same time either.
    let link = requester.connect("m9");
    requester.sent();
    requester.receive(link, &request_with(&beat("m9", 1), 7, Bytes::new(), None));
    let (_, view) = responses(&mut requester).remove(0);
    let listed: BTreeSet<_> = who(&view.alive).into_iter().map(|(name, _)| name).collect();
    assert!(
        listed.contains("m3") && !listed.contains("m4"),
        "{listed:?}"
    );
    assert!(view.dead.is_empty());
}

#[test]
fn a_pulse_in_a_response_revives_a_dead_member() {
    let (mut requester, links) = pulsing(&["m2", "m3"], |_| {});
    keep_alive(&mut requester, &links[..1], &["m2"], 2..8);
    assert_eq!(requester.liveness("m3"), Some(false));
    let nonce = asked(&mut requester, "m2");
    requester.receive(links[0], &response(nonce, MembershipResponse::default()));
    requester.sent();
    let nonce = asked(&mut requester, "m2");
    // The responder has received pulses of m3 all the time. The old heartbeat is no news, the pulse is.
    let view = MembershipResponse {
        alive: vec![beat("m3", 1).anchored().envelope()],
        pulses: vec![pulse("m3", 8)],
        ..MembershipResponse::default()
    };
    requester.receive(links[0], &response(nonce, view));
    assert_eq!(requester.liveness("m3"), Some(true));
}

#[test]
fn a_pulse_listed_with_a_heartbeat_makes_earlier_pulses_known() {
    let (mut bench, links) = pulsing(&["m2"], |_| {});
    let nonce = asked(&mut bench, "m2");
    let view = MembershipResponse {
        alive: vec![beat("m4", 3).anchored().envelope()],
        pulses: vec![pulse("m4", 9)],
        ..MembershipResponse::default()
    };
    bench.receive(links[0], &response(nonce, view));
    assert_eq!(bench.liveness("m4"), Some(true));
    let before = bench.metrics().pulses;
    bench.receive(links[0], &pulses(&[pulse("m4", 8)]));
    assert_eq!(bench.metrics().pulses, before);
    bench.receive(links[0], &pulses(&[pulse("m4", 10)]));
    assert_eq!(bench.metrics().pulses, before + 1);
}

#[test]
fn a_pulse_in_a_request_revives_its_sender() {
    let (mut bench, _) = pulsing(&["m2"], |_| {});
    bench.advance(secs(26));
    assert_eq!(bench.liveness("m2"), Some(false));
    let link = bench.connect("m2");
    let own = beat("m2", 1).anchored();
    bench.receive(
        link,
        &request_with(&own, 1, Bytes::new(), Some(pulse("m2", 7))),
    );
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn legacy_peers_are_sent_no_pulses() {
    let names = ["m2", "m3"];
    let (mut bench, links) = pulsing(&names, |_| {});
    let legacy = bench.link_up("m7", None);
    bench.authenticate_as_fabric(legacy);
    bench.receive(legacy, &beat("m7", 1).anchored().message());
    keep_alive(&mut bench, &links, &names, 2..5);
    let to: BTreeSet<_> = pulsed(&mut bench).into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, set(&["m2", "m3"]));
    bench.receive(legacy, &request(&beat("m7", 1).anchored(), 5));
    let (_, view) = responses(&mut bench).pop().unwrap();
    assert_eq!(view.pulses, []);
}
