//! Publications: answers that hold the publisher back.

use std::num::NonZeroUsize;

use super::*;

#[test]
fn a_publication_with_a_place_is_answered_and_passed_on_before_it_is_committed() {
    let mut bench = Bench::at(1);
    assert_eq!(bench.publish(7, 1), [published(7, 1)]);
    assert_eq!(bench.out(), [Emitted::Commit(1)]);
    assert_eq!(bench.publish(8, 2), [published(8, 2)]);
    assert_eq!(bench.out(), []);
    assert_eq!(bench.io.metrics.blocks_published, 2);
}

#[test]
fn a_publication_that_is_known_is_answered_as_such_and_not_passed_on_again() {
    let mut bench = Bench::at(1);
    bench.push(1);
    bench.out();
    assert_eq!(bench.publish(7, 1), [known(7)]);
    assert_eq!(bench.publish(8, 0), [known(8)]);
    assert_eq!(bench.out(), []);
}

#[test]
fn publications_before_the_join_are_answered_after_it() {
    let mut bench = Bench::starting(|_| {});
    bench.publish(7, 3);
    bench.publish(8, 2);
    assert_eq!(bench.out(), [Emitted::Height]);
    let effects = bench.answer(LedgerOutcome::Height(Ok(3)));
    let ready = Effect::Ready { height: 3 };
    assert_eq!(effects, [ready, known(8), published(7, 3)]);
    assert_eq!(bench.out(), [Emitted::Commit(3)]);
}

#[test]
fn a_publication_beyond_the_window_is_answered_when_the_window_reaches_it() {
    let mut bench = Bench::at(0);
    for seq in 0..40 {
        bench.publish(seq, seq);
    }
    bench.out();
    assert!(bench.publish(40, 40).is_empty());
    assert!(bench.publish(41, 41).is_empty());
    assert_eq!(bench.out(), []);
    let effects = bench.answer(committed());
    assert_eq!(effects, [Effect::HeightChanged(1), published(40, 40)]);
    assert_eq!(bench.transfer.buffered(), 40);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 42);
}

#[test]
fn too_many_waiting_publications_are_refused() {
    let mut bench = Bench::with(0, |config| {
        config.state_transfer.max_publications = NonZeroUsize::new(2).expect("not zero");
    });
    for (id, seq) in [(1, 100), (2, 100), (3, 101)] {
        bench.publish(id, seq);
    }
    assert_eq!(bench.out(), [Emitted::Reply(3, Err(RequestError::Busy))]);
}

#[test]
fn waiting_publications_are_bounded_in_bytes_but_one_always_waits() {
    let mut bench = Bench::with(0, |config| config.state_transfer.window_bytes = 5);
    bench.publish(1, 100);
    bench.publish(2, 101);
    assert_eq!(bench.out(), [Emitted::Reply(2, Err(RequestError::Busy))]);
}

#[test]
fn a_publication_without_room_in_bytes_waits_for_commits() {
    let mut bench = Bench::with(0, |config| config.state_transfer.window_bytes = 14);
    assert_eq!(bench.publish(0, 0), [published(0, 0)]);
    assert_eq!(bench.publish(1, 1), [published(1, 1)]);
    assert!(bench.publish(2, 2).is_empty());
    let effects = bench.answer(committed());
    assert!(effects.contains(&published(2, 2)));
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 3);
}

#[test]
fn leaving_answers_publications_that_wait_and_stops_the_timer() {
    let mut bench = Bench::at(0);
    bench.publish(1, 100);
    bench.claim(1, 5);
    bench.patience();
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
    assert_eq!((id, result), (RequestId(1), Err(error)));
    assert_eq!(bench.io.timers.next(), None);
}
