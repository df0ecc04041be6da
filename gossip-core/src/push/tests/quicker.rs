//! A feeder that is slower than others gives its place to one of them.

use std::time::Duration;

use gossip_proto::Branch;

use super::tree::{fed, neighbours, wanted};
use super::*;
use crate::LinkId;

/// Received by m2 so far; m3 gets its blocks elsewhere.
fn fed_by_m2() -> (Bench, Vec<LinkId>) {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    bench.sent();
    (bench, links)
}

/// m3 tells of this block, and m2 brings it so much later.
fn lag(bench: &mut Bench, links: &[LinkId], seq: u64, by: Duration) {
    bench.receive(links[1], &tree(seq + 1, None));
    bench.advance(by);
    bench.receive(links[0], &pushed(seq, good_block(seq)));
}

/// The same after two late blocks: m3 has been asked for the next ones.
fn challenged() -> (Bench, Vec<LinkId>) {
    let (mut bench, links) = fed_by_m2();
    lag(&mut bench, &links, 1, millis(30));
    lag(&mut bench, &links, 2, millis(30));
    assert_eq!(wanted(&mut bench, Branch::Graft), ["m3"]);
    (bench, links)
}

#[test]
fn a_neighbour_that_had_two_blocks_long_before_they_were_brought_is_asked_for_the_next_ones() {
    let (mut bench, links) = fed_by_m2();
    lag(&mut bench, &links, 1, millis(20));
    assert_eq!(wanted(&mut bench, Branch::Graft), [] as [&str; 0]);
    lag(&mut bench, &links, 2, millis(20));
    assert_eq!(wanted(&mut bench, Branch::Graft), ["m3"]);
    assert_eq!(bench.metrics().grafts_sent, 1);
    lag(&mut bench, &links, 3, millis(20));
    lag(&mut bench, &links, 4, millis(20));
    assert_eq!(
        wanted(&mut bench, Branch::Graft),
        [] as [&str; 0],
        "it has been asked"
    );
}

#[test]
fn a_slower_feeder_is_told_to_stop_as_soon_as_the_quicker_one_has_brought_a_block() {
    let (mut bench, links) = challenged();
    bench.receive(links[1], &pushed(3, good_block(3)));
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m2"]);
    assert_eq!(bench.metrics().prunes_sent, 1);
    bench.receive(links[0], &pushed(3, good_block(3)));
    assert_eq!(
        wanted(&mut bench, Branch::Prune),
        [] as [&str; 0],
        "what was on its way"
    );
    bench.publish(4, good_block(4));
    assert_eq!(fed(&mut bench), ["m3"]);
}

#[test]
fn a_feeder_that_is_quicker_after_all_stays() {
    let (mut bench, links) = challenged();
    bench.receive(links[0], &pushed(3, good_block(3)));
    bench.receive(links[1], &pushed(3, good_block(3)));
    assert_eq!(wanted(&mut bench, Branch::Prune), ["m3"]);
    bench.publish(4, good_block(4));
    assert_eq!(fed(&mut bench), ["m2"]);
}

#[test]
fn a_block_that_is_late_once_or_by_little_asks_nobody() {
    let (mut bench, links) = fed_by_m2();
    lag(&mut bench, &links, 1, millis(30));
    for seq in 2..20 {
        lag(&mut bench, &links, seq, millis(19));
    }
    assert_eq!(wanted(&mut bench, Branch::Graft), [] as [&str; 0]);
}

#[test]
fn whoever_asks_a_quicker_neighbour_that_has_no_room_keeps_its_feeder() {
    let (mut bench, links) = challenged();
    bench.receive(links[1], &tree(3, Some(Branch::Prune)));
    bench.sent();
    bench.receive(links[0], &pushed(3, good_block(3)));
    assert_eq!(wanted(&mut bench, Branch::Prune), [] as [&str; 0]);
    lag(&mut bench, &links, 4, millis(30));
    lag(&mut bench, &links, 5, millis(30));
    assert_eq!(
        wanted(&mut bench, Branch::Graft),
        ["m3"],
        "it may have room now"
    );
}
