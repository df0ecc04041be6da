//! Ordered commit, and recovery when the ledger refuses.

use super::*;

fn committed_note(seq: u64) -> Emitted {
    Emitted::Notify(Notification::Committed {
        channel: channel(),
        seq,
        origin: BlockOrigin::Push,
    })
}

#[test]
fn no_block_is_wanted_before_the_height_is_known() {
    let mut bench = Bench::starting(|_| {});
    assert_eq!(bench.want(0), Want::Beyond);
    assert!(bench.push(0).is_empty());
    assert_eq!(bench.out(), [Emitted::Height]);
    assert_eq!((bench.transfer.height(), bench.transfer.buffered()), (0, 0));
}

#[test]
fn an_empty_ledger_starts_with_number_zero() {
    let mut bench = Bench::at(0);
    assert_eq!(bench.push(0), [accepted(0, BlockOrigin::Push)]);
    assert_eq!(bench.out(), [Emitted::Commit(0)]);
    assert_eq!(bench.answer(committed()), [Effect::HeightChanged(1)]);
}

#[test]
fn an_unreadable_ledger_fails_the_join() {
    let mut bench = Bench::starting(|_| {});
    let error = LedgerError::UnknownChannel(channel());
    let effects = bench.answer(LedgerOutcome::Height(Err(error.clone())));
    assert_eq!(effects, [Effect::Failed { error }]);
    assert!(bench.push(0).is_empty());
    assert_eq!(bench.out(), []);
}

#[test]
fn one_block_at_a_time_is_committed_in_order() {
    let mut bench = Bench::at(1);
    bench.push(2);
    bench.push(3);
    assert_eq!(bench.out(), []);
    bench.push(1);
    assert_eq!(bench.out(), [Emitted::Commit(1)]);
    bench.push(4);
    assert_eq!(bench.out(), []);
    assert_eq!(bench.answer(committed()), [Effect::HeightChanged(2)]);
    assert_eq!(bench.out(), [committed_note(1), Emitted::Commit(2)]);
    assert_eq!((bench.transfer.height(), bench.transfer.buffered()), (2, 3));
    bench.commit_all();
    assert_eq!((bench.transfer.height(), bench.transfer.buffered()), (5, 0));
    assert_eq!(bench.io.metrics.blocks_committed, 4);
    assert_eq!(bench.io.metrics.blocks_pushed, 4);
}

#[test]
fn the_block_being_committed_is_known() {
    let mut bench = Bench::at(1);
    bench.push(1);
    assert_eq!(bench.want(1), Want::Known);
    assert!(bench.push(1).is_empty());
    bench.commit_all();
    assert_eq!(bench.want(1), Want::Known);
    assert_eq!(bench.io.metrics.blocks_duplicate, 3);
}

#[test]
fn blocks_after_a_gap_are_kept_within_the_window_and_committed_once_it_is_filled() {
    let mut bench = Bench::at(1);
    for seq in (1..=4).chain(10..=20) {
        assert_eq!(bench.push(seq), [accepted(seq, BlockOrigin::Push)]);
    }
    bench.commit_all();
    assert_eq!(
        (bench.transfer.height(), bench.transfer.buffered()),
        (5, 11)
    );
    for seq in 45..=200 {
        assert_eq!(bench.want(seq), Want::Beyond);
        assert!(bench.push(seq).is_empty());
    }
    assert_eq!(bench.transfer.buffered(), 11);
    assert_eq!(bench.io.metrics.blocks_beyond_window, 2 * 156);
    for seq in 5..=9 {
        bench.push(seq);
    }
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 21);
}

#[test]
fn late_copies_of_committed_blocks_change_nothing() {
    let mut bench = Bench::at(5);
    assert!(bench.push(4).is_empty());
    assert!(bench.push(0).is_empty());
    assert_eq!(bench.out(), []);
    assert_eq!(bench.io.metrics.blocks_beyond_window, 0);
}

#[test]
fn a_refused_block_can_be_replaced_by_another_copy() {
    let mut bench = Bench::at(1);
    bench.push(1);
    bench.push(2);
    assert!(bench.answer(not_next()).is_empty());
    assert_eq!(bench.out(), [Emitted::Height]);
    assert!(bench.answer(LedgerOutcome::Height(Ok(1))).is_empty());
    let refused = Notification::BlockRefused {
        channel: channel(),
        seq: 1,
        reason: "the block does not follow the last one: other hash".to_owned(),
    };
    assert_eq!(bench.out(), [Emitted::Notify(refused)]);
    assert_eq!((bench.transfer.height(), bench.want(1)), (1, Want::Yes));
    bench.push(1);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 3);
}

#[test]
fn a_ledger_that_is_ahead_is_followed() {
    let mut bench = Bench::at(1);
    for seq in 1..=6 {
        bench.push(seq);
    }
    bench.answer(not_next());
    let effects = bench.answer(LedgerOutcome::Height(Ok(4)));
    assert_eq!(effects, [Effect::HeightChanged(4)]);
    assert_eq!(bench.out(), [Emitted::Commit(4)]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 7);
}

#[test]
fn a_ledger_that_lost_blocks_is_followed() {
    let mut bench = Bench::at(10);
    bench.push(10);
    bench.answer(not_next());
    let effects = bench.answer(LedgerOutcome::Height(Ok(8)));
    assert_eq!(effects, [Effect::HeightChanged(8)]);
    assert_eq!(bench.out(), []);
    bench.push(8);
    bench.push(9);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 11);
}

#[test]
fn repeated_refusals_of_the_ledger_halt_the_channel() {
    let mut bench = Bench::at(1);
    for _ in 0..3 {
        bench.push(1);
        bench.answer(not_next());
        bench.answer(LedgerOutcome::Height(Ok(1)));
        assert_eq!(bench.transfer.halted(), None);
    }
    bench.push(1);
    bench.answer(not_next());
    let reason = "the block does not follow the last one: other hash";
    assert_eq!(bench.transfer.halted(), Some(reason));
}

#[test]
fn a_successful_commit_resets_the_count_of_refusals() {
    let mut bench = Bench::at(0);
    for seq in 0..10 {
        bench.push(seq);
        bench.answer(not_next());
        bench.answer(LedgerOutcome::Height(Ok(seq)));
        bench.push(seq);
        bench.commit_all();
    }
    assert_eq!(bench.transfer.height(), 10);
}

#[test]
fn a_failing_ledger_halts_commits_only() {
    let mut bench = Bench::at(1);
    bench.push(1);
    bench.claim(1, 50);
    assert!(bench.answer(storage()).is_empty());
    let reason = "the storage failed: disk full".to_owned();
    let halted = RequestError::Halted {
        channel: channel(),
        reason: reason.clone(),
    };
    let note = Notification::ChannelHalted {
        channel: channel(),
        reason: reason.clone(),
    };
    assert_eq!(bench.out(), [Emitted::Notify(note)]);
    assert_eq!(bench.transfer.halted(), Some(reason.as_str()));
    assert_eq!(bench.transfer.buffered(), 0);

    assert!(bench.push(1).is_empty());
    assert_eq!(bench.want(1), Want::Beyond);
    assert!(bench.publish(8, 1).is_empty());
    assert_eq!(bench.out(), [Emitted::Reply(8, Err(halted))]);
    assert!(bench.claim(2, 50).is_empty());
    assert!(bench.wait(Duration::from_secs(600)).is_empty());
    assert_eq!(bench.io.timers.next(), None);

    let request = StateRequest { start: 0, end: 0 };
    let effect = bench.call(|transfer, cx| transfer.on_request(cx, &peer(3), LINK, 9, request));
    assert_eq!((effect, bench.out()), (None, vec![Emitted::Read(0, 0)]));
    let effects = bench.answer(LedgerOutcome::Blocks(Ok(vec![data(0)])));
    assert_eq!(
        effects,
        [Effect::Respond {
            link: LINK,
            nonce: 9,
            payloads: vec![payload(0)],
        }]
    );
}

#[test]
fn an_unreadable_height_after_a_refusal_halts_the_channel() {
    let mut bench = Bench::at(1);
    bench.push(1);
    bench.answer(not_next());
    let error = LedgerError::Storage("gone".to_owned());
    bench.answer(LedgerOutcome::Height(Err(error)));
    assert_eq!(bench.transfer.halted(), Some("the storage failed: gone"));
}

#[test]
fn an_answer_of_the_wrong_kind_halts_instead_of_panicking() {
    for outcome in [
        LedgerOutcome::Height(Ok(3)),
        LedgerOutcome::Blocks(Ok(vec![])),
    ] {
        let mut bench = Bench::at(1);
        bench.push(1);
        bench.answer(outcome);
        assert!(bench.transfer.halted().is_some());
    }
    let mut bench = Bench::starting(|_| {});
    let effects = bench.answer(committed());
    assert!(matches!(effects.as_slice(), [Effect::Failed { .. }]));
}
