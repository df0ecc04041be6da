//! Peers that lie, flood or do not answer.

use super::*;
use crate::channel::transfer::penalties::Penalties;

/// A channel at height 0 that has asked peer 1, which claims 10 blocks.
fn asked() -> (Bench, Ask) {
    let mut bench = Bench::at(0);
    bench.claim(1, 10);
    let ask = bench.one_ask();
    (bench, ask)
}

#[test]
fn unsolicited_answers_change_nothing() {
    let (mut bench, ask) = asked();
    bench.claim(2, 10);
    let deadline = bench.io.timers.next();
    bench.now += Duration::from_millis(100);
    let wrong = [
        Ask {
            nonce: ask.nonce ^ 1,
            ..ask.clone()
        },
        Ask {
            peer: peer(2),
            ..ask.clone()
        },
        Ask {
            peer: peer(9),
            ..ask.clone()
        },
    ];
    for wrong in &wrong {
        for _ in 0..100 {
            assert!(bench.respond(wrong, &[0, 1]).is_empty());
            assert!(bench.respond(wrong, &[]).is_empty());
        }
    }
    assert_eq!(bench.io.timers.next(), deadline);
    assert_eq!(bench.io.metrics.state_responses_refused, 600);
    assert_eq!(bench.io.metrics.state_requests_sent, 1);
    assert_eq!(to_verify(&bench.respond(&ask, &[0, 1])), [0, 1]);
}

#[test]
fn bad_private_data_in_a_payload_does_not_affect_its_block() {
    let (mut bench, ask) = asked();
    let poisoned = Payload {
        private_data: vec![Bytes::from_static(b"\xff\xff")],
        ..payload(0)
    };
    let effects =
        bench.call(|transfer, cx| transfer.on_response(cx, &ask.peer, ask.nonce, vec![poisoned]));
    assert_eq!(to_verify(&effects), [0]);
    bench.admit(0, BlockOrigin::StateTransfer);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 1);
}

#[test]
fn an_answer_counts_once() {
    let (mut bench, ask) = asked();
    assert_eq!(to_verify(&bench.respond(&ask, &[0])), [0]);
    assert!(bench.respond(&ask, &[1]).is_empty());
    assert_eq!(bench.io.metrics.state_responses_refused, 1);
}

#[test]
fn invalid_answers_are_refused_and_another_peer_is_asked_at_once() {
    for numbers in [
        &[0, 1, 10][..],
        &[u64::MAX][..],
        &[0, 0][..],
        &[1, 0][..],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9][..],
    ] {
        let (mut bench, ask) = asked();
        bench.claim(2, 10);
        let effects = bench.respond(&ask, numbers);
        assert!(to_verify(&effects).is_empty());
        let again = asks(&effects);
        assert_eq!((ranges(&again), &again[0].peer), (vec![(0, 9)], &peer(2)));
        assert_eq!(bench.io.metrics.state_responses_refused, 1);
        assert_eq!(bench.io.metrics.violations, 1);
    }
}

#[test]
fn a_block_that_does_not_verify_is_requested_from_another_peer() {
    let (mut bench, ask) = asked();
    bench.claim(2, 10);
    let effects = bench.respond(&ask, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(to_verify(&effects).len(), 10);
    assert!(asks(&effects).is_empty(), "none is asked for while checked");
    assert!(
        bench
            .call(|transfer, cx| transfer.on_bad_block(cx, &peer(2), 0))
            .is_empty()
    );
    let again = asks(&bench.call(|transfer, cx| transfer.on_bad_block(cx, &peer(1), 0)));
    assert_eq!((ranges(&again), &again[0].peer), (vec![(0, 0)], &peer(2)));
}

#[test]
fn a_block_whose_check_is_lost_is_requested_again() {
    let (mut bench, ask) = asked();
    let all: Vec<u64> = (0..10).collect();
    bench.respond(&ask, &all);
    let check = bench.config.gate.check_timeout;
    assert_eq!(bench.wait(check - Duration::from_millis(1)), []);
    let again = bench.wait(Duration::from_millis(1));
    assert_eq!(ranges(&again), [(0, 9)]);
}

#[test]
fn a_silent_peer_is_asked_less_and_less_often() {
    let (mut bench, _) = asked();
    let hour = bench.wait(Duration::from_secs(3600));
    assert!(hour.len() >= 40, "requests continue: {}", hour.len());
    assert!(
        hour.len() <= 90,
        "about one request a minute: {}",
        hour.len()
    );
}

#[test]
fn a_false_claim_costs_few_requests_and_delays_no_block() {
    let mut bench = Bench::at(0);
    bench.claim(1, u64::MAX);
    let mut asked_liar = 0;
    let mut asked_honest = 0;
    for round in 0..3600 {
        // A new block each second, of which every fourth is not pushed to us.
        let height = round + 1;
        let mut open: VecDeque<Ask> = VecDeque::new();
        open.extend(bench.claim(1, u64::MAX));
        for name in 2..=5 {
            open.extend(bench.claim(name, height));
        }
        if round % 4 != 0 {
            open.extend(asks(&bench.push(round)));
        }
        open.extend(bench.wait(Duration::from_secs(1)));
        let mut bound = Bound::new("the bench to send no further requests", 1_000);
        while let Some(ask) = open.pop_front() {
            bound.step(&ask);
            if ask.peer == peer(1) {
                asked_liar += 1;
                continue;
            }
            asked_honest += 1;
            let numbers: Vec<u64> = (ask.start..=ask.end).collect();
            open.extend(bench.deliver(&ask, &numbers));
        }
        bench.commit_all();
    }
    bench.wait(Duration::from_secs(10));
    assert!(
        bench.transfer.height() >= 3590,
        "{}",
        bench.transfer.height()
    );
    assert!(asked_liar <= 100, "the liar was asked {asked_liar} times");
    assert!(asked_honest <= 1100, "{asked_honest} requests for 900 gaps");
}

#[test]
fn a_false_claim_on_a_quiet_channel_is_reported_once() {
    let mut bench = Bench::at(5);
    bench.claim(1, u64::MAX);
    bench.wait(Duration::from_secs(3600));
    let notes = bench.out().len();
    assert_eq!(notes, 1);
}

#[test]
fn good_blocks_shorten_the_next_penalty_but_not_the_running_one() {
    let mut rng = ModuleRng::fork(&[1; 32], "x");
    let base = Duration::from_secs(2);
    let mut penalties = Penalties::default();
    let mut now = Instant::from_millis(0);
    let mut longest = Duration::ZERO;
    for _ in 0..10 {
        penalties.punish(&peer(1), now, base, &mut rng);
        let until = penalties.next_end(now, |_| true).expect("a penalty");
        longest = longest.max(until.since(now));
        penalties.reward(&peer(2), now, base);
        assert!(penalties.holds(&peer(1), now));
        now = until;
        assert!(!penalties.holds(&peer(1), now));
    }
    assert!(longest >= Duration::from_secs(45) && longest <= Duration::from_secs(60));
    penalties.punish(&peer(1), now, base, &mut rng);
    for _ in 0..10 {
        penalties.reward(&peer(1), now, base);
    }
    assert!(penalties.holds(&peer(1), now));
    now += Duration::from_secs(60);
    penalties.punish(&peer(1), now, base, &mut rng);
    let until = penalties.next_end(now, |_| true).expect("a penalty");
    assert!(until.since(now) <= Duration::from_millis(2500));
}

#[test]
fn penalties_are_bounded() {
    let mut rng = ModuleRng::fork(&[1; 32], "x");
    let mut penalties = Penalties::default();
    let name = |number: u32| PeerId::new(&number.to_be_bytes());
    for number in 0..2000 {
        let now = Instant::from_millis(u64::from(number) * 1000);
        penalties.punish(&name(number), now, Duration::from_secs(50), &mut rng);
    }
    let now = Instant::from_millis(0);
    let held = (0..2000)
        .filter(|number| penalties.holds(&name(*number), now))
        .count();
    assert_eq!(held, 1024);
    assert!(penalties.holds(&name(1999), now));
}

#[test]
fn claims_are_bounded_and_counted_when_shed() {
    let mut bench = Bench::with(0, |config| {
        config.membership.max_members = std::num::NonZeroUsize::new(2).expect("not zero");
    });
    for name in 1..=3 {
        bench.claim(name, 0);
    }
    bench.claim(2, 1);
    assert_eq!(bench.io.metrics.members_shed, 1);
    bench.call(|transfer, cx| transfer.on_peer_gone(cx, &peer(1)));
    bench.claim(3, 1);
    assert_eq!(bench.io.metrics.members_shed, 1);
}
