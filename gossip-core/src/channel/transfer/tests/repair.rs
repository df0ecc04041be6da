//! How gaps are detected and filled.

use super::*;

const TIMEOUT: Duration = Duration::from_secs(3);

fn gap(next: u64) -> Emitted {
    Emitted::Notify(Notification::GapDetected {
        channel: channel(),
        next,
    })
}

#[test]
fn blocks_that_arrive_out_of_order_are_not_requested() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    for seq in [1, 0, 3, 2, 5, 4, 7, 6, 9, 8] {
        assert!(bench.wait(Duration::from_millis(9)).is_empty());
        bench.push(seq);
    }
    assert!(bench.wait(Duration::from_secs(60)).is_empty());
    assert_eq!(bench.io.metrics.state_requests_sent, 0);
    assert_eq!(bench.io.timers.next(), None);
}

#[test]
fn an_overdue_number_is_requested_and_the_application_notified_once() {
    let mut bench = Bench::at(3);
    bench.claim(1, 6);
    bench.push(4);
    assert!(bench.wait(Duration::from_millis(19)).is_empty());
    assert_eq!(bench.out(), []);
    let asked = bench.wait(Duration::from_millis(1));
    assert_eq!(bench.out(), [gap(3)]);
    assert_eq!(ranges(&asked), [(3, 3)], "one request to the only peer");
    assert_eq!(asked[0].peer, peer(1));
    let more = bench.deliver(&asked[0], &[3]);
    assert_eq!(ranges(&more), [(5, 5)], "the rest is requested at once");
    bench.deliver(&more[0], &[5]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 6);
    bench.wait(Duration::from_secs(600));
    assert_eq!(bench.io.metrics.state_requests_sent, 2);
    assert_eq!(bench.io.metrics.blocks_transferred, 2);
}

#[test]
fn a_gap_that_no_peer_can_fill_is_reported_and_requested_when_a_peer_claims_it() {
    let mut bench = Bench::at(0);
    bench.push(5);
    assert!(bench.wait(Duration::from_secs(600)).is_empty());
    assert_eq!(bench.out(), [gap(0)]);
    let asked = bench.claim(1, 6);
    assert_eq!(ranges(&asked), [(0, 4)]);
}

#[test]
fn only_peers_that_claim_the_block_are_asked() {
    let mut bench = Bench::at(5);
    for (name, height) in [(1, 5), (2, 0), (3, 10)] {
        bench.claim(name, height);
    }
    let ask = bench.one_ask();
    assert_eq!((ask.peer, ask.start, ask.end), (peer(3), 5, 9));
}

#[test]
fn a_request_stays_within_the_batch_and_the_claimed_height() {
    let mut bench = Bench::at(1);
    bench.claim(1, 500);
    let ask = bench.one_ask();
    assert_eq!((ask.start, ask.end), (1, 10));
    let mut bench = Bench::at(1);
    bench.claim(1, 4);
    let ask = bench.one_ask();
    assert_eq!((ask.start, ask.end), (1, 3));
}

#[test]
fn held_blocks_are_not_requested_again() {
    let mut bench = Bench::at(0);
    for name in 1..=4 {
        bench.claim(name, 20);
    }
    for seq in [2, 3, 7] {
        bench.push(seq);
    }
    let asked = bench.wait_gap_timeout();
    assert_eq!(ranges(&asked), [(0, 1), (4, 6), (8, 17), (18, 19)]);
}

#[test]
fn several_peers_are_asked_for_different_ranges_in_parallel() {
    let mut bench = Bench::at(0);
    for name in 1..=9 {
        bench.claim(name, 500);
    }
    let asked = bench.wait_gap_timeout();
    assert_eq!(ranges(&asked), [(0, 9), (10, 19), (20, 29), (30, 39)]);
    let mut peers: Vec<_> = asked.iter().map(|ask| ask.peer.clone()).collect();
    peers.sort();
    peers.dedup();
    assert_eq!(peers.len(), 4);
    let mut nonces: Vec<_> = asked.iter().map(|ask| ask.nonce).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), 4);
}

#[test]
fn a_connected_peer_is_preferred() {
    for near in 1..=5 {
        let mut bench = Bench::at(0);
        for name in 1..=5 {
            bench.call(|transfer, cx| transfer.on_claim(cx, &peer(name), 5, false));
        }
        bench.transfer.on_connected(&peer(near));
        assert_eq!(bench.one_ask().peer, peer(near));
    }
    let mut bench = Bench::at(0);
    bench.call(|transfer, cx| transfer.on_claim(cx, &peer(1), 5, false));
    assert_eq!(bench.one_ask().peer, peer(1), "better than no peer");
}

#[test]
fn a_request_does_not_exceed_the_claimed_height() {
    let mut bench = Bench::at(0);
    bench.claim(1, 500);
    bench.wait_gap_timeout();
    assert_eq!(ranges(&bench.claim(2, 15)), [(10, 14)]);
    assert_eq!(ranges(&bench.claim(3, 12)), []);
}

#[test]
fn a_lowered_claim_replaces_the_earlier_one() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    bench.claim(1, 0);
    assert!(bench.wait(Duration::from_secs(60)).is_empty());
    assert_eq!(bench.out(), []);
}

#[test]
fn the_rest_of_a_short_answer_is_requested_from_another_peer_at_once() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let mut ask = bench.one_ask();
    bench.claim(2, 10);
    for seq in 0..9 {
        let rest = bench.deliver(&ask, &[seq]);
        assert_eq!(ranges(&rest), [(seq + 1, 9)]);
        assert_ne!(rest[0].peer, ask.peer);
        ask = rest[0].clone();
    }
}

#[test]
fn the_same_peer_is_asked_for_the_rest_if_there_is_no_other() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    let second = bench.deliver(&first, &[0, 1, 2]);
    assert_eq!((ranges(&second), &second[0].peer), (vec![(3, 9)], &peer(1)));
}

#[test]
fn blocks_missing_within_an_answer_are_requested_from_another_peer() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    bench.claim(2, 10);
    let second = bench.deliver(&first, &[0, 1, 5, 6, 7, 8, 9]);
    assert_eq!((ranges(&second), &second[0].peer), (vec![(2, 4)], &peer(2)));
    bench.deliver(&second[0], &[2, 3, 4]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 10);
}

#[test]
fn another_peer_is_asked_at_once_after_an_empty_answer() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    bench.claim(2, 10);
    let second = asks(&bench.respond(&first, &[]));
    assert_eq!((ranges(&second), &second[0].peer), (vec![(0, 9)], &peer(2)));
}

#[test]
fn another_peer_is_asked_when_an_answer_is_overdue() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    bench.claim(2, 10);
    assert!(bench.wait(TIMEOUT - Duration::from_millis(1)).is_empty());
    let second = bench.wait(Duration::from_millis(1));
    assert_eq!((ranges(&second), &second[0].peer), (vec![(0, 9)], &peer(2)));
    assert_ne!(second[0].nonce, first.nonce);
    assert_eq!(bench.io.metrics.state_requests_timed_out, 1);
}

#[test]
fn a_late_answer_is_still_used() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    bench.wait(TIMEOUT);
    bench.deliver(&first, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 10);
    assert_eq!(bench.io.metrics.state_responses_refused, 0);
}

#[test]
fn another_peer_is_asked_at_once_when_the_asked_one_disconnects() {
    for dead in [true, false] {
        let mut bench = Bench::at(0);
        bench.claim(1, 10);
        let first = bench.one_ask();
        bench.claim(2, 10);
        let second = asks(&bench.call(|transfer, cx| {
            if dead {
                transfer.on_peer_gone(cx, &peer(1))
            } else {
                transfer.on_disconnected(cx, &peer(1))
            }
        }));
        assert_eq!((ranges(&second), &second[0].peer), (vec![(0, 9)], &peer(2)));
        assert!(bench.respond(&first, &[0]).is_empty());
        assert_eq!(bench.io.metrics.state_responses_refused, 1);
    }
}

#[test]
fn a_peer_that_lacks_the_first_requested_block_is_not_asked_for_a_while() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let first = bench.one_ask();
    assert!(
        bench.respond(&first, &[5]).len() == 1,
        "the checks ran, without a request"
    );
    bench.admit(5, BlockOrigin::StateTransfer);
    assert!(bench.wait(Duration::from_secs(1)).is_empty());
    assert_eq!(ranges(&bench.wait(Duration::from_secs(2))), [(0, 4)]);
}

#[test]
fn a_peer_that_drops_its_link_when_asked_is_not_asked_for_a_while() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    bench.one_ask();
    let effects = bench.call(|transfer, cx| transfer.on_disconnected(cx, &peer(1)));
    assert!(effects.is_empty());
    bench.transfer.on_connected(&peer(1));
    assert!(bench.wait(Duration::from_secs(1)).is_empty());
    assert_eq!(ranges(&bench.wait(Duration::from_secs(2))), [(0, 9)]);
}

#[test]
fn requests_do_not_exceed_the_window() {
    let mut bench = Bench::at(0);
    for name in 1..=9 {
        bench.claim(name, 500);
    }
    let asked = bench.wait_gap_timeout();
    let last = asked.iter().find(|ask| ask.start == 30).cloned();
    let numbers: Vec<u64> = (30..40).collect();
    assert!(bench.deliver(&last.expect("asked"), &numbers).is_empty());
    let first = asked.iter().find(|ask| ask.start == 0).cloned();
    let numbers: Vec<u64> = (0..10).collect();
    assert!(bench.deliver(&first.expect("asked"), &numbers).is_empty());
    let mut more = Vec::new();
    for _ in 0..10 {
        more.extend(asks(&bench.answer(committed())));
    }
    assert_eq!(more.first().map(|ask| ask.start), Some(40));
}

#[test]
fn without_room_for_bytes_only_the_next_number_is_requested() {
    let mut bench = Bench::with(0, |config| {
        config.state_transfer.window_bytes = 20;
        config.state_transfer.max_response_bytes = 100;
    });
    for name in 1..=3 {
        bench.claim(name, 10);
    }
    for seq in 0..10 {
        let asked = if seq == 0 {
            bench.wait_gap_timeout()
        } else {
            asks(&bench.commit_all())
        };
        assert_eq!(ranges(&asked), [(seq, seq)]);
        assert!(bench.deliver(&asked[0], &[seq]).is_empty());
    }
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 10);
}

#[test]
fn a_late_joiner_catches_up_in_order_within_the_window() {
    let mut bench = Bench::at(1);
    for name in 1..=5 {
        bench.claim(name, 500);
    }
    let mut open: VecDeque<Ask> = bench.wait_gap_timeout().into();
    let mut bound = Bound::new("all blocks", 1_000);
    while let Some(ask) = open.pop_front() {
        bound.step(bench.transfer.height());
        let numbers: Vec<u64> = (ask.start..=ask.end).collect();
        open.extend(bench.deliver(&ask, &numbers));
        assert!(bench.transfer.buffered() <= 40);
        if open.is_empty() {
            open.extend(asks(&bench.commit_all()));
        }
    }
    assert_eq!(bench.transfer.height(), 500);
    assert_eq!(bench.io.metrics.blocks_transferred, 499);
    assert_eq!(bench.io.metrics.state_requests_timed_out, 0);
    assert_eq!(bench.wait(TIMEOUT * 4), []);
    assert_eq!(bench.io.timers.next(), None, "no deadline is left");
}

#[test]
fn a_block_dropped_after_a_refused_commit_is_fetched_from_a_peer() {
    let mut bench = Bench::at(0);
    bench.claim(1, 2);
    bench.push(0);
    bench.push(1);
    bench.answer(not_next());
    bench.answer(LedgerOutcome::Height(Ok(0)));
    let ask = bench.one_ask();
    assert_eq!((ask.start, ask.end), (0, 0));
    bench.deliver(&ask, &[0]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 2);
}

#[test]
fn a_slow_answer_is_not_requested_again_from_the_same_peer_while_it_is_under_way() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let ask = bench.one_ask();
    assert_eq!(bench.wait(TIMEOUT * 4), [], "it is late, not lost");
    assert_eq!(bench.io.metrics.state_requests_timed_out, 1);
    let all: Vec<u64> = (0..10).collect();
    bench.deliver(&ask, &all);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 10);
    assert_eq!(bench.io.metrics.state_requests_sent, 1);
}

#[test]
fn an_unreachable_peer_does_not_delay_a_request() {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    bench.claim(2, 10);
    let ask = bench.one_ask();
    bench.call(|transfer, cx| transfer.on_unsent(cx, &ask.peer));
    let now = bench.now;
    let key = bench.io.timers.pop_due(now);
    assert_eq!(
        key,
        Some(TimerKey::Channel(ChannelTimer::Transfer, channel()))
    );
    let again = asks(&bench.call(Machine::on_timer));
    assert_eq!(ranges(&again), ranges(std::slice::from_ref(&ask)));
    assert_ne!(again[0].peer, ask.peer);
}
