//! Signs of life instead of signed heartbeats, and views told by what has changed in them.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Alive, MembershipRequest, Pulse};

use super::*;
use crate::peers::membership::{CHAIN_LENGTH, walk};
use crate::{Config, Request};

/// A node with these connected members, which all understand pulses, past its youth.
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
    // They hear two heartbeats first.
    bench.advance(secs(14));
    bench.sent();
    (bench, links)
}

/// Lets time pass while all the others tell of themselves.
fn live(bench: &mut Bench, links: &[LinkId], names: &[&str], sequences: std::ops::Range<u64>) {
    for sequence in sequences {
        for (link, name) in links.iter().zip(names) {
            bench.receive(*link, &pulses(&[pulse(name, sequence)]));
        }
        bench.advance(secs(5));
    }
}

/// The signs of life sent since the last call, with the peers they went to.
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

fn told_of(bench: &mut Bench, name: &str) -> BTreeSet<String> {
    let of = |(to, pulse): (String, Pulse)| (&pulse.pki_id[..] == name.as_bytes()).then_some(to);
    pulsed(bench).into_iter().filter_map(of).collect()
}

/// Our latest heartbeat among what was sent.
fn own_beat(bench: &mut Bench) -> Alive {
    let sent = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if alive.pki_id == "m1" => Some(alive.clone()),
        _ => None,
    });
    sent.last().expect("we have pushed a heartbeat").1.clone()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn among_members_that_understand_it_a_heartbeat_is_a_pulse_that_leads_to_the_signed_one() {
    let names = ["m2", "m3"];
    let (mut bench, links) = pulsing(&names, |_| {});
    bench
        .ask(Request::UpdateMetadata {
            metadata: Bytes::from_static(b"x"),
        })
        .unwrap();
    bench.advance(secs(7));
    let signed = own_beat(&mut bench);
    let before = bench.signatures;
    live(&mut bench, &links, &names, 2..12);
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
fn a_member_that_begins_no_chain_makes_us_sign_until_it_is_gone() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    let fabric = bench.connect("m3");
    bench.receive(fabric, &beat("m3", 1).message());
    let before = bench.signatures;
    live(&mut bench, &links, &names, 2..6);
    assert!(bench.signatures >= before + 3);
    assert_eq!(told_of(&mut bench, "m1"), set(&[]));
    bench.link_down(fabric);
    live(&mut bench, &links, &names, 6..9);
    assert_eq!(bench.liveness("m3"), Some(false));
    let before = bench.signatures;
    live(&mut bench, &links, &names, 9..12);
    assert_eq!(bench.signatures, before);
}

#[test]
fn with_pulses_switched_off_we_sign_begin_no_chain_and_announce_nothing() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |config| config.membership.pulses = false);
    let before = bench.signatures;
    live(&mut bench, &links, &names, 2..5);
    assert!(bench.signatures >= before + 2);
    assert_eq!(own_beat(&mut bench).pulse_anchor, None);
}

#[test]
fn what_a_heartbeat_says_anew_is_signed_and_so_is_the_end_of_a_chain() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    live(&mut bench, &links, &names, 2..6);
    let before = bench.signatures;
    let metadata = Bytes::from_static(b"new");
    bench
        .ask(Request::UpdateMetadata {
            metadata: metadata.clone(),
        })
        .unwrap();
    live(&mut bench, &links, &names, 6..8);
    assert_eq!(bench.signatures, before + 1);
    assert_eq!(own_beat(&mut bench).metadata, metadata);
    live(&mut bench, &links, &names, 8..8 + CHAIN_LENGTH);
    let more = bench.signatures - before;
    assert!((2..=3).contains(&more), "{more}");
}

#[test]
fn a_chain_whose_heartbeat_could_not_be_signed_is_not_told() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    bench.cannot_sign = true;
    live(&mut bench, &links, &names, 2..2 + CHAIN_LENGTH + 10);
    assert!(bench.metrics().signing_failures > 0);
    pulsed(&mut bench);
    live(&mut bench, &links, &names, 140..144);
    assert_eq!(told_of(&mut bench, "m1"), set(&[]));
}

#[test]
fn pulses_keep_a_member_alive_and_bring_back_a_dead_one() {
    let names = ["m2"];
    let (mut bench, links) = pulsing(&names, |_| {});
    live(&mut bench, &links, &names, 2..14);
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(secs(26));
    assert_eq!(bench.liveness("m2"), Some(false));
    let link = bench.connect("m2");
    bench.receive(link, &pulses(&[pulse("m2", 20)]));
    assert_eq!(bench.liveness("m2"), Some(true));
    assert_eq!(bench.checked, 3, "two authentications and one heartbeat");
}

#[test]
fn a_pulse_that_proves_nothing_or_is_known_keeps_nobody_alive_and_goes_no_further() {
    let (mut bench, links) = pulsing(&["m2", "m3", "m4"], |_| {});
    bench.receive(links[0], &pulses(&[pulse("m2", 5)]));
    bench.advance(secs(1));
    assert_eq!(told_of(&mut bench, "m2"), set(&["m3", "m4"]));
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
    assert_eq!(told_of(&mut bench, "m2"), set(&[]));
    assert_eq!(bench.metrics().pulses_refused, refused + 2);
    assert_eq!(bench.metrics().duplicates, duplicates + 3);
    bench.receive(links[1], &pulses(&[pulse("m2", 6)]));
    assert_eq!(bench.metrics().pulses, 2, "the true one is still believed");
}

#[test]
fn a_restarted_members_old_chain_is_worth_nothing() {
    let (mut bench, links) = pulsing(&["m2"], |_| {});
    let mut reborn = beat("m2", 1).anchored();
    reborn.time.incarnation = 2;
    reborn.time.sequence = 1;
    reborn.anchored = false;
    bench.receive(links[0], &reborn.message());
    bench.receive(links[0], &pulses(&[pulse("m2", 2)]));
    assert_eq!(
        (bench.metrics().pulses, bench.metrics().pulses_refused),
        (0, 1)
    );
}

#[test]
fn one_link_cannot_make_us_hash_for_ever() {
    let (mut bench, links) = pulsing(&["m2", "m3"], |_| {});
    let costly = Pulse {
        sequence: CHAIN_LENGTH - 1,
        ..pulse("m3", 5)
    };
    for _ in 0..200 {
        bench.receive(links[0], &pulses(std::slice::from_ref(&costly)));
    }
    bench.receive(links[0], &pulses(&[pulse("m3", 2)]));
    assert_eq!(bench.metrics().pulses, 0, "its budget is spent");
    bench.receive(links[1], &pulses(&[pulse("m3", 2)]));
    assert_eq!(bench.metrics().pulses, 1, "another's is not");
    bench.advance(secs(1));
    bench.receive(links[0], &pulses(&[pulse("m3", 3)]));
    assert_eq!(bench.metrics().pulses, 2);
}

#[test]
fn the_pulses_of_many_travel_together_to_whom_their_heartbeats_may_go() {
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
    assert_eq!(pulsed(&mut bench), [], "they wait for others");
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
        "the hidden one is not for strangers"
    );
}

#[test]
fn a_strangers_pulse_makes_us_ask_for_the_view_that_lists_it() {
    let (mut bench, links) = pulsing(&["m2"], |_| {});
    live(&mut bench, &links, &["m2"], 2..8);
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

/// The request that we send next, and to whom.
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
    panic!("nobody is asked within 40 s");
}

#[test]
fn what_a_requester_holds_is_not_told_again_and_what_has_changed_is() {
    let names = ["m2", "m3", "m4", "m5"];
    let (mut asker, links) = pulsing(&names, |_| {});
    let (mut teller, others) = pulsing(&names, |_| {});
    let (whom, (nonce, _)) = next_request(&mut asker);
    let place = names.iter().position(|name| *name == whom).unwrap();
    asker.receive(
        links[place],
        &response(nonce, MembershipResponse::default()),
    );
    for (link, name) in links.iter().zip(names) {
        asker.receive(*link, &pulses(&[pulse(name, 2)]));
    }
    // At the one who is asked m4 has a new heartbeat, m5 is younger by a pulse.
    teller.receive(others[2], &beat("m4", 9).anchored().message());
    teller.receive(others[2], &pulses(&[pulse("m4", 11)]));
    teller.receive(others[3], &pulses(&[pulse("m5", 3)]));
    let (whom, (nonce, request)) = next_request(&mut asker);
    assert_eq!(request.held.len(), 3 * 8, "all but the one that is asked");
    let ask = request_with(&beat("m9", 1), nonce, request.held.clone(), None);
    let link = teller.connect("m9");
    teller.sent();
    teller.receive(link, &ask);
    let (_, view) = responses(&mut teller).remove(0);
    let listed: BTreeSet<_> = who(&view.alive).into_iter().map(|(name, _)| name).collect();
    let held = set(&["m2", "m3", "m4", "m5"]);
    let missing: BTreeSet<_> = listed.intersection(&held).cloned().collect();
    assert_eq!(missing, set(&["m4", &whom]));
    assert!(view.pulses.contains(&pulse("m4", 11)));
    assert_eq!(view.pulses.contains(&pulse("m5", 3)), whom == "m5");
}

#[test]
fn a_request_to_foreigners_tells_nothing_of_members_that_they_may_not_know() {
    let (mut bench, links) = pulsing(&["m2", "a1"], |_| {});
    bench.receive(links[0], &beat("m3", 1).hidden().anchored().message());
    bench.sent();
    for _ in 0..20 {
        let (whom, (_, request)) = next_request(&mut bench);
        for (link, name) in links.iter().zip(["m2", "a1"]) {
            let again = 2 + bench.now.as_nanos() / 1_000_000;
            bench.receive(*link, &beat(name, again).anchored().message());
        }
        if whom == "a1" {
            assert_eq!(request.held.len(), 8, "m2, and not m3");
            return;
        }
    }
    panic!("a1 is never asked");
}

#[test]
fn who_has_been_silent_for_long_is_asked_after_and_told_to_nobody() {
    let names = ["m2", "m3", "m4"];
    let (mut asker, links) = pulsing(&names, |_| {});
    live(&mut asker, &links[..2], &names[..2], 2..5);
    assert_eq!(asker.liveness("m4"), Some(true));
    let (whom, (_, request)) = next_request(&mut asker);
    assert_ne!(whom, "m4");
    assert_eq!(request.held.len(), 8, "neither who is asked nor m4");
    // To others it says nothing of m4 for the same time.
    let link = asker.connect("m9");
    asker.sent();
    asker.receive(link, &request_with(&beat("m9", 1), 7, Bytes::new(), None));
    let (_, view) = responses(&mut asker).remove(0);
    let listed: BTreeSet<_> = who(&view.alive).into_iter().map(|(name, _)| name).collect();
    assert!(
        listed.contains("m3") && !listed.contains("m4"),
        "{listed:?}"
    );
    assert!(view.dead.is_empty());
}

#[test]
fn a_member_held_dead_is_listed_to_one_who_holds_it_alive_and_the_other_way_round() {
    let (mut asker, links) = pulsing(&["m2", "m3"], |_| {});
    live(&mut asker, &links[..1], &["m2"], 2..8);
    assert_eq!(asker.liveness("m3"), Some(false));
    let nonce = asked(&mut asker, "m2");
    asker.receive(links[0], &response(nonce, MembershipResponse::default()));
    asker.sent();
    let nonce = asked(&mut asker, "m2");
    // It has heard of m3 all the time: the old heartbeat tells nothing, the pulse does.
    let view = MembershipResponse {
        alive: vec![beat("m3", 1).anchored().envelope()],
        pulses: vec![pulse("m3", 8)],
        ..MembershipResponse::default()
    };
    asker.receive(links[0], &response(nonce, view));
    assert_eq!(asker.liveness("m3"), Some(true));
}

#[test]
fn a_newcomer_is_told_the_latest_pulse_with_the_heartbeat_so_that_older_ones_are_no_news() {
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
fn a_request_shows_by_a_pulse_that_its_sender_lives() {
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
fn a_peer_that_does_not_understand_pulses_is_told_none() {
    let names = ["m2", "m3"];
    let (mut bench, links) = pulsing(&names, |_| {});
    let deaf = bench.link_up("m7", None);
    bench.authenticate_as_fabric(deaf);
    bench.receive(deaf, &beat("m7", 1).anchored().message());
    live(&mut bench, &links, &names, 2..5);
    let to: BTreeSet<_> = pulsed(&mut bench).into_iter().map(|(to, _)| to).collect();
    assert_eq!(to, set(&["m2", "m3"]));
    bench.receive(deaf, &request(&beat("m7", 1).anchored(), 5));
    let (_, view) = responses(&mut bench).pop().unwrap();
    assert_eq!(view.pulses, []);
}
