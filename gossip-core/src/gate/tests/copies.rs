//! Several copies of one message, genuine and forged, while the first is being checked.

use super::*;

/// Links to six members, after their first exchanges; checks are held back.
fn six_members() -> (Bench, Vec<LinkId>) {
    let mut bench = joined();
    let links = ["m2", "m3", "m4", "m5", "m6", "m7"].map(|name| bench.participant(name));
    bench.advance(secs(2));
    bench.sent();
    bench.hold_checks = true;
    (bench, links.to_vec())
}

fn forged(sequence: u64, text: &'static str) -> SignedMessage {
    let mut beat = beat("m9", sequence);
    beat.metadata = text;
    beat.signed_by("m2")
}

#[test]
fn equal_copies_are_checked_once_and_not_pushed_back_to_their_senders() {
    let (mut bench, links) = six_members();
    for link in &links[..5] {
        bench.receive(*link, &beat("m9", 1).message());
    }
    assert_eq!(bench.jobs.len(), 1);
    bench.answer_all();
    assert_eq!(bench.liveness("m9"), Some(true));
    bench.hold_checks = false;
    bench.advance(millis(20));
    let of_m9 = bench
        .beats_pushed()
        .into_iter()
        .filter(|(_, subject)| subject == "m9");
    assert_eq!(of_m9.map(|(to, _)| to).collect::<Vec<_>>(), ["m7"]);
}

#[test]
fn forged_heartbeats_do_not_shadow_the_genuine_one() {
    let (mut bench, links) = six_members();
    let texts = ["one", "two", "three"];
    for (link, text) in links.iter().zip(texts) {
        bench.receive(*link, &forged(1, text));
        bench.receive(*link, &forged(1, "again"));
    }
    bench.receive(links[4], &beat("m9", 1).message());
    bench.answer_all();
    assert_eq!(bench.liveness("m9"), Some(true));
    assert_eq!(bench.metrics().verifications_failed, 3);
}

#[test]
fn a_heartbeat_whose_secret_was_removed_by_a_relay_counts_as_a_copy() {
    let (mut bench, links) = six_members();
    bench.receive(links[0], &beat("m9", 1).message().without_secret());
    bench.receive(links[1], &beat("m9", 1).message());
    let checked = bench.checked;
    bench.answer_all();
    assert_eq!(bench.checked, checked);
    assert_eq!(bench.liveness("m9"), Some(true));
}

#[test]
fn forged_state_infos_do_not_shadow_the_genuine_one() {
    let (mut bench, links) = six_members();
    for (link, height) in links.iter().zip([7, 8, 9]) {
        bench.receive(*link, &state_info_by("m2", "m7", 2, height));
    }
    bench.receive(links[4], &state_info("m7", 2, 5));
    bench.receive(links[5], &state_info("m7", 2, 5));
    assert_eq!(bench.jobs.len(), 1);
    bench.answer_all();
    assert!(heights(&bench).contains(&("m7".to_owned(), 5)));
    assert_eq!(bench.metrics().verifications_failed, 3);
}

#[test]
fn a_forged_block_does_not_shadow_the_genuine_one() {
    let (mut bench, links) = six_members();
    for link in &links[..3] {
        bench.receive(*link, &pushed(0, format!("bad of {link}").into()));
        bench.receive(*link, &pushed(0, format!("worse of {link}").into()));
    }
    bench.receive(links[4], &pushed(0, good_block(0)));
    bench.answer_all();
    assert_eq!(bench.commits, [(main_channel(), 0)]);
    assert!(bench.metrics().blocks_bad >= 3);
}

#[test]
fn equal_bad_blocks_share_their_verdict() {
    let (mut bench, links) = six_members();
    for link in &links[..4] {
        bench.receive(*link, &pushed(0, "bad".into()));
    }
    let checked = bench.checked;
    bench.answer_all();
    assert_eq!(bench.checked, checked);
    assert!(bench.commits.is_empty());
}

#[test]
fn a_block_that_is_pushed_and_published_is_checked_once() {
    let (mut bench, links) = six_members();
    let checked = bench.checked;
    for link in &links[..3] {
        bench.receive(*link, &pushed(0, good_block(0)));
    }
    let id = bench.publish(0, good_block(0));
    bench.answer_all();
    assert_eq!(bench.was_fresh(id), Some(false));
    assert_eq!(bench.checked, checked + 1);
    assert_eq!(bench.commits.len(), 1);
    let receivers: Vec<_> = bench
        .blocks_pushed()
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(receivers, ["m5", "m6", "m7"], "known holders are left out");
}
