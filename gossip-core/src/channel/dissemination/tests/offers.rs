//! Large blocks while the tree is seeded.

use gossip_proto::{Branch, Payload, SignedMessage, Tag, Tree};

use super::*;
use crate::LinkId;

/// A message about a block.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Sent(u64),
    Offered(u64),
    Asked(u64),
    Branch(Branch),
}

/// The messages since the last call, each with its receiver, in order of names.
fn actions(bench: &mut Bench) -> Vec<(String, Action)> {
    let mut actions = bench.sent_like(|message| match message.content() {
        Content::Data(block) => Some(Action::Sent(block.seq_num)),
        Content::StateRequest(request) => Some(Action::Asked(request.start)),
        Content::Tree(Tree {
            offer: Some(count), ..
        }) => Some(Action::Offered(count.get() - 1)),
        Content::Tree(tree) => tree.branch.map(Action::Branch),
        _ => None,
    });
    actions.sort_by(|(a, _), (b, _)| a.cmp(b));
    actions
}

fn expected_actions(what: &[(&str, Action)]) -> Vec<(String, Action)> {
    let owned = |(to, actions): &(&str, Action)| ((*to).to_owned(), actions.clone());
    what.iter().map(owned).collect()
}

fn neighbours(names: &[&str]) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let links = names.iter().map(|name| bench.participant(name)).collect();
    bench.advance(secs(1));
    bench.sent();
    (bench, links)
}

fn offer(seq: u64) -> SignedMessage {
    tree_message(Tree {
        offer: (seq + 1).try_into().ok(),
        ..Tree::default()
    })
}

/// Answers the last request of the node.
fn answer(bench: &mut Bench, link: LinkId, nonce: u64, seq: u64) {
    let block = Payload {
        seq_num: seq,
        data: large_block(seq),
        private_data: Vec::new(),
    };
    let content = Content::StateResponse(vec![block]);
    let answer = message(nonce, "main", Tag::ChanOrOrg, content);
    bench.receive(link, &SignedMessage::unsigned(answer));
}

fn nonce(bench: &mut Bench) -> u64 {
    nonces(bench)[0]
}

fn nonces(bench: &mut Bench) -> Vec<u64> {
    let nonces = bench.sent_like(|message| match message.content() {
        Content::StateRequest(_) => Some(message.message().nonce),
        _ => None,
    });
    nonces.into_iter().map(|(_, nonce)| nonce).collect()
}

#[test]
fn a_large_block_of_our_own_and_the_next_ones_are_sent_to_eight_peers_at_once() {
    let all = members(12);
    let (mut bench, _) = neighbours(&names(&all));
    bench.publish(0, large_block(0));
    let first = actions(&mut bench);
    assert_eq!(first.len(), 8);
    assert!(first.iter().all(|(_, actions)| *actions == Action::Sent(0)));
    bench.publish(1, large_block(1));
    let to =
        |actions: &[(String, Action)]| actions.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>();
    assert_eq!(to(&actions(&mut bench)), to(&first));
}

#[test]
fn a_large_block_that_other_peers_may_have_is_offered_and_not_sent() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4", "m5"]);
    bench.receive(links[3], &tree(1, None));
    bench.receive(links[0], &pushed(0, large_block(0)));
    let offered = [("m3", Action::Offered(0)), ("m4", Action::Offered(0))];
    assert_eq!(
        actions(&mut bench),
        expected_actions(&offered),
        "m5 reports that it has it"
    );
    bench.receive(links[1], &tree(0, Some(Branch::Graft)));
    bench.receive(links[2], &tree(0, Some(Branch::Prune)));
    bench.receive(links[0], &pushed(1, large_block(1)));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m3", Action::Sent(1))])
    );
}

#[test]
fn a_peer_that_has_not_answered_an_offer_gets_an_offer_of_the_next_block_too() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, large_block(0)));
    bench.receive(links[0], &pushed(1, large_block(1)));
    let offered = [("m3", Action::Offered(0)), ("m3", Action::Offered(1))];
    assert_eq!(actions(&mut bench), expected_actions(&offered));
}

#[test]
fn an_offered_block_is_requested_from_the_first_peer_and_the_others_are_pruned() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[1], &offer(0));
    bench.receive(links[0], &offer(0));
    let expected = [
        ("m2", Action::Branch(Branch::Prune)),
        ("m3", Action::Asked(0)),
        ("m3", Action::Branch(Branch::Graft)),
    ];
    assert_eq!(actions(&mut bench), expected_actions(&expected), "at once");
}

#[test]
fn a_large_requested_block_is_offered_to_other_peers() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[1], &offer(0));
    bench.receive(links[0], &offer(0));
    let nonce = nonce(&mut bench);
    answer(&mut bench, links[1], nonce, 0);
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m4", Action::Offered(0))])
    );
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn a_late_offered_block_is_requested_from_another_peer_without_penalty() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    let nonce = nonce(&mut bench);
    bench.receive(links[1], &offer(0));
    actions(&mut bench);
    bench.advance(millis(999));
    assert_eq!(actions(&mut bench), []);
    bench.advance(millis(1));
    assert_eq!(actions(&mut bench)[0], ("m3".to_owned(), Action::Asked(0)));
    answer(&mut bench, links[0], nonce, 0);
    assert_eq!(bench.commits.len(), 1, "a late answer is used");
    bench.receive(links[0], &tree(2, None));
    bench.advance(millis(60));
    let asked = actions(&mut bench);
    assert_eq!(bench.metrics().state_responses_refused, 0);
    assert_eq!(asked[0].1, Action::Asked(1), "{asked:?}");
}

#[test]
fn a_peer_that_does_not_deliver_an_offered_block_is_not_asked_for_a_while() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &pushed(0, large_block(0)));
    bench.advance(millis(2_900));
    actions(&mut bench);
    bench.receive(links[0], &offer(1));
    assert_eq!(actions(&mut bench), [], "the request may still be answered");
    bench.advance(millis(100));
    bench.receive(links[0], &offer(1));
    bench.receive(links[1], &offer(1));
    let asked: Vec<_> = actions(&mut bench)
        .into_iter()
        .filter(|(_, actions)| *actions == Action::Asked(1))
        .collect();
    assert_eq!(asked, expected_actions(&[("m3", Action::Asked(1))]));
}

#[test]
fn a_block_that_a_claimant_does_not_deliver_is_requested_from_a_peer_that_offers_it() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &tree(1_000_000, None));
    bench.advance(millis(200));
    assert!(actions(&mut bench).contains(&("m2".to_owned(), Action::Asked(0))));
    bench.receive(links[1], &offer(0));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m3", Action::Branch(Branch::Prune))]),
        "m2 may still answer"
    );
    bench.advance(secs(1));
    bench.receive(links[1], &offer(0));
    let asked = [
        ("m3", Action::Asked(0)),
        ("m3", Action::Branch(Branch::Graft)),
    ];
    assert_eq!(actions(&mut bench), expected_actions(&asked));
}

#[test]
fn refusals_do_not_count_for_the_answer_time() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[2], &offer(0));
    let nonce = nonce(&mut bench);
    let refusal = Content::StateResponse(Vec::new());
    let refusal = message(nonce, "main", Tag::ChanOrOrg, refusal);
    bench.receive(links[2], &SignedMessage::unsigned(refusal));
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &offer(0));
    assert!(actions(&mut bench).contains(&("m2".to_owned(), Action::Asked(0))));
    let again = ("m3".to_owned(), Action::Asked(0));
    bench.advance(millis(999));
    assert!(!actions(&mut bench).contains(&again));
    bench.advance(millis(1));
    assert!(actions(&mut bench).contains(&again));
}

#[test]
fn a_peer_without_room_refuses_a_graft_and_a_backup_parent_is_grafted() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &offer(0));
    actions(&mut bench);
    bench.receive(links[0], &tree(1, Some(Branch::Prune)));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m3", Action::Branch(Branch::Graft))])
    );
    let all = members(10);
    let (mut bench, links) = neighbours(&names(&all));
    bench.publish(0, large_block(0));
    let fed = actions(&mut bench);
    for (name, link) in all.iter().zip(links) {
        if fed.iter().all(|(to, _)| to != name) {
            bench.receive(link, &tree(0, Some(Branch::Graft)));
            let refused = [(&**name, Action::Branch(Branch::Prune))];
            assert_eq!(actions(&mut bench), expected_actions(&refused));
        }
    }
}

#[test]
fn a_node_without_parent_grafts_the_next_neighbour_at_its_height() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, large_block(0)));
    bench.receive(links[0], &tree(1, Some(Branch::Prune)));
    actions(&mut bench);
    bench.receive(links[1], &tree(1, None));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m3", Action::Branch(Branch::Graft))])
    );
}

#[test]
fn offers_beyond_the_window_or_after_a_gap_are_not_requested_at_once() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(10_000));
    bench.receive(links[0], &offer(5));
    bench.receive(links[0], &offer(u64::MAX - 1));
    assert_eq!(actions(&mut bench), []);
    assert_eq!(bench.metrics().violations, 0);
}

#[test]
fn an_offered_block_is_served_before_it_is_stored() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.hold_commits = true;
    for seq in 0..3 {
        bench.publish(seq, good_block(seq));
    }
    bench.sent();
    let request = Content::StateRequest(gossip_proto::StateRequest { start: 1, end: 9 });
    let request = message(7, "main", Tag::ChanOrOrg, request);
    bench.receive(links[1], &SignedMessage::unsigned(request));
    let given = bench.sent_like(|message| match message.content() {
        Content::StateResponse(blocks) => {
            let numbers: Vec<_> = blocks.iter().map(|block| block.seq_num).collect();
            Some((message.message().nonce, numbers))
        }
        _ => None,
    });
    assert_eq!(given, [("m3".to_owned(), (7, vec![1, 2]))]);
}

#[test]
fn a_node_that_fetches_from_another_organisation_accepts_grafts() {
    let (mut bench, links) = neighbours(&["m2", "a2"]);
    bench.receive(links[1], &state_info("a2", 2, 1));
    bench.advance(millis(60));
    let nonce = nonce(&mut bench);
    answer(&mut bench, links[1], nonce, 0);
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m2", Action::Offered(0))])
    );
    bench.receive(links[0], &tree(0, Some(Branch::Graft)));
    assert_eq!(actions(&mut bench), [], "the graft is accepted");
    bench.publish(1, large_block(1));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m2", Action::Sent(1))])
    );
}

#[test]
fn a_node_that_gets_blocks_from_legacy_peers_accepts_grafts() {
    let (mut bench, links) = neighbours(&["m2"]);
    let plain = bench.link_up("m4", None);
    bench.authenticate_as_fabric(plain);
    bench.receive(plain, &beat("m4", 1).message());
    bench.receive(plain, &state_info("m4", 1, 0));
    bench.sent();
    bench.receive(plain, &pushed(0, large_block(0)));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m2", Action::Offered(0))])
    );
    bench.receive(links[0], &tree(0, Some(Branch::Graft)));
    assert_eq!(actions(&mut bench), [], "the graft is accepted");
    bench.receive(plain, &pushed(1, large_block(1)));
    assert_eq!(
        actions(&mut bench),
        expected_actions(&[("m2", Action::Sent(1))])
    );
}
