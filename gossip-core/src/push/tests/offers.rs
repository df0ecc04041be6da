//! Large blocks while the tree grows.

use gossip_proto::{Branch, Payload, SignedMessage, Tag, Tree};

use super::*;
use crate::LinkId;

/// What the node did about blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Did {
    Sent(u64),
    Offered(u64),
    Asked(u64),
    Wants(Branch),
}

/// What was done since the last call, and towards whom, in order of names.
fn did(bench: &mut Bench) -> Vec<(String, Did)> {
    let mut did = bench.sent_like(|message| match message.content() {
        Content::Data(block) => Some(Did::Sent(block.seq_num)),
        Content::StateRequest(request) => Some(Did::Asked(request.start)),
        Content::Tree(Tree {
            offer: Some(count), ..
        }) => Some(Did::Offered(count.get() - 1)),
        Content::Tree(tree) => tree.branch.map(Did::Wants),
        _ => None,
    });
    did.sort_by(|(a, _), (b, _)| a.cmp(b));
    did
}

fn done(what: &[(&str, Did)]) -> Vec<(String, Did)> {
    let owned = |(to, did): &(&str, Did)| ((*to).to_owned(), did.clone());
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

/// Has whoever was asked last answer.
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
fn a_large_block_of_our_own_goes_to_eight_at_once_and_the_next_ones_too() {
    let all = members(12);
    let (mut bench, _) = neighbours(&names(&all));
    bench.publish(0, large_block(0));
    let first = did(&mut bench);
    assert_eq!(first.len(), 8);
    assert!(first.iter().all(|(_, did)| *did == Did::Sent(0)));
    bench.publish(1, large_block(1));
    let to = |did: &[(String, Did)]| did.iter().map(|(to, _)| to.clone()).collect::<Vec<_>>();
    assert_eq!(to(&did(&mut bench)), to(&first));
}

#[test]
fn a_large_block_that_others_may_have_is_offered_and_not_sent() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4", "m5"]);
    bench.receive(links[3], &tree(1, None));
    bench.receive(links[0], &pushed(0, large_block(0)));
    let offered = [("m3", Did::Offered(0)), ("m4", Did::Offered(0))];
    assert_eq!(did(&mut bench), done(&offered), "m5 says that it has it");
    bench.receive(links[1], &tree(0, Some(Branch::Graft)));
    bench.receive(links[2], &tree(0, Some(Branch::Prune)));
    bench.receive(links[0], &pushed(1, large_block(1)));
    assert_eq!(did(&mut bench), done(&[("m3", Did::Sent(1))]));
}

#[test]
fn whoever_has_not_answered_an_offer_is_offered_the_next_block_too() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, large_block(0)));
    bench.receive(links[0], &pushed(1, large_block(1)));
    let offered = [("m3", Did::Offered(0)), ("m3", Did::Offered(1))];
    assert_eq!(did(&mut bench), done(&offered));
}

#[test]
fn of_those_that_offer_a_block_the_first_is_asked_and_the_others_are_told() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[1], &offer(0));
    bench.receive(links[0], &offer(0));
    let expected = [
        ("m2", Did::Wants(Branch::Prune)),
        ("m3", Did::Asked(0)),
        ("m3", Did::Wants(Branch::Graft)),
    ];
    assert_eq!(did(&mut bench), done(&expected), "at once");
}

#[test]
fn a_large_block_that_was_asked_for_is_offered_on() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[1], &offer(0));
    bench.receive(links[0], &offer(0));
    let nonce = nonce(&mut bench);
    answer(&mut bench, links[1], nonce, 0);
    assert_eq!(did(&mut bench), done(&[("m4", Did::Offered(0))]));
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn an_offer_that_is_not_kept_in_time_is_asked_of_another_and_nobody_is_blamed() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    let nonce = nonce(&mut bench);
    bench.receive(links[1], &offer(0));
    did(&mut bench);
    bench.advance(millis(999));
    assert_eq!(did(&mut bench), []);
    bench.advance(millis(1));
    assert_eq!(did(&mut bench)[0], ("m3".to_owned(), Did::Asked(0)));
    answer(&mut bench, links[0], nonce, 0);
    assert_eq!(bench.commits.len(), 1, "late is not lost");
    bench.receive(links[0], &tree(2, None));
    bench.advance(millis(60));
    let asked = did(&mut bench);
    assert_eq!(bench.metrics().state_responses_refused, 0);
    assert_eq!(asked[0].1, Did::Asked(1), "{asked:?}");
}

#[test]
fn whoever_never_keeps_an_offer_is_asked_for_nothing_for_a_while() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &pushed(0, large_block(0)));
    bench.advance(millis(2_900));
    did(&mut bench);
    bench.receive(links[0], &offer(1));
    assert_eq!(did(&mut bench), [], "it has not answered yet");
    bench.advance(millis(100));
    bench.receive(links[0], &offer(1));
    bench.receive(links[1], &offer(1));
    let asked: Vec<_> = did(&mut bench)
        .into_iter()
        .filter(|(_, did)| *did == Did::Asked(1))
        .collect();
    assert_eq!(asked, done(&[("m3", Did::Asked(1))]));
}

#[test]
fn what_one_who_claims_everything_does_not_deliver_is_asked_of_one_who_offers_it() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &tree(1_000_000, None));
    bench.advance(millis(200));
    assert!(did(&mut bench).contains(&("m2".to_owned(), Did::Asked(0))));
    bench.receive(links[1], &offer(0));
    assert_eq!(
        did(&mut bench),
        done(&[("m3", Did::Wants(Branch::Prune))]),
        "m2 may"
    );
    bench.advance(secs(1));
    bench.receive(links[1], &offer(0));
    let asked = [("m3", Did::Asked(0)), ("m3", Did::Wants(Branch::Graft))];
    assert_eq!(did(&mut bench), done(&asked));
}

#[test]
fn refusals_do_not_teach_how_long_blocks_take() {
    let (mut bench, links) = neighbours(&["m2", "m3", "m4"]);
    bench.receive(links[2], &offer(0));
    let nonce = nonce(&mut bench);
    let refusal = Content::StateResponse(Vec::new());
    let refusal = message(nonce, "main", Tag::ChanOrOrg, refusal);
    bench.receive(links[2], &SignedMessage::unsigned(refusal));
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &offer(0));
    assert!(did(&mut bench).contains(&("m2".to_owned(), Did::Asked(0))));
    let again = ("m3".to_owned(), Did::Asked(0));
    bench.advance(millis(999));
    assert!(!did(&mut bench).contains(&again));
    bench.advance(millis(1));
    assert!(did(&mut bench).contains(&again));
}

#[test]
fn whoever_has_branches_enough_says_so_and_another_that_offered_is_asked() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(0));
    bench.receive(links[1], &offer(0));
    did(&mut bench);
    bench.receive(links[0], &tree(1, Some(Branch::Prune)));
    assert_eq!(did(&mut bench), done(&[("m3", Did::Wants(Branch::Graft))]));
    let all = members(10);
    let (mut bench, links) = neighbours(&names(&all));
    bench.publish(0, large_block(0));
    let fed = did(&mut bench);
    for (name, link) in all.iter().zip(links) {
        if fed.iter().all(|(to, _)| to != name) {
            bench.receive(link, &tree(0, Some(Branch::Graft)));
            let refused = [(&**name, Did::Wants(Branch::Prune))];
            assert_eq!(did(&mut bench), done(&refused));
        }
    }
}

#[test]
fn whoever_nobody_feeds_asks_the_next_neighbour_that_has_what_it_has() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, large_block(0)));
    bench.receive(links[0], &tree(1, Some(Branch::Prune)));
    did(&mut bench);
    bench.receive(links[1], &tree(1, None));
    assert_eq!(did(&mut bench), done(&[("m3", Did::Wants(Branch::Graft))]));
}

#[test]
fn offers_of_what_has_no_place_or_comes_too_early_ask_for_nothing_at_once() {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &offer(10_000));
    bench.receive(links[0], &offer(5));
    bench.receive(links[0], &offer(u64::MAX - 1));
    assert_eq!(did(&mut bench), []);
    assert_eq!(bench.metrics().violations, 0);
}

#[test]
fn what_is_offered_is_given_before_it_is_stored() {
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
fn whoever_fetches_from_another_organisation_feeds_those_that_ask_for_it() {
    let (mut bench, links) = neighbours(&["m2", "a2"]);
    bench.receive(links[1], &state_info("a2", 2, 1));
    bench.advance(millis(60));
    let nonce = nonce(&mut bench);
    answer(&mut bench, links[1], nonce, 0);
    assert_eq!(did(&mut bench), done(&[("m2", Did::Offered(0))]));
    bench.receive(links[0], &tree(0, Some(Branch::Graft)));
    assert_eq!(did(&mut bench), [], "it is not refused");
    bench.publish(1, large_block(1));
    assert_eq!(did(&mut bench), done(&[("m2", Did::Sent(1))]));
}

#[test]
fn whoever_is_pushed_to_by_peers_that_know_of_no_tree_feeds_those_that_ask_for_it() {
    let (mut bench, links) = neighbours(&["m2"]);
    let plain = bench.link_up("m4", None);
    bench.authenticate_as_fabric(plain);
    bench.receive(plain, &beat("m4", 1).message());
    bench.receive(plain, &state_info("m4", 1, 0));
    bench.sent();
    bench.receive(plain, &pushed(0, large_block(0)));
    assert_eq!(did(&mut bench), done(&[("m2", Did::Offered(0))]));
    bench.receive(links[0], &tree(0, Some(Branch::Graft)));
    assert_eq!(did(&mut bench), [], "it is not refused");
    bench.receive(plain, &pushed(1, large_block(1)));
    assert_eq!(did(&mut bench), done(&[("m2", Did::Sent(1))]));
}
