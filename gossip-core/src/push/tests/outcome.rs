//! The answer to the publisher, and the metrics of dropped messages.

use super::*;
use crate::DropReason;

#[test]
fn the_outcome_names_the_peers_whose_links_have_queued_the_block() {
    let mut bench = quiet(&["m2", "m3", "a1"], |_| {});
    let id = bench.publish(0, good_block(0));
    let mut push = bench.pushed(id).unwrap();
    push.sent.queued.sort_unstable();
    assert_eq!(push.sent.queued, [peer("m2"), peer("m3")]);
    assert!((push.sent.dialling.is_empty(), push.sent.dropped.is_empty()) == (true, true));
    assert_eq!((push.eligible, push.off), (2, false));
    assert_eq!(push.to_string(), "pushed to 2 of 2 peers");
    assert_eq!(
        bench.blocks_pushed().len(),
        2,
        "it was sent before the answer"
    );
    let again = bench.publish(0, good_block(0));
    let push = bench.pushed(again).unwrap();
    assert!(!push.sent.is_under_way() && push.eligible == 2);
}

#[test]
fn the_outcome_distinguishes_no_peers_from_push_turned_off() {
    let mut bench = quiet(&["a1"], |_| {});
    bench.member("m2");
    let id = bench.publish(0, good_block(0));
    let push = bench.pushed(id).unwrap();
    assert!(push.has_no_peers() && !push.off);
    assert_eq!(push.to_string(), "no peers");

    let mut bench = quiet(&["m2"], push_off);
    let id = bench.publish(0, good_block(0));
    let push = bench.pushed(id).unwrap();
    assert!(!push.has_no_peers() && push.off && !push.sent.is_under_way());
    assert_eq!(push.to_string(), "push is off, 1 peers");
}

#[test]
fn leaves_deaths_and_joins_change_the_number_of_eligible_peers() {
    let mut bench = quiet(&["m3", "m4"], |_| {});
    let lively = bench.participant("m2");
    let eligible = |bench: &mut Bench, seq| {
        let id = bench.publish(seq, good_block(seq));
        bench.pushed(id).unwrap().eligible
    };
    assert_eq!(eligible(&mut bench, 0), 3);
    let link = bench.participant("m5");
    assert_eq!(eligible(&mut bench, 1), 4);
    let left = gossip_proto::Properties {
        left_channel: true,
        ..gossip_proto::Properties::default()
    };
    bench.receive(link, &state_info_with("m5", "m5", 2, "main", left));
    assert_eq!(eligible(&mut bench, 2), 3);
    let mut sequence = 1;
    bench.until("the death of m3 and m4", secs(1), |bench| {
        sequence += 1;
        bench.receive(lively, &beat("m2", sequence).message());
        ["m3", "m4"].map(|name| bench.liveness(name)) == [Some(false); 2]
    });
    assert_eq!(eligible(&mut bench, 3), 1);
}

#[test]
fn the_outcome_names_the_peers_that_are_dialled_first() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.receive(link, &state_info("m3", 1, 0));
    let id = bench.publish(0, good_block(0));
    let push = bench.pushed(id).unwrap();
    assert_eq!(push.sent.queued, [peer("m2")]);
    assert_eq!(push.sent.dialling, [peer("m3")]);
    assert_eq!(push.to_string(), "pushed to 1 of 2 peers, 1 are dialled");
}

#[test]
fn the_outcome_names_a_peer_with_a_full_queue_and_the_drop_is_counted_once() {
    let mut bench = quiet(&["m2"], |config| {
        config.outbox.window_frames = 1.try_into().unwrap();
        config.outbox.max_push = 1.try_into().unwrap();
    });
    bench.hold_flushes = true;
    let outcomes = [0, 1, 2].map(|seq| {
        let id = bench.publish(seq, good_block(seq));
        bench.pushed(id).unwrap()
    });
    assert!(outcomes[0].sent.dropped.is_empty() && outcomes[1].sent.dropped.is_empty());
    let full = DropReason::PushQueueFull;
    assert_eq!(outcomes[2].sent.dropped, [(peer("m2"), full)]);
    assert!(!outcomes[2].sent.is_under_way());
    let text = format!(
        "pushed to 0 of 1 peers, not to {} (push_queue_full)",
        peer("m2")
    );
    assert_eq!(outcomes[2].to_string(), text);
    assert_eq!(bench.metrics().dropped, [(full, 1)].into());
    assert_eq!(bench.metrics().push_shed, 1);
}

#[test]
fn frames_dropped_after_a_failed_dial_are_counted_by_reason() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.receive(link, &state_info("m3", 1, 0));
    bench.publish(0, good_block(0));
    bench.fail_dial();
    let dropped = bench.metrics().dropped.clone();
    assert!(dropped[&DropReason::DialFailed] >= 1, "{dropped:?}");
    assert_eq!(bench.metrics().waiting_shed, dropped.values().sum::<u64>());
}

#[test]
fn each_drop_reason_has_its_own_label() {
    let labels: BTreeSet<_> = DropReason::ALL.map(DropReason::label).into();
    assert_eq!(labels.len(), DropReason::ALL.len());
}
