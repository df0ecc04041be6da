//! Requests that wait for coverage.

use std::time::Duration;

use gossip_proto::Tree;

use super::*;
use crate::{Coverage, LinkId, Request, RequestError, RequestId, Response};

fn wait(bench: &mut Bench, seq: u64, coverage: Coverage) -> RequestId {
    wait_for(bench, seq, coverage, secs(2))
}

fn wait_for(bench: &mut Bench, seq: u64, coverage: Coverage, timeout: Duration) -> RequestId {
    bench.begin(Request::AwaitCoverage {
        channel: main_channel(),
        seq,
        coverage,
        timeout,
    })
}

fn count(count: usize) -> Coverage {
    Coverage::Count(count.try_into().unwrap())
}

fn covered(names: &[&str]) -> Option<Result<Response, RequestError>> {
    let holders = names.iter().map(|name| peer(name)).collect();
    Some(Ok(Response::Covered { holders }))
}

fn not_covered(
    holding: usize,
    wanted: usize,
    lacking: &[&str],
) -> Option<Result<Response, RequestError>> {
    let lacking = lacking.iter().map(|name| peer(name)).collect();
    Some(Err(RequestError::NotCovered {
        holding,
        wanted,
        lacking,
    }))
}

/// The height subscriptions sent since the last call: receiver and height.
fn asked(bench: &mut Bench) -> Vec<(String, u64)> {
    let mut asked = bench.sent_like(|message| match message.content() {
        Content::Tree(tree) => Some(tree.tell_at?.get()),
        _ => None,
    });
    asked.sort_unstable();
    asked
}

/// The heights sent since the last call: receiver and height.
fn told(bench: &mut Bench) -> Vec<(String, u64)> {
    bench.sent_like(|message| match message.content() {
        Content::Tree(tree) if tree.tell_at.is_none() && tree.branch.is_none() => {
            Some(tree.ledger_height)
        }
        _ => None,
    })
}

fn tell_at(height: u64) -> gossip_proto::SignedMessage {
    tree_message(Tree {
        tell_at: height.try_into().ok(),
        ..Tree::default()
    })
}

fn among(names: &[&str]) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let links = names.iter().map(|name| bench.participant(name)).collect();
    bench.advance(secs(1));
    bench.sent();
    (bench, links)
}

#[test]
fn coverage_is_answered_as_soon_as_enough_peers_have_reported() {
    let (mut bench, links) = among(&["m2", "m3", "m4", "a1"]);
    bench.publish(0, good_block(0));
    bench.sent();
    let all = wait(&mut bench, 0, Coverage::AllOfOrg);
    let asks = ["m2", "m3", "m4"].map(|name| (name.to_owned(), 1));
    assert_eq!(asked(&mut bench), asks);
    let one = wait(&mut bench, 0, Coverage::One);
    let two = wait(&mut bench, 0, count(2));
    assert_eq!(asked(&mut bench), [], "the subscriptions are sent already");
    let before = bench.now;
    bench.receive(links[1], &tree(1, None));
    assert_eq!(bench.reply(one), covered(&["m3"]));
    assert_eq!(bench.reply(two), None);
    bench.receive(links[0], &tree(1, None));
    assert_eq!(bench.reply(two), covered(&["m2", "m3"]));
    assert_eq!(bench.reply(all), None);
    bench.receive(links[2], &tree(5, None));
    assert_eq!(bench.reply(all), covered(&["m2", "m3", "m4"]));
    assert_eq!(bench.now, before, "no time had to pass");
    let late = wait(&mut bench, 0, Coverage::AllOfOrg);
    assert_eq!(bench.reply(late), covered(&["m2", "m3", "m4"]), "at once");
}

#[test]
fn a_legacy_peer_counts_by_its_state_info_and_gets_no_subscription() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.link_up("m2", None);
    bench.authenticate_as_fabric(link);
    bench.receive(link, &beat("m2", 1).message());
    bench.receive(link, &state_info("m2", 1, 0));
    bench.publish(0, good_block(0));
    let all = wait(&mut bench, 0, Coverage::AllOfOrg);
    assert_eq!(asked(&mut bench), []);
    bench.receive(link, &state_info("m2", 2, 1));
    assert_eq!(bench.reply(all), covered(&["m2"]));
}

#[test]
fn a_peer_that_pushes_us_the_block_has_it() {
    let (mut bench, links) = among(&["m2", "m3"]);
    let one = wait(&mut bench, 0, Coverage::One);
    bench.receive(links[1], &pushed(0, good_block(0)));
    assert_eq!(bench.reply(one), covered(&["m3"]));
}

#[test]
fn an_expired_wait_names_the_peers_that_lack_the_block() {
    let (mut bench, links) = among(&["m2", "m3"]);
    let all = wait(&mut bench, 0, Coverage::AllOfOrg);
    let three = wait(&mut bench, 0, count(3));
    bench.receive(links[0], &tree(1, None));
    bench.advance(millis(1999));
    assert_eq!((bench.reply(all), bench.reply(three)), (None, None));
    bench.advance(millis(1));
    assert_eq!(bench.reply(all), not_covered(1, 2, &["m3"]));
    assert_eq!(bench.reply(three), not_covered(1, 3, &["m3"]));
}

#[test]
fn without_any_peer_a_request_for_coverage_waits() {
    let (mut bench, _) = among(&["a1"]);
    for coverage in [Coverage::One, Coverage::AllOfOrg] {
        let id = wait(&mut bench, 0, coverage);
        assert_eq!(bench.reply(id), None);
        bench.advance(secs(2));
        assert_eq!(bench.reply(id), not_covered(0, 1, &[]));
    }
    let id = wait_for(&mut bench, 0, Coverage::AllOfOrg, secs(60));
    let link = bench.participant("m2");
    bench.receive(link, &tree(1, None));
    assert_eq!(bench.reply(id), covered(&["m2"]), "before the deadline");
}

#[test]
fn peers_that_leave_or_die_are_no_longer_required_for_coverage() {
    let (mut bench, links) = among(&["m2", "m3", "m4"]);
    let all = wait_for(&mut bench, 0, Coverage::AllOfOrg, secs(100));
    bench.receive(links[0], &tree(1, None));
    let left = gossip_proto::Properties {
        left_channel: true,
        ..gossip_proto::Properties::default()
    };
    bench.receive(links[1], &state_info_with("m3", "m3", 2, "main", left));
    assert_eq!(bench.reply(all), None);
    let mut sequence = 1;
    bench.until("the death of m4", secs(1), |bench| {
        sequence += 1;
        bench.receive(links[0], &beat("m2", sequence).message());
        bench.liveness("m4") == Some(false)
    });
    assert_eq!(bench.reply(all), covered(&["m2"]));
}

#[test]
fn the_lowest_height_is_subscribed_to_so_that_a_slow_peer_reports_to_a_fast_publisher() {
    let (mut bench, links) = among(&["m2"]);
    let ids: Vec<_> = (0..20)
        .map(|seq| wait(&mut bench, seq, Coverage::One))
        .collect();
    assert_eq!(asked(&mut bench), [("m2".to_owned(), 1)]);
    bench.receive(links[0], &tree(7, None));
    assert_eq!(asked(&mut bench), [("m2".to_owned(), 8)]);
    let answered = ids.iter().filter(|id| bench.reply(**id).is_some());
    assert_eq!(answered.count(), 7);
}

#[test]
fn a_peer_that_connects_during_a_wait_gets_a_subscription() {
    let (mut bench, _) = among(&["m2"]);
    let link = bench.member("m3");
    bench.receive(link, &state_info("m3", 1, 0));
    bench.link_down(link);
    bench.dials.clear();
    bench.sent();
    wait(&mut bench, 0, count(2));
    assert_eq!(asked(&mut bench), [("m2".to_owned(), 1)]);
    let dialled: Vec<_> = bench.dials.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(dialled, [internal("m3")]);
    bench.answer_dial("m3");
    assert_eq!(asked(&mut bench), [("m3".to_owned(), 1)]);
}

#[test]
fn a_height_subscription_is_answered_at_once_or_when_the_height_is_reached() {
    let (mut bench, links) = among(&["m2", "m3", "m4"]);
    bench.publish(0, good_block(0));
    bench.advance(secs(1));
    bench.sent();
    bench.receive(links[0], &tell_at(1));
    assert_eq!(told(&mut bench), [("m2".to_owned(), 1)]);
    bench.receive(links[0], &tell_at(5));
    bench.receive(links[0], &tell_at(3));
    bench.receive(links[1], &tell_at(2));
    bench.receive(links[2], &tell_at(2));
    bench.link_down(links[2]);
    assert_eq!(told(&mut bench), []);
    bench.hold_commits = true;
    bench.publish(1, good_block(1));
    bench.publish(2, good_block(2));
    assert_eq!(told(&mut bench), [], "the blocks are not stored yet");
    bench.finish_commits();
    let mut heights = told(&mut bench);
    heights.sort_unstable();
    assert_eq!(heights, [("m2".to_owned(), 3), ("m3".to_owned(), 2)]);
    bench.publish(3, good_block(3));
    bench.publish(4, good_block(4));
    assert_eq!(told(&mut bench), [], "the latest subscription counts");
}

#[test]
fn waiting_requests_are_bounded_and_answered_when_the_channel_ends() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.channel.max_coverage_waits = 2.try_into().unwrap();
    });
    let ids = [0, 1, 2].map(|seq| wait(&mut bench, seq, Coverage::One));
    assert_eq!(bench.reply(ids[2]), Some(Err(RequestError::Busy)));
    let left = bench.ask(Request::LeaveChannel {
        channel: main_channel(),
    });
    assert_eq!(left, Ok(Response::Done));
    let unknown = || RequestError::UnknownChannel(main_channel());
    assert_eq!(bench.reply(ids[0]), Some(Err(unknown())));
    assert_eq!(bench.reply(ids[1]), Some(Err(unknown())));
    let id = wait(&mut bench, 0, Coverage::One);
    assert_eq!(bench.reply(id), Some(Err(unknown())));
}

#[test]
fn foreign_peers_do_not_count_for_coverage() {
    let (mut bench, links) = among(&["a1", "m2"]);
    let one = wait(&mut bench, 0, Coverage::One);
    bench.receive(links[0], &state_info("a1", 2, 9));
    assert_eq!(bench.reply(one), None);
}
