//! How often, when and to which peers small messages are pushed.

use super::*;
use crate::LinkId;

/// A node with twelve neighbours, the first of which forwards heartbeats of other peers.
fn emitting(adjust: impl FnOnce(&mut crate::Config)) -> (Bench, LinkId) {
    let mut bench = Bench::with(|config| {
        config.push.fanout = 1;
        config.membership.alive_interval = secs(3600);
        config.membership.alive_expiration = secs(36_000);
        config.membership.sync_interval = secs(3600);
        adjust(config);
    });
    let link = bench.member("m2");
    for name in 3..15 {
        bench.member(&format!("m{name}"));
    }
    bench.advance(secs(60));
    bench.sent();
    (bench, link)
}

/// The peers that the heartbeat of `name` was pushed to since the last call.
fn receivers(bench: &mut Bench, name: &str) -> Vec<String> {
    let beats = bench.beats_pushed().into_iter();
    let of = |(to, subject): (String, String)| (subject == name).then_some(to);
    beats.filter_map(of).collect()
}

#[test]
fn three_messages_below_a_burst_of_ten_wait() {
    let (mut bench, link) = emitting(|config| config.push.burst_latency = secs(3));
    for name in ["m20", "m21", "m22"] {
        bench.receive(link, &beat(name, 1).message());
    }
    assert_eq!(bench.beats_pushed(), []);
    bench.advance(secs(3));
    assert_eq!(bench.beats_pushed().len(), 3);
}

#[test]
fn a_message_is_pushed_as_often_as_configured_each_time_to_other_peers() {
    let (mut bench, link) = emitting(|config| {
        config.push.iterations = 10;
        config.push.burst_size = 1.try_into().unwrap();
    });
    bench.receive(link, &beat("m20", 1).message());
    bench.advance(secs(5));
    let mut reached = receivers(&mut bench, "m20");
    assert_eq!(reached.len(), 10, "exactly");
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached.len(), 10, "each to another peer");
    assert!(!reached.contains(&"m2".to_owned()), "nor to its sender");
    bench.advance(secs(60));
    assert_eq!(
        receivers(&mut bench, "m20"),
        [] as [&str; 0],
        "no push is left"
    );
}

#[test]
fn iterations_are_one_burst_latency_apart() {
    let (mut bench, link) = emitting(|config| {
        config.push.iterations = 10;
        config.push.burst_size = 1.try_into().unwrap();
        config.push.burst_latency = millis(100);
    });
    bench.receive(link, &beat("m20", 1).message());
    bench.advance(millis(100));
    assert!(receivers(&mut bench, "m20").len() < 5);
}

#[test]
fn later_messages_have_been_pushed_less_often_when_the_node_stops() {
    let (mut bench, link) = emitting(|config| {
        config.push.iterations = 5;
        config.push.burst_size = 100.try_into().unwrap();
        config.push.burst_latency = millis(500);
    });
    let mut pushes = std::collections::BTreeMap::new();
    for name in ["m21", "m22", "m23", "m24", "m25"] {
        bench.receive(link, &beat(name, 1).message());
        bench.advance(millis(if name == "m25" { 0 } else { 600 }));
        for (_, subject) in bench.beats_pushed() {
            *pushes.entry(subject).or_insert(0) += 1;
        }
    }
    bench.ask(crate::Request::Stop).unwrap();
    bench.advance(secs(10));
    let later = bench.beats_pushed().into_iter();
    let of_others = later.filter(|(_, subject)| subject != "m1");
    assert_eq!(of_others.count(), 0, "only our own farewell");
    let expected = [("m21", 4), ("m22", 3), ("m23", 2), ("m24", 1)];
    assert_eq!(
        pushes,
        expected
            .map(|(name, times)| (name.to_owned(), times))
            .into()
    );
}

#[test]
fn fifty_messages_are_pushed_in_five_bursts_of_ten() {
    let (mut bench, link) = emitting(|config| config.push.burst_latency = secs(60));
    let mut bursts = Vec::new();
    for number in 20..70 {
        bench.receive(link, &beat(&format!("m{number}"), 1).message());
        let pushed = bench.beats_pushed().len();
        bursts.extend((pushed > 0).then_some(pushed));
    }
    assert_eq!(bursts, [10; 5]);
}

#[test]
fn messages_that_wait_for_a_repeated_push_do_not_fill_a_burst() {
    let (mut bench, link) = emitting(|config| {
        config.push.iterations = 4;
        config.push.burst_size = 3.try_into().unwrap();
        config.push.burst_latency = secs(3);
    });
    for name in ["m20", "m21", "m22"] {
        bench.receive(link, &beat(name, 1).message());
    }
    assert_eq!(bench.beats_pushed().len(), 3);
    bench.receive(link, &beat("m23", 1).message());
    bench.receive(link, &beat("m24", 1).message());
    assert_eq!(bench.beats_pushed(), [], "only two are new");
    bench.advance(secs(3));
    assert_eq!(bench.beats_pushed().len(), 5);
}

#[test]
fn a_newer_message_replaces_one_that_waits_for_a_repeated_push() {
    let (mut bench, link) = emitting(|config| {
        config.push.iterations = 3;
        config.push.burst_size = 1.try_into().unwrap();
        config.push.burst_latency = secs(3);
    });
    bench.receive(link, &beat("m20", 1).message());
    bench.receive(link, &beat("m20", 2).message());
    bench.advance(secs(20));
    let sequences = bench.sent_like(|message| match message.content() {
        Content::Alive(alive) if *alive.pki_id == *b"m20" => Some(alive.time.sequence),
        _ => None,
    });
    let sequences: Vec<_> = sequences
        .into_iter()
        .map(|(_, sequence)| sequence)
        .collect();
    assert_eq!(sequences, [1, 2, 2, 2]);
}

#[test]
fn a_sender_does_not_get_its_message_back() {
    let (mut bench, link) = emitting(|config| {
        config.push.fanout = 50;
        config.push.burst_size = 1.try_into().unwrap();
    });
    bench.receive(link, &beat("m20", 1).message());
    let reached = receivers(&mut bench, "m20");
    assert_eq!(reached.len(), 12);
    assert!(!reached.contains(&"m2".to_owned()));
}

#[test]
fn a_message_is_forwarded_only_when_it_is_first_accepted() {
    let (mut bench, link) = emitting(|config| config.push.burst_size = 1.try_into().unwrap());
    bench.hold_checks = true;
    bench.receive(link, &beat("m20", 1).message());
    assert_eq!(receivers(&mut bench, "m20").len(), 0, "it is not verified");
    bench.answer_all();
    assert_eq!(receivers(&mut bench, "m20").len(), 1);
    let other = bench.link_to("m3").unwrap();
    bench.receive(other, &beat("m20", 1).message());
    bench.answer_all();
    bench.receive(link, &beat("m21", 1).signed_by("m22"));
    bench.answer_all();
    bench.advance(secs(1));
    assert_eq!(bench.beats_pushed(), [], "one is known, the other forged");
}
