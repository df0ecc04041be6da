//! The relay, tested through the interface of a node that has joined only `main`.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

use gossip_proto::{Content, Properties, SignedMessage};

use crate::node::bench::*;

fn info(name: &str, sequence: u64, channel: &str) -> SignedMessage {
    state_info_with(name, name, sequence, channel, Properties::default())
}

/// State infos sent since the last call: receiver, publisher and sequence, in order.
fn told(bench: &mut Bench) -> Vec<(String, String, u64)> {
    let sent = bench.sent_like(|message| match message.content() {
        Content::StateInfo(info) if *info.pki_id != *b"m1" => {
            let of = String::from_utf8_lossy(&info.pki_id).into_owned();
            Some((of, info.time.sequence))
        }
        _ => None,
    });
    let mut told: Vec<_> = sent
        .into_iter()
        .map(|(to, (of, sequence))| (to, of, sequence))
        .collect();
    told.sort_unstable();
    told
}

fn row(to: &str, of: &str, sequence: u64) -> (String, String, u64) {
    (to.to_owned(), of.to_owned(), sequence)
}

#[test]
fn a_state_info_of_a_channel_not_joined_is_forwarded_within_our_organisation() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("m2");
    for name in ["m3", "m4", "a1"] {
        bench.member(name);
    }
    bench.sent();
    bench.receive(link, &info("m3", 1, "other"));
    bench.advance(millis(20));
    assert_eq!(told(&mut bench), [row("m4", "m3", 1)]);
    assert_eq!(bench.metrics().state_infos_relayed, 1);
}

#[test]
fn neither_the_sender_nor_a_sender_of_a_later_copy_gets_it_back() {
    let mut bench = Bench::new();
    let first = bench.member("m2");
    let second = bench.member("m3");
    bench.member("m4");
    bench.member("m5");
    bench.sent();
    bench.hold_checks = true;
    bench.receive(first, &info("m2", 1, "other"));
    bench.receive(second, &info("m2", 1, "other"));
    assert_eq!(bench.jobs.len(), 1, "it is verified once");
    bench.answer_all();
    bench.advance(millis(20));
    assert_eq!(told(&mut bench), [row("m4", "m2", 1), row("m5", "m2", 1)]);
}

#[test]
fn each_channel_of_a_publisher_is_relayed_regardless_of_the_order_of_their_times() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    bench.sent();
    for (sequence, channel) in [(7, "late"), (3, "early"), (5, "between")] {
        bench.receive(link, &info("m2", sequence, channel));
        bench.advance(millis(20));
    }
    let all = [row("m3", "m2", 3), row("m3", "m2", 5), row("m3", "m2", 7)];
    assert_eq!(told(&mut bench), all);
}

#[test]
fn a_forwarded_state_info_is_not_forwarded_again_until_there_is_a_newer_one() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    bench.receive(link, &info("m2", 5, "other"));
    let checked = bench.checked;
    for sequence in [5, 4] {
        bench.receive(link, &info("m2", sequence, "other"));
    }
    assert_eq!(bench.checked, checked);
    bench.advance(millis(20));
    bench.sent();
    bench.receive(link, &info("m2", 6, "other"));
    bench.advance(millis(20));
    assert_eq!(told(&mut bench), [row("m3", "m2", 6)]);
}

#[test]
fn a_late_replay_is_not_forwarded() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(100_000));
    let link = bench.member("m2");
    bench.receive(link, &info("m2", 5, "other"));
    assert_eq!(bench.relayed(), 1);
    // The interval of the bench is half a second.
    bench.advance(secs(49));
    assert_eq!(bench.relayed(), 1);
    bench.advance(secs(2));
    assert_eq!(bench.relayed(), 0);
    bench.advance(secs(50_000));
    let checked = bench.checked;
    bench.receive(link, &info("m2", 5, "other"));
    assert_eq!((bench.checked, bench.relayed()), (checked, 0));
}

#[test]
fn state_infos_of_foreign_or_unknown_peers_and_forgeries_are_not_forwarded() {
    let mut bench = Bench::new();
    let (inside, outside) = (bench.member("m2"), bench.member("a1"));
    bench.member("m3");
    bench.sent();
    let checked = bench.checked;
    bench.receive(outside, &info("a1", 1, "other"));
    bench.receive(inside, &info("m9", 1, "other"));
    bench.receive(inside, &info("m1", 1, "other"));
    assert_eq!(bench.checked, checked, "they cost no check");
    let forged = state_info_with("m2", "m3", 9, "other", Properties::default());
    bench.receive(inside, &forged);
    let unsigned = SignedMessage::unsigned(info("m3", 1, "other").message().clone());
    bench.receive(inside, &unsigned);
    bench.advance(millis(20));
    assert_eq!((told(&mut bench), bench.relayed()), (vec![], 0));
    bench.receive(inside, &info("m3", 1, "other"));
    assert_eq!(
        bench.relayed(),
        1,
        "a forgery does not shadow the genuine one"
    );
}

#[test]
fn invented_channels_cost_bounded_memory_and_checks_and_do_not_affect_other_publishers() {
    let mut bench = Bench::with(|config| {
        config.channel.max_relayed_per_peer = 3.try_into().unwrap();
        config.channel.max_relay_checks = 5;
        config.membership.alive_expiration = secs(1000);
    });
    let link = bench.member("m2");
    let checked = bench.checked;
    for number in 0..1000 {
        bench.receive(link, &info("m2", 1, &format!("invented {number}")));
    }
    assert_eq!((bench.checked - checked, bench.relayed()), (3, 3));
    assert_eq!(bench.metrics().relays_shed, 997);
    bench.advance(secs(1));
    bench.member("m3");
    bench.receive(link, &info("m3", 1, "other"));
    assert_eq!(bench.relayed(), 4);
    bench.receive(link, &info("m2", 2, "invented 0"));
    assert_eq!(bench.checked - checked, 7, "two of them on m3's link");
    bench.advance(secs(51));
    bench.receive(link, &info("m2", 1, "invented 99"));
    assert_eq!(bench.relayed(), 1, "places have become free");
}

#[test]
fn forged_state_infos_cost_a_link_s_share_of_checks_only() {
    let mut bench = Bench::with(|config| config.channel.max_relay_checks = 5);
    let link = bench.member("m2");
    let other = bench.member("m3");
    let checked = bench.checked;
    for sequence in 0..1000 {
        let forged = state_info_with("m2", "m3", sequence, "other", Properties::default());
        bench.receive(link, &forged);
    }
    assert_eq!(bench.checked - checked, 5);
    bench.receive(other, &info("m3", 1, "other"));
    assert_eq!(bench.relayed(), 1);
}

#[test]
fn the_total_of_remembered_state_infos_is_bounded() {
    let mut bench = Bench::with(|config| config.channel.max_relayed = 2.try_into().unwrap());
    let link = bench.member("m2");
    for name in ["m3", "m4", "m5"] {
        bench.member(name);
        bench.receive(link, &info(name, 1, "other"));
    }
    assert_eq!((bench.relayed(), bench.metrics().relays_shed), (2, 1));
}

#[test]
fn a_publisher_whose_identity_has_expired_is_forgotten() {
    let mut bench = Bench::with(|config| config.channel.publish_interval = secs(4));
    let link = bench.member("m2");
    bench.member("e1");
    bench.receive(link, &info("e1", 1, "other"));
    assert_eq!(bench.relayed(), 1);
    bench.advance(secs(61));
    assert_eq!(bench.relayed(), 0);
}

#[test]
fn once_we_join_the_channel_its_state_infos_count_there() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &info("m2", 1, "main"));
    assert_eq!(bench.relayed(), 1);
    bench.join(1, &["m"]).unwrap();
    bench.receive(link, &info("m2", 1, "main"));
    assert_eq!(bench.node.channel(&main_channel()).unwrap().peers.len(), 1);
}
