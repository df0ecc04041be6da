//! Pushes, tested through the interface of a node: their receivers, number and content.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

mod emitter;
mod outcome;

use std::collections::BTreeSet;

use gossip_proto::Content;

use crate::Endpoint;
use crate::node::bench::*;

#[test]
fn a_block_is_pushed_to_as_many_peers_as_the_fan_out_and_over_time_to_all() {
    let all = members(10);
    let mut bench = quiet(&names(&all), |config| {
        config.push.tree = false;
        config.push.fanout = 4;
    });
    let mut reached = BTreeSet::new();
    for seq in 0..30 {
        bench.publish(seq, good_block(seq));
        let pushed = bench.blocks_pushed();
        let to: BTreeSet<_> = pushed.iter().map(|(to, _)| to.clone()).collect();
        assert_eq!((pushed.len(), to.len()), (4, 4));
        reached.extend(to);
    }
    assert_eq!(reached.len(), 10);
}

#[test]
fn holders_are_left_out_before_the_draw_so_that_the_fan_out_is_full() {
    let all = members(4);
    let mut bench = Bench::joined(&["m"], |_| {});
    let links: Vec<_> = all.iter().map(|name| bench.participant(name)).collect();
    for seq in 0..20 {
        bench.sent();
        bench.receive(links[0], &pushed(seq, good_block(seq)));
        let expected: Vec<_> = all[1..].iter().map(|name| (name.clone(), seq)).collect();
        assert_eq!(bench.blocks_pushed(), expected);
    }
}

#[test]
fn blocks_are_pushed_to_participants_of_our_own_organisation_only() {
    let mut bench = quiet(&["m2", "a1", "a2"], |_| {});
    bench.member("m3");
    bench.sent();
    bench.publish(0, good_block(0));
    assert_eq!(bench.blocks_pushed(), [("m2".to_owned(), 0)]);
}

#[test]
fn a_fan_out_of_zero_turns_push_off() {
    let mut bench = quiet(&["m2"], |config| config.push.fanout = 0);
    bench.publish(0, good_block(0));
    bench.advance(secs(20));
    assert_eq!(bench.blocks_pushed(), []);
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn zero_iterations_turn_push_off() {
    let mut bench = quiet(&["m2", "m3"], |config| config.push.iterations = 0);
    bench.publish(0, good_block(0));
    let link = bench.connect("m4");
    bench.receive(link, &beat("m4", 1).message());
    bench.advance(secs(20));
    assert_eq!(bench.blocks_pushed(), []);
    assert_eq!(bench.beats_pushed(), []);
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn heartbeats_of_public_peers_are_sent_to_foreign_peers_without_internal_endpoint() {
    let mut bench = quiet(&["m2", "m3", "a1"], |config| config.push.fanout = 9);
    let link = bench.connect("m4");
    bench.receive(link, &beat("m4", 1).message());
    bench.advance(millis(20));
    let mut beats = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if *alive.pki_id == *b"m4" => Some(message.internal_endpoint()),
        _ => None,
    });
    beats.sort_unstable();
    let inside = Some(internal("m4"));
    let expected = [("a1", None), ("m2", inside.clone()), ("m3", inside)];
    assert_eq!(beats, expected.map(|(to, secret)| (to.to_owned(), secret)));
}

#[test]
fn heartbeats_of_peers_without_external_endpoint_stay_in_the_organisation() {
    let mut bench = quiet(&["m2", "a1"], |config| config.push.fanout = 9);
    let link = bench.connect("m4");
    bench.receive(link, &beat("m4", 1).hidden().message());
    bench.advance(millis(20));
    let of_m4 = bench
        .beats_pushed()
        .into_iter()
        .filter(|(_, subject)| subject == "m4");
    assert_eq!(of_m4.map(|(to, _)| to).collect::<Vec<_>>(), ["m2"]);
}

#[test]
fn foreign_heartbeats_are_sent_without_secret_to_our_peers_and_to_their_own_organisation() {
    let mut bench = quiet(&["m2", "a1", "b1"], |config| config.push.fanout = 9);
    let hidden = bench.connect("m5");
    bench.receive(hidden, &beat("m5", 1).hidden().message());
    bench.advance(millis(20));
    bench.sent();
    let link = bench.connect("a2");
    bench.receive(link, &beat("a2", 1).message());
    bench.advance(millis(20));
    let mut beats = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if *alive.pki_id == *b"a2" => {
            Some(message.envelope().secret().is_some())
        }
        _ => None,
    });
    beats.sort_unstable();
    assert_eq!(beats, [("a1".to_owned(), false), ("m2".to_owned(), false)]);
}

#[test]
fn a_newer_heartbeat_replaces_an_older_one_that_still_waits() {
    let mut bench = Bench::with(|config| config.push.burst_latency = millis(500));
    let link = bench.member("m2");
    bench.member("m3");
    bench.advance(secs(1));
    bench.sent();
    for sequence in 1..=5 {
        bench.receive(link, &beat("m4", sequence).message());
    }
    bench.advance(millis(600));
    let beats = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if *alive.pki_id == *b"m4" => Some(alive.time.sequence),
        _ => None,
    });
    assert_eq!(beats, [("m3".to_owned(), 5)]);
}

#[test]
fn small_messages_wait_for_the_latency_or_a_full_burst() {
    let mut bench = Bench::with(|config| {
        config.push.burst_size = 3.try_into().unwrap();
        config.push.burst_latency = millis(100);
        config.push.fanout = 9;
    });
    let link = bench.member("m2");
    bench.member("m3");
    bench.advance(secs(1));
    bench.sent();
    bench.receive(link, &beat("m4", 1).message());
    bench.receive(link, &beat("m5", 1).message());
    assert_eq!(bench.beats_pushed(), []);
    bench.receive(link, &beat("m6", 1).message());
    assert_eq!(
        bench
            .beats_pushed()
            .iter()
            .filter(|(to, _)| to == "m3")
            .count(),
        3
    );
    bench.receive(link, &beat("m7", 1).message());
    let begun = bench.now;
    bench.advance(millis(99));
    assert_eq!(bench.beats_pushed(), []);
    bench.advance(millis(1));
    assert!(
        bench
            .beats_pushed()
            .contains(&("m3".to_owned(), "m7".to_owned()))
    );
    assert_eq!(bench.now, begun + millis(100));
}

#[test]
fn a_block_is_pushed_without_waiting_for_a_burst() {
    let mut bench = quiet(&["m2"], |config| config.push.burst_latency = secs(60));
    let before = bench.now;
    bench.publish(0, good_block(0));
    assert_eq!(bench.blocks_pushed(), [("m2".to_owned(), 0)]);
    assert_eq!(bench.now, before);
}

#[test]
fn state_infos_of_public_peers_are_pushed_to_all_organisations_of_the_channel_and_others_within_ours()
 {
    let mut bench = quiet(&["m2", "m3", "a1", "b1"], |config| config.push.fanout = 9);
    let link = bench.connect("m5");
    bench.receive(link, &beat("m5", 1).hidden().message());
    let receivers = |bench: &mut Bench| {
        bench.advance(millis(20));
        let mut sent = bench.sent_like(|message| match message.content() {
            Content::StateInfo(info) => (*info.pki_id != *b"m1").then_some(()),
            _ => None,
        });
        sent.sort_unstable();
        sent.into_iter().map(|(to, ())| to).collect::<Vec<_>>()
    };
    bench.receive(link, &state_info("m5", 1, 4));
    assert_eq!(receivers(&mut bench), ["m2", "m3"]);
    bench.receive(link, &state_info("m2", 2, 4));
    assert_eq!(receivers(&mut bench), ["a1", "m3"]);
}

#[test]
fn a_peer_that_is_not_connected_is_dialled_at_its_internal_endpoint() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.receive(link, &state_info("m3", 1, 0));
    bench.publish(0, good_block(0));
    bench.advance(millis(20));
    let to: Vec<_> = bench
        .dials
        .iter()
        .map(|(_, endpoint)| endpoint.clone())
        .collect();
    assert_eq!(
        to,
        [Endpoint::new(&internal("m3"))],
        "one dial for all waiting messages"
    );
    bench.answer_dial("m3");
    assert!(bench.blocks_pushed().contains(&("m3".to_owned(), 0)));
}

#[test]
fn a_block_is_pushed_to_participants_that_are_not_connected() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("m2");
    for number in 3..=14 {
        bench.member(&format!("m{number}"));
    }
    bench.receive(link, &beat("m20", 1).message());
    bench.receive(link, &state_info("m20", 1, 0));
    bench.advance(secs(1));
    bench.dials.clear();
    bench.publish(0, good_block(0));
    let dialled: Vec<_> = bench.dials.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(dialled, [internal("m20")]);
}

#[test]
fn no_peer_is_dialled_at_the_maximum_of_links() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.link.max_links = 2.try_into().unwrap()
    });
    let link = bench.participant("m2");
    bench.receive(link, &beat("m20", 1).message());
    bench.receive(link, &state_info("m20", 1, 0));
    bench.advance(secs(1));
    bench.dials.clear();
    bench.receive(link, &pushed(0, good_block(0)));
    assert_eq!(bench.commits.len(), 1);
    assert!(bench.dials.is_empty(), "{:?}", bench.dials);
}
