//! Requests for state infos with a have set, and their answers.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::PeerTime;

use super::snapshots::told;
use super::*;
use crate::have_set::{HaveSet, encode};
use crate::peers::link::{CAPABILITIES, STATE_DIFFERENCES};

fn at(sequence: u64) -> PeerTime {
    PeerTime {
        incarnation: 1,
        sequence,
    }
}

/// The have set of a request with this nonce that contains state infos of these peers with these numbers.
fn held(nonce: u64, infos: &[(&str, u64)]) -> Bytes {
    let infos: Vec<_> = infos
        .iter()
        .map(|(name, sequence)| (peer(name), at(*sequence)))
        .collect();
    encode(nonce, infos.iter().map(|(peer, time)| (peer, *time, true)))
}

/// The same with our own state info.
fn held_with_ours(bench: &Bench, nonce: u64, infos: &[(&str, u64)]) -> Bytes {
    let channel = bench.channels().get(&main_channel()).unwrap();
    let (time, present, _) = channel.own.published().expect("we have published");
    let ours = encode(nonce, [(&peer("m1"), time, present)].into_iter());
    [held(nonce, infos), ours].concat().into()
}

/// Advances the time until `name` is asked for its state infos. Returns the nonce and the have set.
fn request_to(bench: &mut Bench, name: &str) -> (u64, Bytes) {
    for _ in 0..400 {
        let requests = bench.sent_like(|message| match message.content() {
            Content::StateInfoPull(request) => {
                Some((message.message().nonce, request.held.clone()))
            }
            _ => None,
        });
        if let Some((_, request)) = requests.into_iter().find(|(to, _)| to == name) {
            return request;
        }
        bench.advance(millis(100));
    }
    panic!("{name} was not asked within 40 s");
}

fn holds(request: &(u64, Bytes), name: &str, sequence: u64) -> bool {
    let (nonce, held) = request;
    HaveSet::decode(*nonce, held, 100).contains(&peer(name), at(sequence), true)
}

/// With `m2`, `m3` and `m4` in the channel; clears the messages sent so far.
fn four() -> (Bench, crate::LinkId) {
    let mut bench = Bench::joined(&["m"], |config| config.channel.request_peers = 9);
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.participant("m4");
    bench.advance(secs(1));
    bench.sent();
    (bench, link)
}

fn ask(bench: &mut Bench, link: crate::LinkId, name: &str, nonce: u64, held: Bytes) {
    bench.receive(link, &state_info_pull_with(name, "main", nonce, held));
}

#[test]
fn a_request_contains_a_have_set_of_eight_bytes_per_peer() {
    let (mut bench, _) = four();
    let request = request_to(&mut bench, "m2");
    assert_eq!(request.1.len(), 3 * 8);
    assert!(
        ["m2", "m3", "m4"]
            .iter()
            .all(|name| holds(&request, name, 1))
    );
    let next = request_to(&mut bench, "m2");
    assert_ne!(request.0, next.0, "digests are valid for one request");
}

#[test]
fn a_requester_gets_only_missing_and_newer_state_infos() {
    let (mut bench, link) = four();
    let lacks_m4 = held_with_ours(&bench, 7, &[("m3", 1)]);
    ask(&mut bench, link, "m2", 7, lacks_m4);
    assert_eq!(told(&mut bench), [["m4"]]);
    let m3 = bench.link_to("m3").unwrap();
    bench.receive(m3, &state_info("m3", 2, 5));
    bench.sent();
    let older_m3 = held_with_ours(&bench, 8, &[("m3", 1), ("m4", 1)]);
    ask(&mut bench, link, "m2", 8, older_m3);
    assert_eq!(told(&mut bench), [["m3"]]);
    let lacks_ours = held(9, &[("m3", 2), ("m4", 1)]);
    ask(&mut bench, link, "m2", 9, lacks_ours);
    assert_eq!(told(&mut bench), [["m1"]]);
}

#[test]
fn a_requester_that_holds_everything_gets_no_answer_and_none_gets_its_own_state_info() {
    let (mut bench, link) = four();
    let all = held_with_ours(&bench, 7, &[("m3", 1), ("m4", 1)]);
    ask(&mut bench, link, "m2", 7, all);
    assert!(bench.sent().is_empty());
    ask(&mut bench, link, "m2", 8, Bytes::new());
    assert_eq!(told(&mut bench), [["m1", "m3", "m4"]], "a new member");
}

#[test]
fn digests_of_another_request_do_not_suppress_state_infos() {
    let (mut bench, link) = four();
    let of_another = held_with_ours(&bench, 7, &[("m3", 1), ("m4", 1)]);
    ask(&mut bench, link, "m2", 8, of_another);
    assert_eq!(told(&mut bench), [["m1", "m3", "m4"]]);
}

#[test]
fn legacy_peers_are_asked_and_answered_without_have_sets() {
    for capabilities in [0, CAPABILITIES & !STATE_DIFFERENCES] {
        let (mut bench, _) = four();
        let link = bench.link_up("m5", None);
        bench.authenticate_with(link, capabilities);
        bench.receive(link, &beat("m5", 1).message());
        bench.receive(link, &state_info("m5", 1, 0));
        bench.sent();
        assert_eq!(request_to(&mut bench, "m5"), (0, Bytes::new()));
        let all = held_with_ours(&bench, 7, &[("m2", 1), ("m3", 1), ("m4", 1)]);
        ask(&mut bench, link, "m5", 7, all);
        assert_eq!(told(&mut bench), [["m1", "m2", "m3", "m4", "m5"]]);
    }
}

#[test]
fn the_content_of_a_lost_answer_is_in_the_next_one() {
    let (mut bench, link) = four();
    bench.receive(link, &beat("m5", 1).message());
    let first = request_to(&mut bench, "m2");
    assert!(!holds(&first, "m5", 1));
    // The request gets no answer.
    bench.advance(secs(6));
    let second = request_to(&mut bench, "m2");
    assert!(!holds(&second, "m5", 1) && holds(&second, "m4", 1));
    bench.receive(link, &snapshot("main", &[state_info("m5", 1, 4)]));
    assert!(peers(&bench).contains(&("m5".to_owned(), 4)));
    assert!(holds(&request_to(&mut bench, "m2"), "m5", 1));
}

#[test]
fn a_difference_beyond_the_budget_is_sent_in_parts_without_repetition() {
    let mut bench = Bench::joined(&["m"], |config| config.channel.max_snapshot_bytes = 250);
    let link = bench.participant("m2");
    let others = ["m3", "m4", "m5", "m6", "m7"];
    for name in others {
        bench.participant(name);
    }
    bench.advance(secs(1));
    bench.sent();
    let mut known: Vec<(&str, u64)> = Vec::new();
    for nonce in 1..=others.len() as u64 {
        let held = held_with_ours(&bench, nonce, &known);
        ask(&mut bench, link, "m2", nonce, held);
        let Some(part) = told(&mut bench).pop() else {
            break;
        };
        assert!(part.len() < others.len(), "{part:?}");
        for name in part {
            assert!(!known.contains(&(&name, 1)), "{name} twice");
            known.push((others.iter().find(|other| **other == name).unwrap(), 1));
        }
    }
    let names: BTreeSet<_> = known.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, BTreeSet::from(others));
    let held = held_with_ours(&bench, 99, &known);
    ask(&mut bench, link, "m2", 99, held);
    assert!(told(&mut bench).is_empty());
}

#[test]
fn foreign_peers_learn_no_more_from_a_difference_than_from_a_full_snapshot() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).hidden().message());
    bench.receive(link, &state_info("m3", 1, 0));
    let foreign = bench.participant("a1");
    bench.participant("a2");
    bench.advance(secs(1));
    bench.sent();
    ask(&mut bench, foreign, "a1", 7, Bytes::new());
    assert_eq!(told(&mut bench), [["a2", "m1", "m2"]]);
    let rest = held_with_ours(&bench, 8, &[("a2", 1), ("m2", 1)]);
    ask(&mut bench, foreign, "a1", 8, rest);
    assert!(
        told(&mut bench).is_empty(),
        "not even the number of the others"
    );
}

#[test]
fn a_request_to_foreign_peers_does_not_reveal_hidden_members() {
    let mut bench = Bench::joined(&["m", "a"], |config| config.channel.request_peers = 9);
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).hidden().message());
    bench.receive(link, &state_info("m3", 1, 0));
    bench.participant("a1");
    bench.advance(secs(1));
    bench.sent();
    let inside = request_to(&mut bench, "m2");
    assert!(holds(&inside, "m3", 1));
    let outside = request_to(&mut bench, "a1");
    assert_eq!(outside.1.len(), 2 * 8);
    assert!(holds(&outside, "m2", 1) && holds(&outside, "a1", 1));
}

#[test]
fn a_peer_that_may_not_read_the_channel_gets_no_difference() {
    let (mut bench, link) = four();
    bench.not_readers.insert("m2".to_owned());
    ask(&mut bench, link, "m2", 7, Bytes::new());
    assert!(told(&mut bench).is_empty());
    assert_eq!(bench.metrics().state_requests_refused, 1);
}

#[test]
fn a_departure_that_the_requester_does_not_know_is_sent() {
    let (mut bench, link) = four();
    let m3 = bench.link_to("m3").unwrap();
    bench.receive(m3, &left("m3", 2));
    bench.sent();
    let all = held_with_ours(&bench, 7, &[("m3", 1), ("m4", 1)]);
    ask(&mut bench, link, "m2", 7, all);
    assert_eq!(told(&mut bench), [["m3"]]);
}

#[test]
fn digests_beyond_the_maximum_of_members_are_ignored() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.membership.max_members = 3.try_into().unwrap();
    });
    let link = bench.participant("m2");
    bench.participant("m3");
    bench.advance(secs(1));
    bench.sent();
    let invented = vec![7; 3 * 8];
    let m3 = held_with_ours(&bench, 7, &[("m3", 1)]);
    ask(
        &mut bench,
        link,
        "m2",
        7,
        [&invented, &m3[..]].concat().into(),
    );
    assert_eq!(told(&mut bench), [["m1", "m3"]]);
}

#[test]
fn digests_that_wait_for_an_access_check_count_towards_the_bytes_of_their_link() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.gate.max_pending_bytes_per_link = 1000;
    });
    let link = bench.participant("m2");
    bench.hold_checks = true;
    ask(&mut bench, link, "m2", 7, vec![7; 480].into());
    assert!(bench.node.admits(link));
    ask(&mut bench, link, "m2", 8, vec![7; 640].into());
    assert!(!bench.node.admits(link));
    bench.answer_all();
    assert!(bench.node.admits(link));
}

#[test]
fn a_request_admits_one_snapshot() {
    let (mut bench, link) = four();
    for name in ["m5", "m6"] {
        bench.receive(link, &beat(name, 1).message());
    }
    request_to(&mut bench, "m2");
    bench.receive(link, &snapshot("main", &[state_info("m5", 1, 4)]));
    let (checked, violations) = (bench.checked, bench.metrics().violations);
    bench.receive(link, &snapshot("main", &[state_info("m6", 1, 4)]));
    assert_eq!((bench.checked, peers(&bench).len()), (checked, 4));
    assert_eq!(bench.metrics().violations, violations + 1);
}

#[test]
fn our_own_state_info_from_other_peers_is_not_checked() {
    let (mut bench, link) = four();
    request_to(&mut bench, "m2");
    let checked = bench.checked;
    bench.receive(link, &snapshot("main", &[state_info("m1", 1, 4)]));
    bench.receive(link, &state_info("m1", 2, 4));
    assert_eq!(bench.checked, checked);
}
