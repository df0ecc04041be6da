//! The application validates blocks before they are stored and forwarded.

use super::*;
use crate::{LinkId, Request, RequestError, Response, Verdict};

/// A node whose application validates blocks, and its neighbours `m2`, `m3`, ..
fn validating(neighbours: usize, adjust: impl FnOnce(&mut crate::Config)) -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::joined(&["m"], adjust);
    let names = (2..neighbours + 2).map(|name| format!("m{name}"));
    let links = names.map(|name| bench.participant(&name)).collect();
    assert_eq!(switch(&mut bench, true), Ok(Response::Done));
    bench.advance(secs(1));
    bench.sent();
    (bench, links)
}

fn switch(bench: &mut Bench, on: bool) -> Result<Response, RequestError> {
    bench.ask(Request::ValidateBlocks {
        channel: main_channel(),
        on,
    })
}

fn shown(bench: &Bench) -> Vec<(u64, Option<&str>)> {
    let shown = bench.shown.iter();
    shown
        .map(|(_, seq, from)| (*seq, from.as_deref()))
        .collect()
}

#[test]
fn a_block_is_neither_stored_nor_forwarded_before_it_is_accepted() {
    let (mut bench, links) = validating(2, |_| {});
    bench.receive(links[0], &pushed(0, good_block(0)));
    assert_eq!(shown(&bench), [(0, Some("m2"))]);
    assert!(bench.commits.is_empty() && bench.blocks_pushed().is_empty());
    bench.judge_block(Verdict::Accept);
    assert_eq!(bench.commits.len(), 1);
    assert_eq!(bench.blocks_pushed(), [("m3".to_owned(), 0)]);
    assert_eq!(bench.metrics().validations, 1);
}

#[test]
fn a_block_that_does_not_verify_is_not_shown() {
    let (mut bench, links) = validating(1, |_| {});
    bench.receive(links[0], &pushed(0, "bad".into()));
    assert_eq!(shown(&bench), []);
    assert_eq!(bench.metrics().blocks_bad, 1);
}

#[test]
fn copies_that_come_meanwhile_wait_for_the_verdict_and_are_shown_once() {
    let (mut bench, links) = validating(3, |_| {});
    for link in &links[..2] {
        bench.receive(*link, &pushed(0, good_block(0)));
    }
    let id = bench.publish(0, good_block(0));
    assert_eq!(shown(&bench), [(0, Some("m2"))]);
    assert_eq!(bench.checked_blocks, 1);
    bench.judge_block(Verdict::Accept);
    assert_eq!(bench.was_fresh(id), Some(false));
    assert_eq!(
        bench.blocks_pushed(),
        [("m4".to_owned(), 0)],
        "the others already hold it"
    );
}

#[test]
fn a_publisher_is_told_the_verdict() {
    let (mut bench, _) = validating(1, |_| {});
    let ids = [0, 1, 2].map(|seq| bench.publish(seq, good_block(seq)));
    assert_eq!(shown(&bench), [(0, None), (1, None), (2, None)]);
    assert_eq!(bench.reply(ids[0]), None, "it awaits the verdict");
    bench.judge_block(Verdict::Accept);
    bench.judge_block(Verdict::Ignore);
    bench.judge_block(Verdict::Reject);
    assert_eq!(bench.was_fresh(ids[0]), Some(true));
    assert_eq!(bench.reply(ids[1]), Some(Err(RequestError::Ignored)));
    assert_eq!(bench.reply(ids[2]), Some(Err(RequestError::Rejected)));
    let metrics = bench.metrics();
    assert_eq!(
        (
            metrics.blocks_ignored,
            metrics.blocks_rejected,
            metrics.blocks_bad
        ),
        (1, 1, 0)
    );
    let again = bench.publish(1, good_block(1));
    bench.judge_block(Verdict::Accept);
    assert_eq!(
        bench.was_fresh(again),
        Some(true),
        "it may be published again"
    );
}

/// The requests for blocks sent since the last call: receiver, nonce and range.
fn asked(bench: &mut Bench) -> Vec<(String, (u64, u64, u64))> {
    bench.sent_like(|message| match message.content() {
        Content::StateRequest(request) => {
            Some((message.message().nonce, request.start, request.end))
        }
        _ => None,
    })
}

fn answer(bench: &mut Bench, link: LinkId, nonce: u64) {
    let payload = gossip_proto::Payload {
        seq_num: 0,
        data: good_block(0),
        private_data: Vec::new(),
    };
    let content = Content::StateResponse(vec![payload]);
    let message = message(nonce, "main", Tag::ChanOrOrg, content);
    bench.receive(link, &SignedMessage::unsigned(message));
}

#[test]
fn an_ignored_block_is_requested_again_after_a_pause_and_from_any_peer() {
    let (mut bench, links) = validating(1, |_| {});
    bench.receive(links[0], &tree(1, None));
    bench.advance(millis(100));
    let first = asked(&mut bench);
    answer(&mut bench, links[0], first[0].1.0);
    bench.judge_block(Verdict::Ignore);
    bench.advance(millis(1900));
    assert_eq!(asked(&mut bench), [], "there is a pause");
    bench.advance(millis(300));
    let second = asked(&mut bench);
    assert_eq!(second.len(), 1, "its sender is not penalised");
    answer(&mut bench, links[0], second[0].1.0);
    bench.judge_block(Verdict::Accept);
    assert_eq!(bench.commits.len(), 1);
}

#[test]
fn the_sender_of_a_rejected_block_is_not_asked_again_for_a_while() {
    let (mut bench, links) = validating(1, |config| {
        config.state_transfer.peer_penalty = secs(20);
    });
    bench.receive(links[0], &tree(1, None));
    bench.advance(millis(100));
    let first = asked(&mut bench);
    answer(&mut bench, links[0], first[0].1.0);
    bench.judge_block(Verdict::Reject);
    bench.advance(secs(9));
    assert_eq!(asked(&mut bench), []);
    assert!(bench.commits.is_empty());
    assert_eq!(bench.metrics().blocks_rejected, 1);
}

#[test]
fn a_block_without_a_verdict_in_time_is_ignored_and_so_is_a_late_verdict() {
    let (mut bench, links) = validating(1, |_| {});
    let id = bench.publish(0, good_block(0));
    bench.receive(links[0], &pushed(1, good_block(1)));
    bench.advance(millis(29_900));
    assert_eq!(bench.reply(id), None);
    bench.advance(millis(200));
    assert_eq!(bench.reply(id), Some(Err(RequestError::Ignored)));
    let metrics = bench.metrics();
    assert_eq!((metrics.validations_lost, metrics.blocks_ignored), (2, 2));
    bench.judge_block(Verdict::Accept);
    assert!(bench.commits.is_empty());
}

#[test]
fn blocks_beyond_the_limit_of_validations_are_ignored_and_counted() {
    let (mut bench, _) = validating(1, |config| {
        config.gate.max_validations = 2.try_into().unwrap();
    });
    let ids = [0, 1, 2].map(|seq| bench.publish(seq, good_block(seq)));
    assert_eq!(shown(&bench).len(), 2);
    assert_eq!(bench.reply(ids[2]), Some(Err(RequestError::Ignored)));
    let metrics = bench.metrics();
    assert_eq!((metrics.validations_shed, metrics.blocks_ignored), (1, 1));
    bench.judge_block(Verdict::Accept);
    bench.publish(2, good_block(2));
    assert_eq!(shown(&bench).len(), 2, "there is room again for one");
}

#[test]
fn when_validation_is_switched_off_new_blocks_pass_and_those_shown_still_await_their_verdict() {
    let (mut bench, _) = validating(1, |_| {});
    let waiting = bench.publish(0, good_block(0));
    assert_eq!(switch(&mut bench, false), Ok(Response::Done));
    let passing = bench.publish(1, good_block(1));
    assert_eq!(bench.was_fresh(passing), Some(true));
    assert_eq!(bench.reply(waiting), None);
    bench.judge_block(Verdict::Reject);
    assert_eq!(bench.reply(waiting), Some(Err(RequestError::Rejected)));
}

#[test]
fn validation_is_off_by_default_and_after_the_channel_was_left() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.publish(0, good_block(0));
    assert_eq!((shown(&bench).len(), bench.commits.len()), (0, 1));
    switch(&mut bench, true).unwrap();
    let left = bench.publish(1, good_block(1));
    bench
        .ask(Request::LeaveChannel {
            channel: main_channel(),
        })
        .unwrap();
    let unknown = RequestError::UnknownChannel(main_channel());
    assert_eq!(switch(&mut bench, true), Err(unknown.clone()));
    bench.judge_block(Verdict::Accept);
    assert_eq!(bench.reply(left), Some(Err(unknown)));
    bench.join(2, &["m"]).unwrap();
    bench.publish(1, good_block(1));
    assert_eq!((shown(&bench).len(), bench.commits.len()), (0, 2));
}

#[test]
fn a_stop_answers_publications_that_await_validation() {
    let (mut bench, _) = validating(0, |_| {});
    let id = bench.publish(0, good_block(0));
    bench.ask(Request::Stop).unwrap();
    assert_eq!(bench.reply(id), Some(Err(RequestError::Stopped)));
    bench.judge_block(Verdict::Accept);
}

#[test]
fn a_verdict_with_an_unknown_ticket_changes_nothing() {
    let (mut bench, _) = validating(1, |_| {});
    for verdict in [Verdict::Accept, Verdict::Ignore, Verdict::Reject] {
        bench.event(crate::Event::Validated {
            ticket: crate::Ticket(99_999),
            verdict,
        });
    }
    assert!(bench.commits.is_empty());
}
