//! The payload buffer alone.

use std::num::NonZeroUsize;

use bytes::Bytes;

use super::payload_buffer::*;
use crate::{BlockOrigin, StateTransferConfig};

fn buffer(next: u64, window: usize, window_bytes: u64) -> PayloadBuffer {
    let config = StateTransferConfig {
        window: NonZeroUsize::new(window).expect("not zero"),
        window_bytes,
        ..StateTransferConfig::default()
    };
    PayloadBuffer::new(next, &config)
}

fn block(size: usize, origin: BlockOrigin) -> Block {
    Block {
        data: Bytes::from(vec![0; size]),
        origin,
    }
}

fn pushed(size: usize) -> Block {
    block(size, BlockOrigin::Push)
}

const STORED: (Insert, u64) = (Insert::Stored, 0);

#[test]
fn a_new_buffer_waits_for_its_first_number() {
    let buffer = buffer(10, 40, 1000);
    assert_eq!(
        (buffer.next(), buffer.frontier(), buffer.len()),
        (10, 10, 0)
    );
    assert!(buffer.next_block().is_none());
}

#[test]
fn numbers_below_next_are_refused_and_next_is_taken() {
    let mut buffer = buffer(5, 40, 1000);
    assert_eq!(buffer.insert(4, pushed(1)), (Insert::Known, 0));
    assert_eq!((buffer.next(), buffer.len()), (5, 0));
    assert_eq!(buffer.insert(5, pushed(1)), STORED);
    assert_eq!((buffer.next(), buffer.len()), (5, 1));
}

#[test]
fn the_first_of_several_copies_is_kept() {
    let mut buffer = buffer(5, 40, 1000);
    assert_eq!(buffer.insert(5, pushed(1)), STORED);
    for _ in 0..10 {
        assert_eq!(buffer.insert(5, pushed(2)), (Insert::Known, 0));
    }
    assert_eq!((buffer.len(), buffer.bytes()), (1, 1));
}

#[test]
fn blocks_leave_in_order_as_they_are_committed() {
    let mut buffer = buffer(1, 40, 1000);
    for seq in [1, 2] {
        assert_eq!(buffer.insert(seq, pushed(1)), STORED);
    }
    for seq in 1..=2 {
        assert_eq!(buffer.next(), seq);
        assert_eq!(buffer.committed(), Some(BlockOrigin::Push));
    }
    assert!(buffer.next_block().is_none());
    assert_eq!(buffer.insert(4, pushed(1)), STORED);
    assert!(buffer.next_block().is_none());
    assert_eq!(buffer.insert(3, pushed(1)), STORED);
    assert!(buffer.next_block().is_some());
    assert_eq!((buffer.frontier(), buffer.end()), (5, 5));
}

#[test]
fn a_slot_whose_block_failed_can_be_filled_again() {
    let mut buffer = buffer(1, 40, 1000);
    buffer.insert(1, pushed(3));
    buffer.insert(2, pushed(4));
    buffer.discard_next();
    assert_eq!(
        (buffer.next(), buffer.frontier(), buffer.bytes()),
        (1, 1, 4)
    );
    assert_eq!(buffer.want(1), Want::Yes);
    assert_eq!(buffer.insert(1, pushed(3)), STORED);
    assert_eq!(buffer.frontier(), 3);
}

#[test]
fn the_window_ends_at_next_plus_its_size() {
    let mut buffer = buffer(5, 20, 1000);
    assert_eq!(buffer.want(24), Want::Yes);
    assert_eq!(buffer.want(25), Want::Beyond);
    assert_eq!(buffer.insert(25, pushed(1)), (Insert::Beyond, 0));
    buffer.insert(5, pushed(1));
    buffer.committed();
    assert_eq!(buffer.want(25), Want::Yes);
}

#[test]
fn numbers_at_the_end_of_the_range_do_not_wrap() {
    let mut buffer = buffer(u64::MAX - 2, 40, 1000);
    assert_eq!(buffer.want(0), Want::Known);
    assert_eq!(buffer.insert(u64::MAX, pushed(1)), (Insert::Beyond, 0));
    assert_eq!(buffer.insert(u64::MAX - 1, pushed(1)), STORED);
    assert_eq!(buffer.insert(u64::MAX - 2, pushed(1)), STORED);
    buffer.committed();
    buffer.committed();
    assert_eq!((buffer.next(), buffer.len()), (u64::MAX, 0));
    assert_eq!(buffer.want(u64::MAX), Want::Beyond);
}

#[test]
fn the_farthest_block_is_dropped_when_the_byte_bound_is_reached() {
    let mut buffer = buffer(0, 40, 100);
    for seq in [10, 20, 30] {
        assert_eq!(buffer.insert(seq, pushed(33)), STORED);
    }
    assert_eq!(buffer.insert(5, pushed(40)), (Insert::Stored, 2));
    assert_eq!((buffer.len(), buffer.bytes()), (2, 73));
    assert!(buffer.holds(5) && buffer.holds(10));
    assert_eq!(buffer.insert(11, pushed(40)), (Insert::Beyond, 0));
    assert_eq!(buffer.bytes(), 73);
}

#[test]
fn the_next_number_is_accepted_by_a_full_buffer() {
    let mut buffer = buffer(0, 40, 100);
    buffer.insert(1, block(60, BlockOrigin::Local));
    buffer.insert(2, pushed(40));
    assert_eq!(buffer.insert(0, pushed(500)), (Insert::Stored, 1));
    assert!(buffer.holds(0) && buffer.holds(1) && !buffer.holds(2));
    assert_eq!(buffer.frontier(), 2);
}

#[test]
fn a_published_block_is_not_dropped_for_another() {
    let mut buffer = buffer(0, 40, 100);
    buffer.insert(9, block(60, BlockOrigin::Local));
    buffer.insert(8, pushed(40));
    assert_eq!(buffer.insert(2, pushed(70)), (Insert::Beyond, 0));
    assert!(buffer.holds(8), "no block is dropped in vain");
    assert_eq!(buffer.insert(2, pushed(40)), (Insert::Stored, 1));
    assert!(buffer.holds(9));
}

#[test]
fn moving_the_window_drops_the_blocks_outside() {
    let mut buffer = buffer(10, 10, 100);
    for seq in 10..20 {
        buffer.insert(seq, pushed(1));
    }
    buffer.rebase(15);
    assert_eq!(
        (buffer.len(), buffer.bytes(), buffer.frontier()),
        (5, 5, 20)
    );
    buffer.rebase(8);
    assert_eq!((buffer.len(), buffer.bytes(), buffer.frontier()), (3, 3, 8));
    buffer.clear();
    assert_eq!((buffer.len(), buffer.bytes(), buffer.end()), (0, 0, 8));
}
