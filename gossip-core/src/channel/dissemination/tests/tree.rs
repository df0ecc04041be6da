//! Blocks to eager peers, heights to all other peers.

use std::collections::BTreeSet;

use gossip_proto::{Branch, Tree};

use super::*;
use crate::LinkId;

/// The tree messages sent since the last call, each with its receiver.
fn told(bench: &mut Bench) -> Vec<(String, Tree)> {
    bench.sent_like(|message| match message.content() {
        Content::Tree(tree) => Some(*tree),
        _ => None,
    })
}

pub(super) fn branch_receivers(bench: &mut Bench, branch: Branch) -> Vec<String> {
    let told = told(bench).into_iter();
    let of = |(to, tree): (String, Tree)| (tree.branch == Some(branch)).then_some(to);
    told.filter_map(of).collect()
}

pub(super) fn block_receivers(bench: &mut Bench) -> Vec<String> {
    let pushed = bench.blocks_pushed().into_iter();
    pushed.map(|(to, _)| to).collect()
}

/// A node in `main` with these neighbours, after the initial exchange.
pub(super) fn neighbours(names: &[&str]) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let links = names.iter().map(|name| bench.participant(name)).collect();
    bench.advance(secs(1));
    bench.sent();
    (bench, links)
}

#[test]
fn the_first_eager_peers_are_drawn_and_kept() {
    let all = members(10);
    let (mut bench, _) = neighbours(&names(&all));
    bench.publish(0, good_block(0));
    let first = block_receivers(&mut bench);
    assert_eq!(first.len(), 3);
    for seq in 1..20 {
        bench.publish(seq, good_block(seq));
        assert_eq!(block_receivers(&mut bench), first);
    }
}

#[test]
fn a_redundant_copy_prunes_its_sender_once() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    assert_eq!(block_receivers(&mut bench), ["m3", "m4"]);
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[1], &pushed(0, good_block(0)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m3"]);
    assert_eq!(bench.metrics().prunes_sent, 1);
    bench.receive(links[0], &pushed(1, good_block(1)));
    assert_eq!(block_receivers(&mut bench), ["m4"]);
    bench.publish(2, good_block(2));
    assert_eq!(
        block_receivers(&mut bench),
        ["m2", "m4"],
        "the parent is eager too"
    );
}

#[test]
fn a_copy_of_our_own_block_prunes_its_sender() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    bench.receive(links[1], &pushed(0, good_block(0)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m3"]);
}

#[test]
fn our_publication_counts_as_ours_if_a_peer_pushes_it_during_its_check() {
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
        "the application does not get its own publication"
    );
    let sent = bench.sent_like(|message| match message.content() {
        Content::Data(_) => Some(None),
        Content::Tree(tree) => Some(tree.branch),
        _ => None,
    });
    let expected = [("m2", Some(Branch::Prune)), ("m3", None), ("m4", None)];
    assert_eq!(sent, expected.map(|(to, branch)| (to.to_owned(), branch)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m4"]);
}

#[test]
fn copies_that_arrive_during_the_check_of_the_first_prune_their_senders_too() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.hold_checks = true;
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    bench.answer_all();
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m4"]);
}

#[test]
fn a_lazy_peer_gets_heights_and_may_graft_again() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    assert_eq!(block_receivers(&mut bench), ["m2", "m3"]);
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    for seq in 1..4 {
        bench.publish(seq, good_block(seq));
    }
    assert_eq!(block_receivers(&mut bench), ["m2", "m2", "m2"]);
    bench.advance(millis(100));
    let height = Tree {
        ledger_height: 4,
        limit: 44.try_into().ok(),
        ..Tree::default()
    };
    assert_eq!(
        told(&mut bench),
        [("m3".to_owned(), height)],
        "several heights are announced as one"
    );
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), []);
    bench.receive(links[1], &tree(4, Some(Branch::Graft)));
    bench.publish(4, good_block(4));
    assert_eq!(block_receivers(&mut bench), ["m2", "m3"]);
}

#[test]
fn a_peer_gets_neither_blocks_nor_heights_that_it_has_reported() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    bench.receive(links[0], &tree(2, None));
    bench.receive(links[1], &tree(2, None));
    bench.sent();
    bench.publish(1, good_block(1));
    assert_eq!(block_receivers(&mut bench), [] as [&str; 0]);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), []);
}

#[test]
fn a_block_that_no_peer_pushes_is_fetched_and_its_sender_grafted() {
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
    assert!(block_receivers(&mut bench).contains(&m4()));
}

#[test]
fn when_the_link_to_the_parent_is_lost_another_peer_is_grafted_at_once() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[1], &pushed(0, good_block(0)));
    bench.receive(links[2], &pushed(0, good_block(0)));
    bench.sent();
    bench.link_down(links[0]);
    let grafted = branch_receivers(&mut bench, Branch::Graft);
    assert!(grafted == ["m3"] || grafted == ["m4"], "{grafted:?}");
}

#[test]
fn an_eager_peer_that_leaves_the_channel_makes_room_for_another() {
    let (mut bench, links) = neighbours(&["m2"]);
    bench.publish(0, good_block(0));
    assert_eq!(block_receivers(&mut bench), ["m2"]);
    bench.participant("m3");
    let left = gossip_proto::Properties {
        left_channel: true,
        ..gossip_proto::Properties::default()
    };
    bench.receive(links[0], &state_info_with("m2", "m2", 2, "main", left));
    bench.publish(1, good_block(1));
    assert_eq!(block_receivers(&mut bench), ["m3"]);
}

#[test]
fn a_fetched_block_is_sent_to_eager_peers() {
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
    assert_eq!(block_receivers(&mut bench), ["m3"]);
}

#[test]
fn legacy_peers_get_random_pushes_in_addition_to_the_tree() {
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
        let block_receivers = block_receivers(&mut bench);
        assert_eq!(
            (block_receivers.len(), &block_receivers[..2]),
            (5, &["m2".to_owned(), "m3".to_owned()][..])
        );
        reached.extend(block_receivers);
    }
    assert_eq!(reached.len(), 6);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), [], "legacy peers get no tree messages");
}

#[test]
fn tree_messages_of_non_participants_and_foreign_peers_are_ignored() {
    let (mut bench, links) = neighbours(&["m2", "a2"]);
    let idle = bench.member("m3");
    bench.publish(0, good_block(0));
    bench.receive(links[1], &tree(5, Some(Branch::Graft)));
    assert_eq!(bench.metrics().violations, 1);
    bench.receive(idle, &tree(5, Some(Branch::Graft)));
    bench.sent();
    bench.publish(1, good_block(1));
    assert_eq!(block_receivers(&mut bench), ["m2"]);
    bench.advance(millis(100));
    assert_eq!(
        bench.metrics().state_requests_sent,
        0,
        "their heights do not count"
    );
}

fn limit_message(height: u64, limit: u64) -> gossip_proto::SignedMessage {
    tree_message(Tree {
        ledger_height: height,
        limit: limit.try_into().ok(),
        ..Tree::default()
    })
}

#[test]
fn an_eager_peer_gets_no_blocks_beyond_its_limit_and_is_told_the_height() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.publish(0, good_block(0));
    assert_eq!(block_receivers(&mut bench), ["m2", "m3"]);
    bench.receive(links[0], &limit_message(1, 3));
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
        "so that it can request the missed blocks"
    );
    bench.receive(links[0], &limit_message(6, 46));
    bench.publish(6, good_block(6));
    assert_eq!(block_receivers(&mut bench), ["m2", "m3"]);
    bench.advance(secs(1));
    assert_eq!(told(&mut bench), [], "no missed block is left");
}

#[test]
fn the_parent_is_told_our_limit_a_few_times_per_window() {
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
    assert_eq!(told[0].0, "m3", "the parent has changed");
}

#[test]
fn an_eager_peer_whose_queue_was_full_is_told_the_height_of_the_missed_block() {
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
fn an_outdated_limit_does_not_withhold_blocks_after_a_change_of_the_publisher() {
    let (mut bench, links) = neighbours(&["m2"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[0], &limit_message(1, 41));
    for seq in 1..60 {
        bench.receive(links[0], &pushed(seq, good_block(seq)));
    }
    bench.sent();
    bench.publish(60, good_block(60));
    assert_eq!(
        block_receivers(&mut bench),
        ["m2"],
        "its later blocks moved its window"
    );
}
