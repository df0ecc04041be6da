//! Publications: `Busy` is back-pressure for the publisher.

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
fn a_known_publication_is_answered_as_known_and_not_passed_on_again() {
    let mut bench = Bench::at(1);
    bench.push(1);
    bench.out();
    assert_eq!(bench.publish(7, 1), [known(7)]);
    assert_eq!(bench.publish(8, 0), [known(8)]);
    assert_eq!(bench.out(), []);
}

#[test]
fn a_publication_before_the_join_is_refused_as_busy() {
    let mut bench = Bench::starting(|_| {});
    bench.out();
    assert!(bench.publish(7, 0).is_empty());
    assert_eq!(bench.out(), [busy(7)]);
}

#[test]
fn a_publication_beyond_the_window_is_refused_until_the_window_reaches_it() {
    let mut bench = Bench::at(0);
    for seq in 0..40 {
        bench.publish(seq, seq);
    }
    bench.out();
    assert!(bench.publish(40, 40).is_empty());
    assert_eq!(bench.out(), [busy(40)]);
    assert_eq!(bench.answer(committed()), [Effect::HeightChanged(1)]);
    assert_eq!(bench.publish(41, 40), [published(41, 40)]);
    assert_eq!(bench.transfer.buffered(), 40);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 41);
}

#[test]
fn a_publication_without_room_in_bytes_is_refused_until_blocks_are_committed() {
    let mut bench = Bench::with(0, |config| config.state_transfer.window_bytes = 14);
    assert_eq!(bench.publish(0, 0), [published(0, 0)]);
    assert_eq!(bench.publish(1, 1), [published(1, 1)]);
    bench.out();
    assert!(bench.publish(2, 2).is_empty());
    assert_eq!(bench.out(), [busy(2)]);
    bench.answer(committed());
    assert_eq!(bench.publish(3, 2), [published(3, 2)]);
    bench.commit_all();
    assert_eq!(bench.transfer.height(), 3);
}

#[test]
fn the_next_publication_has_room_however_many_bytes_are_held() {
    let mut bench = Bench::with(0, |config| config.state_transfer.window_bytes = 1);
    assert!(bench.publish(1, 1).is_empty());
    assert_eq!(bench.out(), [busy(1)]);
    assert_eq!(bench.publish(2, 0), [published(2, 0)]);
}

#[test]
fn a_publication_displaces_farther_blocks_of_peers_but_no_published_ones() {
    let mut bench = Bench::with(0, |config| config.state_transfer.window_bytes = 14);
    bench.push(5);
    bench.push(6);
    assert_eq!(bench.publish(1, 4), [published(1, 4)]);
    assert_eq!(bench.publish(2, 3), [published(2, 3)]);
    assert!(bench.publish(3, 2).is_empty());
    assert_eq!(bench.out(), [busy(3)]);
}

fn busy(id: u64) -> Emitted {
    Emitted::Reply(id, Err(RequestError::Busy))
}
