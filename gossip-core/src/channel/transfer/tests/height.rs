//! External commits: the application stores blocks itself.

use super::*;
use crate::Response;

fn update(bench: &mut Bench, id: u64, height: u64) {
    bench.call(|transfer, cx| transfer.commit.update_height(cx, RequestId(id), height));
}

fn read(id: u64, height: u64) -> Emitted {
    Emitted::Reply(id, Ok(Response::LedgerHeight { height }))
}

#[test]
fn commits_continue_from_the_height_after_an_external_commit() {
    let mut bench = Bench::at(1);
    bench.push(30);
    bench.out();
    update(&mut bench, 7, 30);
    assert_eq!(bench.out(), [Emitted::Height]);
    let effects = bench.answer(LedgerOutcome::Height(Ok(30)));
    assert_eq!(effects, [Effect::HeightChanged(30)]);
    assert_eq!(
        bench.out(),
        [read(7, 30), Emitted::Commit(30)],
        "the block that waited is next"
    );
    assert_eq!(bench.transfer.height(), 30);
}

#[test]
fn a_lower_height_is_refused_without_reading() {
    let mut bench = Bench::at(5);
    update(&mut bench, 7, 4);
    let error = RequestError::LowerHeight {
        given: 4,
        current: 5,
    };
    assert_eq!(bench.out(), [Emitted::Reply(7, Err(error))]);
    update(&mut bench, 8, 5);
    bench.answer(LedgerOutcome::Height(Ok(5)));
    assert_eq!(bench.out(), [read(8, 5)], "an equal height changes nothing");
}

#[test]
fn a_height_update_waits_for_the_commit_under_way() {
    let mut bench = Bench::at(1);
    bench.push(1);
    assert_eq!(bench.out(), [Emitted::Commit(1)]);
    update(&mut bench, 7, 9);
    update(&mut bench, 8, 9);
    assert_eq!(bench.out(), [Emitted::Reply(8, Err(RequestError::Busy))]);
    bench.push(2);
    assert_eq!(bench.answer(committed()), [Effect::HeightChanged(2)]);
    let out = bench.out();
    assert_eq!(out.last(), Some(&Emitted::Height));
    assert!(
        !out.contains(&Emitted::Commit(2)),
        "no commit starts in the meantime"
    );
    bench.answer(LedgerOutcome::Height(Ok(9)));
    assert_eq!(bench.out(), [read(7, 9)]);
}

#[test]
fn a_commit_refused_because_of_an_external_commit_is_recovered_from() {
    let mut bench = Bench::at(1);
    bench.push(1);
    update(&mut bench, 7, 9);
    bench.answer(not_next());
    assert_eq!(
        bench.answer(LedgerOutcome::Height(Ok(9))),
        [Effect::HeightChanged(9)]
    );
    bench.answer(LedgerOutcome::Height(Ok(9)));
    assert_eq!(bench.out(), [read(7, 9)]);
    assert_eq!(bench.transfer.halted(), None);
}

#[test]
fn the_height_of_the_ledger_counts_if_it_is_lower_than_reported() {
    let mut bench = Bench::at(1);
    update(&mut bench, 7, 9);
    bench.answer(LedgerOutcome::Height(Ok(4)));
    let error = RequestError::LedgerBehind {
        given: 9,
        actual: 4,
    };
    assert_eq!(bench.out(), [Emitted::Reply(7, Err(error))]);
    assert_eq!(bench.transfer.height(), 4);
}

#[test]
fn a_failed_read_after_an_external_commit_does_not_halt_the_channel() {
    let mut bench = Bench::at(1);
    update(&mut bench, 7, 9);
    let error = LedgerError::Storage("disk full".to_owned());
    bench.answer(LedgerOutcome::Height(Err(error.clone())));
    assert_eq!(
        bench.out(),
        [Emitted::Reply(7, Err(RequestError::Ledger(error)))]
    );
    bench.push(1);
    assert_eq!(bench.out(), [Emitted::Commit(1)]);
}

#[test]
fn a_publication_has_a_place_once_the_window_has_moved() {
    let mut bench = Bench::at(0);
    assert!(bench.publish(1, 60).is_empty());
    update(&mut bench, 7, 55);
    bench.answer(LedgerOutcome::Height(Ok(55)));
    assert_eq!(bench.publish(2, 50), [known(2)]);
    assert_eq!(bench.publish(3, 60), [published(3, 60)]);
}

#[test]
fn a_halt_answers_a_waiting_height_update() {
    let mut bench = Bench::at(1);
    bench.push(1);
    update(&mut bench, 7, 9);
    bench.answer(storage());
    let halted = RequestError::Halted {
        channel: channel(),
        reason: "the storage failed: disk full".to_owned(),
    };
    assert!(
        bench
            .out()
            .contains(&Emitted::Reply(7, Err(halted.clone())))
    );
    update(&mut bench, 8, 9);
    assert_eq!(bench.out(), [Emitted::Reply(8, Err(halted))]);
}

#[test]
fn leaving_answers_a_waiting_height_update_and_stops_the_timer() {
    let mut bench = Bench::at(1);
    update(&mut bench, 7, 9);
    bench.claim(1, 5);
    bench.wait_gap_timeout();
    bench.out();
    let mut cx = Out {
        now: bench.now,
        config: &bench.config,
        io: &mut bench.io,
    };
    let error = RequestError::UnknownChannel(channel());
    bench.transfer.stop(&mut cx, &error);
    let Some(Command::Reply { id, result }) = bench.io.out.pop_front() else {
        panic!("no reply");
    };
    assert_eq!((id, result), (RequestId(7), Err(error)));
    assert_eq!(bench.io.timers.next(), None);
}
