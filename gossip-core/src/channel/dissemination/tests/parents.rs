//! A parent that is slower than another peer is replaced by it.

use std::time::Duration;

use gossip_proto::Branch;

use super::tree::{block_receivers, branch_receivers, neighbours};
use super::*;
use crate::LinkId;

/// The parent is m2; m3 gets its blocks elsewhere.
fn with_parent_m2() -> (Bench, Vec<LinkId>) {
    let (mut bench, links) = neighbours(&["m2", "m3"]);
    bench.receive(links[0], &pushed(0, good_block(0)));
    bench.receive(links[1], &tree(0, Some(Branch::Prune)));
    bench.sent();
    (bench, links)
}

/// m3 reports this block, and m2 sends it with this delay.
fn delayed_block(bench: &mut Bench, links: &[LinkId], seq: u64, by: Duration) {
    bench.receive(links[1], &tree(seq + 1, None));
    bench.advance(by);
    bench.receive(links[0], &pushed(seq, good_block(seq)));
}

/// The same after two late blocks: m3 has been grafted as the candidate parent.
fn with_candidate_m3() -> (Bench, Vec<LinkId>) {
    let (mut bench, links) = with_parent_m2();
    delayed_block(&mut bench, &links, 1, millis(30));
    delayed_block(&mut bench, &links, 2, millis(30));
    assert_eq!(branch_receivers(&mut bench, Branch::Graft), ["m3"]);
    (bench, links)
}

#[test]
fn a_neighbour_that_had_two_late_blocks_before_the_parent_sent_them_is_grafted() {
    let (mut bench, links) = with_parent_m2();
    delayed_block(&mut bench, &links, 1, millis(20));
    assert_eq!(branch_receivers(&mut bench, Branch::Graft), [] as [&str; 0]);
    delayed_block(&mut bench, &links, 2, millis(20));
    assert_eq!(branch_receivers(&mut bench, Branch::Graft), ["m3"]);
    assert_eq!(bench.metrics().grafts_sent, 1);
    delayed_block(&mut bench, &links, 3, millis(20));
    delayed_block(&mut bench, &links, 4, millis(20));
    assert_eq!(
        branch_receivers(&mut bench, Branch::Graft),
        [] as [&str; 0],
        "it has been grafted"
    );
}

#[test]
fn a_slower_parent_is_pruned_as_soon_as_the_candidate_has_sent_a_block_first() {
    let (mut bench, links) = with_candidate_m3();
    bench.receive(links[1], &pushed(3, good_block(3)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m2"]);
    assert_eq!(bench.metrics().prunes_sent, 1);
    bench.receive(links[0], &pushed(3, good_block(3)));
    assert_eq!(
        branch_receivers(&mut bench, Branch::Prune),
        [] as [&str; 0],
        "the block was under way"
    );
    bench.publish(4, good_block(4));
    assert_eq!(block_receivers(&mut bench), ["m3"]);
}

#[test]
fn a_parent_that_is_quicker_than_the_candidate_stays() {
    let (mut bench, links) = with_candidate_m3();
    bench.receive(links[0], &pushed(3, good_block(3)));
    bench.receive(links[1], &pushed(3, good_block(3)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), ["m3"]);
    bench.publish(4, good_block(4));
    assert_eq!(block_receivers(&mut bench), ["m2"]);
}

#[test]
fn a_block_that_is_late_once_or_by_little_grafts_no_peer() {
    let (mut bench, links) = with_parent_m2();
    delayed_block(&mut bench, &links, 1, millis(30));
    for seq in 2..20 {
        delayed_block(&mut bench, &links, seq, millis(19));
    }
    assert_eq!(branch_receivers(&mut bench, Branch::Graft), [] as [&str; 0]);
}

#[test]
fn the_parent_stays_if_the_candidate_has_no_room() {
    let (mut bench, links) = with_candidate_m3();
    bench.receive(links[1], &tree(3, Some(Branch::Prune)));
    bench.sent();
    bench.receive(links[0], &pushed(3, good_block(3)));
    assert_eq!(branch_receivers(&mut bench, Branch::Prune), [] as [&str; 0]);
    delayed_block(&mut bench, &links, 4, millis(30));
    delayed_block(&mut bench, &links, 5, millis(30));
    assert_eq!(
        branch_receivers(&mut bench, Branch::Graft),
        ["m3"],
        "it may have room now"
    );
}
