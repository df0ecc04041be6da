//! Blocks along branches, heights along all other links.

use gossip_proto::{Branch, Tree};

use super::*;
use crate::LinkId;

/// What was told of the tree since the last call: to whom, and what.
fn told(bench: &mut Bench) -> Vec<(String, Tree)> {
    bench.sent_like(|message| match message.content() {
        Content::Tree(tree) => Some(*tree),
        _ => None,
    })
}

pub(super) fn wanted(bench: &mut Bench, branch: Branch) -> Vec<String> {
    let told = told(bench).into_iter();
    let of = |(to, tree): (String, Tree)| (tree.branch == Some(branch)).then_some(to);
    told.filter_map(of).collect()
}

pub(super) fn fed(bench: &mut Bench) -> Vec<String> {
    let pushed = bench.blocks_pushed().into_iter();
    pushed.map(|(to, _)| to).collect()
}

/// A quiet node in `main` with these neighbours.
pub(super) fn neighbours(names: &[&str]) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let links = names.iter().map(|name| bench.participant(name)).collect();
    bench.advance(secs(1));
    bench.sent();
    (bench, links)
}

#[test]
fn the_first_branches_are_drawn_and_kept() {
    let all = members(10);
    let (mut bench, _) = neighbours(&names(&all));
    bench.publish(0, good_block(0));
    let first = fed(&mut bench);
    assert_eq!(first.len(), 3);
    for seq in 1..20 {
        bench.publish(seq, good_block(seq));
        assert_eq!(fed(&mut bench), first);
    }
}

#[test]
fn a_copy_too_many_cuts_its_branch_and_is_told_so_once() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    assert_eq!(fed(&mut bench), ["m3", "m4"]);
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[1], &pushed(0, good_block(0)));
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m3"]);
    assert_eq!(bench.metrics().prunes_sent, 1);
    bench.receive(links[0], &pushed(1, good_block(1)));
    assert_eq!(fed(&mut bench), ["m4"]);
    bench.publish(2, good_block(2));
    assert_eq!(
        fed(&mut bench),
        ["m2", "m4"],
        "the one that brings blocks is a branch too"
    );
}

#[test]
fn a_copy_of_our_own_block_cuts_its_branch() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    bench.receive(links[1], &pushed(0, good_block(0)));
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m3"]);
}

#[test]
fn a_block_of_ours_stays_ours_if_a_peer_pushes_it_while_it_is_checked() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    let interest = crate::Interest {
        accepted: true,
        ..crate::Interest::default()
    };
    bench.ask(crate::Request::Listen(interest)).unwrap();
    bench.hold_checks = true;
    let id = bench.publish(0, good_block(0));
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.answer_all();
    assert_eq!(bench.was_fresh(id), Some(true));
    assert!(
        bench.deliveries.is_empty(),
        "the application knows what it published"
    );
    let sent = bench.sent_like(|message| match message.content() {
        Content::Data(_) => Some(None),
        Content::Tree(tree) => Some(tree.branch),
        _ => None,
    });
    let expected = [("m2", Some(Branch::Prune)), ("m3", None), ("m4", None)];
    assert_eq!(sent, expected.map(|(to, branch)| (to.to_owned(), branch)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m4"]);
}

#[test]
fn copies_that_come_while_the_first_is_checked_cut_their_branches_too() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.hold_checks = true;
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    bench.answer_all();
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m4"]);
}

#[test]
fn whoever_wants_no_blocks_hears_of_heights_and_may_want_them_again() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    assert_eq!(fed(&mut bench), ["m2", "m3"]);
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    for seq in 1..4 {
        bench.publish(seq, good_block(seq));
    }
    assert_eq!(fed(&mut bench), ["m2", "m2", "m2"]);
    bench.advance(millis(100));
    let height = Tree {
        ledger_height: 4,
        limit: 44.try_into().ok(),
        ..Tree::default()
    };
    assert_eq!(
        told(&mut bench),
        [("m3".to_owned(), height)],
        "several are told as one"
    );
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), []);
    bench.receive(links[1], &tree(4, Some(Branch::Graft)));
    bench.publish(4, good_block(4));
    assert_eq!(fed(&mut bench), ["m2", "m3"]);
}

#[test]
fn nobody_is_sent_or_told_what_it_says_to_have() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    bench.receive(links[0], &tree(2, None));
    bench.receive(links[1], &tree(2, None));
    bench.sent();
    bench.publish(1, good_block(1));
    assert_eq!(fed(&mut bench), [] as [&str; 0]);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), []);
}

#[test]
fn a_block_that_a_neighbour_has_and_nobody_brings_is_fetched_and_makes_a_branch() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[2], &tree(1, None));
    bench.advance(millis(59));
    assert_eq!(told(&mut bench), []);
    bench.advance(millis(1));
    let asked = bench.sent_like(|message| match message.content() {
        Content::StateRequest(request) => Some((request.start, request.end, false)),
        Content::Tree(tree) => Some((0, 0, tree.branch == Some(Branch::Graft))),
        _ => None,
    });
    let m4 = || "m4".to_owned();
    assert_eq!(asked, [(m4(), (0, 0, false)), (m4(), (0, 0, true))]);
    bench.publish(0, good_block(0));
    bench.publish(1, good_block(1));
    assert!(fed(&mut bench).contains(&m4()));
}

#[test]
fn when_the_link_is_lost_that_brought_blocks_another_is_asked_at_once() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    bench.sent();
    bench.link_down(links[0]);
    let grafted = wanted(&mut bench, Branch::Graft);
    assert!(grafted == ["m3"] || grafted == ["m4"], "{grafted:?}");
}

#[test]
fn a_branch_that_leaves_the_channel_makes_room_for_another() {
    let (mut bench, links) = neighbours(&["m2"]);
    bench.publish(0, good_block(0));
    assert_eq!(fed(&mut bench), ["m2"]);
    bench.participant("m3");
    let left = gossip_proto::Properties {
        left_channel: true,
        ..gossip_proto::Properties::default()
    };
    bench.receive(links[0], &state_info_with("m2", "m2", 2, "main", left));
    bench.publish(1, good_block(1));
    assert_eq!(fed(&mut bench), ["m3"]);
}

#[test]
fn what_had_to_be_fetched_goes_on_to_the_branches() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[1], &tree(0, Some(Branch::Graft)));
    bench.receive(links[0], &tree(1, None));
    bench.advance(millis(60));
    let nonces = bench.sent_like(|message| match message.content() {
        Content::StateRequest(_) => Some(message.message().nonce),
        _ => None,
    });
    let block = gossip_proto::Payload {
        seq_num: 0,
        data: good_block(0),
        private_data: Vec::new(),
    };
    let content = Content::StateResponse(vec![block]);
    let answer = message(nonces[0].1, "main", gossip_proto::Tag::ChanOrOrg, content);
    bench.receive(links[0], &gossip_proto::SignedMessage::unsigned(answer));
    assert_eq!(fed(&mut bench), ["m3"]);
}

#[test]
fn a_peer_that_knows_of_no_tree_is_pushed_to_at_random_besides() {
    let (mut bench, _) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    for name in ["m4", "m5", "m6", "m7"] {
        let link = bench.link_up(name, None);
        bench.authenticate_as_fabric(link);
        bench.receive(link, &beat(name, 1).message());
        bench.receive(link, &state_info(name, 1, 0));
    }
    bench.sent();
    let mut reached = BTreeSet::new();
    for seq in 1..30 {
        bench.publish(seq, good_block(seq));
        let fed = fed(&mut bench);
        assert_eq!(
            (fed.len(), &fed[..2]),
            (5, &["m2".to_owned(), "m3".to_owned()][..])
        );
        reached.extend(fed);
    }
    assert_eq!(reached.len(), 6);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), [], "they would not understand it");
}

#[test]
fn strangers_to_the_channel_or_organisation_have_no_say_in_the_tree() {
    let (mut bench, links) = neighbours(&["m2", "a2"]);
    let idle = bench.member("m3");
    bench.publish(0, good_block(0));
    bench.receive(links[1], &tree(5, Some(Branch::Graft)));
    assert_eq!(bench.metrics().violations, 1);
    bench.receive(idle, &tree(5, Some(Branch::Graft)));
    bench.sent();
    bench.publish(1, good_block(1));
    assert_eq!(fed(&mut bench), ["m2"]);
    bench.advance(millis(100));
    assert_eq!(
        bench.metrics().state_requests_sent,
        0,
        "their heights count for nothing"
    );
}

fn told_limit(height: u64, limit: u64) -> gossip_proto::SignedMessage {
    tree_message(Tree {
        ledger_height: height,
        limit: limit.try_into().ok(),
        ..Tree::default()
    })
}

#[test]
fn a_branch_is_fed_no_farther_than_it_has_a_place_and_hears_of_the_rest() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    assert_eq!(fed(&mut bench), ["m2", "m3"]);
    bench.receive(links[0], &told_limit(1, 3));
    for seq in 1..6 {
        bench.publish(seq, good_block(seq));
    }
    let of_m2 = |(to, seq): &(String, u64)| (to == "m2").then_some(*seq);
    let pushed = bench.blocks_pushed();
    assert_eq!(pushed.iter().filter_map(of_m2).collect::<Vec<_>>(), [1, 2]);
    bench.advance(millis(100));
    let heights = told(&mut bench);
    let heights: Vec<_> = heights
        .iter()
        .map(|(to, tree)| (to.as_str(), tree.ledger_height))
        .collect();
    assert_eq!(
        heights,
        [("m2", 6)],
        "so that it can ask for what it was not sent"
    );
    bench.receive(links[0], &told_limit(6, 46));
    bench.publish(6, good_block(6));
    assert_eq!(fed(&mut bench), ["m2", "m3"]);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), [], "nothing is owed any more");
}

#[test]
fn whoever_feeds_us_is_told_a_few_times_per_window_how_far_we_have_places() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    let mut limits = Vec::new();
    for seq in 0..40 {
        bench.receive(links[0], &pushed(seq, good_block(seq)));
        let told = told(&mut bench).into_iter().filter(|(to, _)| to == "m2");
        limits.extend(told.map(|(_, tree)| tree.limit.unwrap().get()));
    }
    assert_eq!(limits, [41, 51, 61, 71]);
    bench.receive(links[1], &pushed(40, good_block(40)));
    let told = told(&mut bench);
    assert_eq!(told[0].0, "m3", "another one feeds us now");
}

#[test]
fn a_branch_whose_queue_was_full_hears_of_the_block_that_it_was_not_sent() {
    let mut bench = quiet(&["m2"], |config| {
        config.outbox.window_frames = 1.try_into().unwrap();
        config.outbox.max_push = 1.try_into().unwrap();
    });
    bench.hold_flushes = true;
    for seq in 0..3 {
        bench.publish(seq, good_block(seq));
    }
    bench.sent();
    bench.hold_flushes = false;
    let link = bench.link_to("m2").unwrap();
    bench.flush(link, 9);
    bench.advance(millis(100));
    let heights: Vec<_> = told(&mut bench)
        .iter()
        .map(|(_, tree)| tree.ledger_height)
        .collect();
    assert_eq!(heights, [3]);
}

#[test]
fn what_a_peer_told_long_ago_does_not_keep_it_from_blocks_when_the_publisher_changes() {
    let (mut bench, links) = neighbours(&["m2"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[0], &told_limit(1, 41));
    for seq in 1..60 {
        bench.receive(links[0], &pushed(seq, good_block(seq)));
    }
    bench.sent();
    bench.publish(60, good_block(60));
    assert_eq!(fed(&mut bench), ["m2"], "it has shown that it went on");
}
