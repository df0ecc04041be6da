//! Blocks: requests, updates and offers.

use gossip_proto::Branch;
use gossip_proto::PullKind::Block;

use super::*;
use crate::{BlockOrigin, Config, Notification, Request};

/// A legacy peer that takes part in `main` with an empty ledger.
fn legacy_participant(bench: &mut Bench, name: &str) -> LinkId {
    let link = legacy(bench, name);
    bench.receive(link, &state_info(name, 1, 0));
    link
}

fn joined(adjust: impl FnOnce(&mut Config)) -> Bench {
    Bench::joined(&["m", "a"], adjust)
}

/// A round in which `m2` has been asked and has sent a digest of `ids`. Returns the link, the nonce and the requested
/// ids.
fn asked(bench: &mut Bench, ids: &[&str]) -> (LinkId, u64, Vec<String>) {
    let link = legacy_participant(bench, "m2");
    let (to, nonce) = round(bench, Block).remove(0);
    assert_eq!(to, "m2");
    bench.receive(link, &digest(Block, nonce, ids));
    let wanted = requests(bench).into_iter().flat_map(|(_, (_, ids))| ids);
    let mut wanted: Vec<String> = wanted.collect();
    wanted.sort_by_key(|id| id.parse::<u64>().unwrap());
    (link, nonce, wanted)
}

fn good(seq: u64) -> SignedMessage {
    pushed(seq, good_block(seq))
}

/// A node with so many blocks in its ledger.
fn stored(count: u64, adjust: impl FnOnce(&mut Config)) -> Bench {
    let mut bench = joined(adjust);
    for seq in 0..count {
        bench.publish(seq, good_block(seq));
    }
    assert_eq!(bench.commits.len() as u64, count);
    bench
}

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

#[test]
fn blocks_of_a_legacy_peer_are_requested_verified_and_committed_in_order() {
    let mut bench = joined(|_| {});
    let (link, nonce, wanted) = asked(&mut bench, &["1", "0", "2"]);
    assert_eq!(wanted, ["0", "1", "2"]);
    bench.blocks_pushed();
    bench.receive(link, &update(Block, nonce, &[good(2), good(0)]));
    bench.receive(link, &update(Block, nonce, &[good(1)]));
    let numbers: Vec<u64> = bench.commits.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(numbers, [0, 1, 2]);
    let pulled = |note: &&Notification| matches!(note, Notification::Committed { origin, .. } if *origin == BlockOrigin::Pull);
    assert_eq!(bench.notes.iter().filter(pulled).count(), 3);
    assert_eq!(bench.blocks_pushed(), [], "pulled blocks are not passed on");
    let metrics = bench.metrics();
    assert_eq!((metrics.blocks_pulled, metrics.pull_refused), (3, 0));
}

/// Whether `m3` gets new blocks from us after a graft.
fn accepts_graft(bench: &mut Bench, link: LinkId) -> bool {
    bench.sent();
    bench.receive(link, &tree(1, Some(Branch::Graft)));
    let refused = |message: &SignedMessage| match message.content() {
        Content::Tree(told) => (told.branch == Some(Branch::Prune)).then_some(()),
        _ => None,
    };
    bench.sent_like(refused).is_empty()
}

#[test]
fn a_node_that_pulls_its_blocks_accepts_grafts() {
    let mut bench = joined(|_| {});
    let link = bench.participant("m3");
    bench.receive(link, &good(0));
    bench.receive(link, &tree(1, Some(Branch::Prune)));
    assert!(!accepts_graft(&mut bench, link), "we have no parent");
    let (from, nonce, wanted) = asked(&mut bench, &["1"]);
    assert_eq!(wanted, ["1"]);
    bench.receive(from, &update(Block, nonce, &[good(1)]));
    assert_eq!(bench.commits.len(), 2);
    assert!(accepts_graft(&mut bench, link));
}

#[test]
fn only_missing_blocks_within_the_window_are_requested() {
    let mut bench = stored(5, |_| {});
    let link = bench.participant("m3");
    bench.receive(link, &good(7));
    let ids = [
        "3", "4", "5", "6", "7", "8", "44", "45", "-1", "+6", "06", "x", "",
    ];
    let (_, _, wanted) = asked(&mut bench, &ids);
    assert_eq!(wanted, ["5", "6", "8", "44"]);
}

#[test]
fn a_bad_block_costs_only_itself_and_is_not_requested_again_from_the_same_peer() {
    let mut bench = joined(|_| {});
    let (link, nonce, _) = asked(&mut bench, &["0", "1", "2", "3"]);
    let wrong_channel = SignedMessage::unsigned(gossip_proto::GossipMessage {
        channel: Bytes::from_static(b"other"),
        ..good(2).message().clone()
    });
    let bad = pushed(1, Bytes::from_static(b"bad"));
    let items = [bad, wrong_channel, announcement("m9"), good(0)];
    bench.receive(link, &update(Block, nonce, &items));
    assert_eq!(bench.commits.len(), 1);
    let metrics = bench.metrics();
    assert_eq!((metrics.blocks_bad, metrics.violations), (1, 2));
    let (_, nonce) = round(&mut bench, Block).remove(0);
    bench.receive(link, &digest(Block, nonce, &["1", "2", "3"]));
    assert_eq!(requests(&mut bench)[0].1.1, ["2", "3"]);
}

#[test]
fn unsolicited_blocks_cost_no_check() {
    let mut bench = joined(|_| {});
    let (link, nonce, _) = asked(&mut bench, &["0"]);
    let other = legacy_participant(&mut bench, "m3");
    let checked = bench.checked;
    bench.receive(other, &update(Block, nonce, &[good(0)]));
    bench.receive(link, &update(Block, nonce ^ 1, &[good(0)]));
    bench.receive(link, &update(Block, nonce, &[good(1)]));
    assert_eq!(bench.checked, checked);
    bench.advance(secs(3));
    bench.receive(link, &update(Block, nonce, &[good(0)]));
    assert_eq!((bench.checked, bench.metrics().pull_refused), (checked, 4));
    // A later push of the block still counts.
    bench.receive(link, &good(0));
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn a_block_received_since_the_request_is_not_verified_again() {
    let mut bench = joined(|_| {});
    let (link, nonce, _) = asked(&mut bench, &["0"]);
    bench.receive(link, &good(0));
    let checked = bench.checked;
    bench.receive(link, &update(Block, nonce, &[good(0)]));
    assert_eq!(bench.checked, checked);
}

#[test]
fn the_latest_blocks_of_the_ledger_and_of_the_buffer_are_offered() {
    let mut bench = stored(15, |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &good(17));
    bench.sent();
    bench.receive(link, &hello(Block, 9));
    let mut expected = numbers(5..15);
    expected.push("17".to_owned());
    assert_eq!(digests(&mut bench), [("m2".to_owned(), expected)]);
    let wanted = ["4", "5", "6", "9", "17", "17", "18", "x"];
    bench.receive(link, &request_of(Block, 9, &wanted));
    let sent: Vec<String> = updates(&mut bench)
        .into_iter()
        .flat_map(|(_, ids)| ids)
        .collect();
    assert_eq!(sent, ["5", "6", "9", "17"]);
    assert_eq!(bench.metrics().pull_items_sent, 4);
    bench.receive(link, &request_of(Block, 9, &wanted));
    assert_eq!(updates(&mut bench), [], "a hello is good for one request");
}

#[test]
fn a_committed_block_is_no_longer_offered_when_it_is_not_among_the_latest() {
    let mut bench = stored(10, |_| {});
    let link = bench.participant("m2");
    let offer = |bench: &mut Bench, nonce| {
        bench.receive(link, &hello(Block, nonce));
        digests(bench).pop().map(|(_, ids)| ids)
    };
    assert_eq!(offer(&mut bench, 1), Some(numbers(0..10)));
    bench.publish(10, good_block(10));
    assert_eq!(offer(&mut bench, 2), Some(numbers(1..11)));
}

#[test]
fn a_node_without_blocks_answers_no_hello() {
    let mut bench = joined(|_| {});
    let link = bench.participant("m2");
    bench.receive(link, &hello(Block, 9));
    assert_eq!(digests(&mut bench), []);
}

#[test]
fn an_answer_is_bounded_in_bytes_but_one_block_always_fits() {
    let bound = |config: &mut Config| config.pull.max_update_bytes = 1;
    let mut bench = stored(6, bound);
    let link = bench.participant("m2");
    for (nonce, wanted, sent) in [(1, vec!["0", "1", "4"], "0"), (2, vec!["4", "5"], "4")] {
        bench.receive(link, &hello(Block, nonce));
        bench.receive(link, &request_of(Block, nonce, &wanted));
        assert_eq!(updates(&mut bench), [("m2".to_owned(), names(&[sent]))]);
    }
}

#[test]
fn blocks_are_served_by_pull_only_to_participants_of_our_organisation() {
    let mut bench = stored(3, |_| {});
    let (foreign, silent) = (bench.participant("a1"), bench.member("m3"));
    let outsider = bench.member("b1");
    let before = bench.metrics().clone();
    for link in [foreign, silent, outsider] {
        bench.receive(link, &hello(Block, 5));
        bench.receive(link, &request_of(Block, 5, &["0"]));
    }
    assert_eq!((digests(&mut bench), bench.bulk), (vec![], 0));
    let after = bench.metrics();
    assert_eq!(after.pull_refused - before.pull_refused, 4);
    assert_eq!(
        after.violations - before.violations,
        2,
        "not in the channel"
    );
    bench.receive(silent, &state_info("m3", 1, 0));
    bench.receive(silent, &hello(Block, 5));
    assert_eq!(digests(&mut bench).len(), 1);
}

#[test]
fn a_peer_that_leaves_or_is_removed_from_the_channel_gets_no_blocks() {
    let mut bench = stored(3, |_| {});
    let link = bench.participant("m2");
    let left = gossip_proto::Properties {
        left_channel: true,
        ..Default::default()
    };
    bench.receive(link, &state_info_with("m2", "m2", 2, "main", left));
    bench.receive(link, &hello(Block, 5));
    assert_eq!(digests(&mut bench), []);
}

#[test]
fn after_a_leave_no_blocks_are_pulled_in_either_direction() {
    let mut bench = stored(3, |_| {});
    let link = legacy_participant(&mut bench, "m2");
    round(&mut bench, Block);
    let channel = main_channel();
    bench.ask(Request::LeaveChannel { channel }).unwrap();
    bench.receive(link, &hello(Block, 5));
    assert_eq!(digests(&mut bench), []);
    bench.advance(secs(12));
    assert_eq!(hellos(&mut bench, Block), []);
}

#[test]
fn blocks_are_pulled_only_from_legacy_participants_of_our_organisation() {
    let mut bench = joined(|_| {});
    bench.participant("m2");
    legacy(&mut bench, "m3");
    legacy_participant(&mut bench, "a1");
    bench.advance(secs(12));
    assert_eq!(hellos(&mut bench, Block), []);
    legacy_participant(&mut bench, "m4");
    assert_eq!(round(&mut bench, Block)[0].0, "m4");
}

#[test]
fn without_push_blocks_are_pulled_from_all_participants_of_our_organisation() {
    let mut bench = joined(|config| config.push.fanout = 0);
    for name in ["m2", "m3", "a1"] {
        bench.participant(name);
    }
    let to: Vec<String> = round(&mut bench, Block)
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(to, ["m2", "m3"]);
}

#[test]
fn two_peers_that_pull_from_each_other_at_once_both_get_their_missing_blocks() {
    let mut bench = stored(2, |_| {});
    let (link, nonce, wanted) = asked(&mut bench, &["0", "1", "2", "3"]);
    assert_eq!(wanted, ["2", "3"]);
    bench.receive(link, &hello(Block, 5));
    bench.receive(link, &request_of(Block, 5, &["0", "1"]));
    bench.receive(link, &update(Block, nonce, &[good(2), good(3)]));
    assert_eq!(updates(&mut bench), [("m2".to_owned(), numbers(0..2))]);
    assert_eq!(bench.commits.len(), 4);
}

#[test]
fn a_slow_responder_does_not_delay_the_blocks_of_another() {
    let mut bench = joined(|_| {});
    let slow = legacy_participant(&mut bench, "m2");
    let quick = legacy_participant(&mut bench, "m3");
    let nonces = round(&mut bench, Block);
    bench.receive(quick, &digest(Block, nonces[1].1, &["0", "1"]));
    bench.advance(secs(1));
    assert_eq!(requests(&mut bench)[0].1.1, ["0", "1"]);
    bench.receive(quick, &update(Block, nonces[1].1, &[good(0), good(1)]));
    bench.advance(secs(2));
    bench.receive(slow, &digest(Block, nonces[0].1, &["2"]));
    bench.receive(slow, &update(Block, nonces[0].1, &[good(2)]));
    assert_eq!((bench.commits.len(), bench.metrics().pull_refused), (2, 2));
}

#[test]
fn blocks_awaited_by_state_transfer_are_not_pulled() {
    let mut bench = joined(|_| {});
    let link = legacy_participant(&mut bench, "m2");
    let (_, nonce) = round(&mut bench, Block).remove(0);
    bench.receive(link, &state_info("m2", 2, 3));
    bench.advance(millis(100));
    bench.receive(link, &digest(Block, nonce, &["0", "1", "2", "3"]));
    assert_eq!(requests(&mut bench)[0].1.1, ["3"]);
}

#[test]
fn requests_of_one_peer_are_answered_one_at_a_time() {
    let mut bench = stored(6, |_| {});
    let (link, other) = (bench.participant("m2"), bench.participant("m3"));
    bench.hold_reads = true;
    for nonce in [1, 2] {
        bench.receive(link, &hello(Block, nonce));
        bench.receive(link, &request_of(Block, nonce, &["0", "1", "4"]));
    }
    bench.receive(other, &hello(Block, 3));
    bench.receive(other, &request_of(Block, 3, &["5"]));
    assert_eq!(bench.metrics().pull_refused, 1);
    bench.finish_reads();
    let mut sent = updates(&mut bench);
    sent.sort_unstable();
    let expected = [("m2", "0 1"), ("m2", "4"), ("m3", "5")];
    let sent: Vec<(&str, String)> = sent
        .iter()
        .map(|(to, ids)| (to.as_str(), ids.join(" ")))
        .collect();
    assert_eq!(sent, expected.map(|(to, ids)| (to, ids.to_owned())));
}

#[test]
fn a_read_for_a_disconnected_peer_is_not_sent() {
    let mut bench = stored(6, |_| {});
    let link = bench.participant("m2");
    bench.hold_reads = true;
    bench.receive(link, &hello(Block, 1));
    bench.receive(link, &request_of(Block, 1, &["0", "4"]));
    bench.link_down(link);
    let again = bench.connect("m2");
    bench.finish_reads();
    assert_eq!(updates(&mut bench), []);
    bench.receive(again, &hello(Block, 2));
    bench.receive(again, &request_of(Block, 2, &["0"]));
    assert_eq!(updates(&mut bench).len(), 1);
}
