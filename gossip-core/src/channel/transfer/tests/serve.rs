//! Answers to the requests of peers.

use std::num::NonZeroUsize;

use super::*;

impl Bench {
    fn request(&mut self, name: u8, nonce: u64, start: u64, end: u64) -> Option<Effect> {
        let request = StateRequest { start, end };
        let link = LinkId(u64::from(name));
        self.call(|transfer, cx| transfer.on_request(cx, &peer(name), link, nonce, request))
    }
}

fn response(name: u8, nonce: u64, numbers: &[u64]) -> Effect {
    Effect::Respond {
        link: LinkId(u64::from(name)),
        nonce,
        payloads: numbers.iter().map(|seq| payload(*seq)).collect(),
    }
}

fn blocks(numbers: &[u64]) -> LedgerOutcome {
    LedgerOutcome::Blocks(Ok(numbers.iter().map(|seq| data(*seq)).collect()))
}

#[test]
fn a_request_is_answered_with_its_nonce_and_the_requested_blocks() {
    let mut bench = Bench::at(10);
    assert_eq!(bench.request(1, 77, 2, 3), None);
    assert_eq!(bench.out(), [Emitted::Read(2, 3)]);
    let max = bench.config.state_transfer.max_response_bytes;
    assert!(matches!(
        bench.pending.front(),
        Some((_, LedgerOp::Read { max_bytes, .. })) if *max_bytes == max
    ));
    assert_eq!(bench.answer(blocks(&[2, 3])), [response(1, 77, &[2, 3])]);
    assert_eq!(bench.io.metrics.state_requests_served, 1);
}

#[test]
fn a_range_that_ends_before_it_starts_gets_an_empty_answer() {
    let mut bench = Bench::at(20);
    assert_eq!(bench.request(1, 5, 10, 5), Some(response(1, 5, &[])));
    assert_eq!(bench.out(), []);
    assert_eq!(bench.io.metrics.state_requests_refused, 1);
}

#[test]
fn a_range_is_clamped_to_the_batch_as_fabric_counts_it() {
    for (end, served) in [(30, 20), (20, 20), (19, 19), (u64::MAX, 20)] {
        let mut bench = Bench::at(1000);
        assert_eq!(bench.request(1, 5, 10, end), None);
        assert_eq!(bench.out(), [Emitted::Read(10, served)]);
    }
}

#[test]
fn a_range_is_clamped_to_the_blocks_that_exist() {
    let mut bench = Bench::at(12);
    assert_eq!(bench.request(1, 5, 10, 15), None);
    assert_eq!(bench.out(), [Emitted::Read(10, 11)]);
    assert_eq!(bench.request(2, 6, 12, 15), Some(response(2, 6, &[])));
    let last = u64::MAX;
    assert_eq!(bench.request(2, 6, last, last), Some(response(2, 6, &[])));
    let mut empty = Bench::at(0);
    assert_eq!(empty.request(1, 5, 0, 0), Some(response(1, 5, &[])));
}

#[test]
fn a_peer_has_one_read_at_a_time() {
    let mut bench = Bench::at(100);
    assert_eq!(bench.request(1, 1, 0, 5), None);
    for nonce in 2..1000 {
        assert_eq!(bench.request(1, nonce, 0, 5), Some(response(1, nonce, &[])));
    }
    assert_eq!(bench.out(), [Emitted::Read(0, 5)]);
    assert_eq!(bench.io.metrics.state_requests_refused, 998);
    assert_eq!(bench.answer(blocks(&[0])), [response(1, 1, &[0])]);
    assert_eq!(bench.request(1, 1000, 0, 5), None);
}

#[test]
fn reads_are_bounded_per_channel() {
    let mut bench = Bench::with(100, |config| {
        config.state_transfer.max_serving = NonZeroUsize::new(2).expect("not zero");
    });
    assert_eq!(bench.request(1, 1, 0, 5), None);
    assert_eq!(bench.request(2, 2, 0, 5), None);
    assert_eq!(bench.request(3, 3, 0, 5), Some(response(3, 3, &[])));
}

#[test]
fn no_answer_is_sent_on_an_ended_link_but_its_read_still_counts() {
    let mut bench = Bench::at(100);
    bench.request(1, 1, 0, 5);
    bench.transfer.on_link_gone(LinkId(1));
    assert_eq!(bench.request(1, 2, 0, 5), Some(response(1, 2, &[])));
    assert!(bench.answer(blocks(&[0])).is_empty());
    assert_eq!(bench.request(1, 3, 0, 5), None);
}

#[test]
fn a_request_for_an_unreadable_block_gets_an_empty_answer() {
    let mut bench = Bench::at(100);
    bench.request(1, 1, 0, 5);
    let error = LedgerError::Storage("bad sector".to_owned());
    let effects = bench.answer(LedgerOutcome::Blocks(Err(error)));
    assert_eq!(effects, [response(1, 1, &[])]);
    bench.request(1, 2, 0, 5);
    assert_eq!(bench.answer(committed()), [response(1, 2, &[])]);
    assert_eq!(bench.transfer.halted(), None);
}

#[test]
fn blocks_beyond_the_requested_range_are_not_sent() {
    let mut bench = Bench::at(100);
    bench.request(1, 1, 4, 5);
    assert_eq!(bench.answer(blocks(&[4, 5, 6])), [response(1, 1, &[4, 5])]);
}

#[test]
fn a_channel_without_known_height_answers_with_an_empty_list() {
    let mut bench = Bench::starting(|_| {});
    assert_eq!(bench.request(1, 1, 0, 5), Some(response(1, 1, &[])));
}
