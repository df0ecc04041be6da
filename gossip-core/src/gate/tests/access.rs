//! Which peers may request a channel's state infos and blocks.

use super::*;
use crate::{CloseReason, CryptoError, CryptoOutcome, Event};

fn served(bench: &mut Bench) -> Vec<(String, Vec<u64>)> {
    bench.sent_like(|message| match message.content() {
        Content::StateResponse(payloads) => {
            Some(payloads.iter().map(|payload| payload.seq_num).collect())
        }
        _ => None,
    })
}

#[test]
fn access_is_checked_once_per_link_and_configuration() {
    let mut bench = joined();
    let link = bench.participant("m2");
    let pull = state_info_pull("m2", "main");
    let checked = bench.checked;
    for _ in 0..3 {
        bench.receive(link, &pull);
    }
    assert_eq!(
        (bench.checked - checked, snapshots(&mut bench).len()),
        (1, 3)
    );
    bench.join(2, &["m", "a"]).unwrap();
    let checked = bench.checked;
    bench.receive(link, &pull);
    bench.receive(link, &pull);
    assert_eq!(
        (bench.checked - checked, snapshots(&mut bench).len()),
        (1, 1)
    );
    let again = bench.connect("m2");
    let before = bench.checked;
    bench.receive(again, &pull);
    assert_eq!(bench.checked - before, 1);
}

#[test]
fn a_peer_that_the_policy_does_not_admit_gets_neither_state_infos_nor_blocks() {
    let mut bench = joined();
    bench.not_readers.insert("a1".to_owned());
    let (link, other) = (bench.participant("a1"), bench.participant("m2"));
    let id = bench.publish(0, good_block(0));
    assert!(matches!(bench.reply(id), Some(Ok(_))));
    bench.sent();
    for link in [link, other] {
        let name = if link == other { "m2" } else { "a1" };
        bench.receive(link, &state_info_pull(name, "main"));
        bench.receive(link, &state_request(5, 0, 0));
    }
    let sent = bench.sent();
    assert!(sent.iter().all(|(to, _)| to == "m2"));
    assert_eq!(sent.len(), 2);
    assert_eq!(bench.metrics().state_requests_refused, 2);
}

#[test]
fn requests_from_organisations_outside_the_channel_cost_no_check() {
    let mut bench = joined();
    let link = bench.member("b1");
    let (checked, before) = (bench.checked, bench.metrics().violations);
    bench.receive(link, &state_info_pull("b1", "main"));
    bench.receive(link, &state_request(5, 0, 0));
    assert_eq!(bench.checked, checked);
    assert_eq!(bench.metrics().violations, before + 2);
    assert_eq!(snapshots(&mut bench), []);
}

#[test]
fn a_pull_must_prove_the_channel_with_the_identity_of_its_link() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.receive(link, &state_info_pull("m3", "main"));
    bench.receive(link, &state_info_pull("m2", "other"));
    assert_eq!(snapshots(&mut bench), []);
    assert_eq!(bench.metrics().violations, 2);
}

#[test]
fn requests_that_await_an_access_check_are_bounded() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.hold_checks = true;
    for _ in 0..50 {
        bench.receive(link, &state_info_pull("m2", "main"));
    }
    assert_eq!(bench.jobs.len(), 1);
    bench.answer_all();
    assert!((1..=4).contains(&snapshots(&mut bench).len()));
}

#[test]
fn a_check_that_ends_after_its_link_leaves_nothing_behind() {
    let mut bench = joined();
    let link = bench.participant("m2");
    bench.hold_checks = true;
    bench.receive(link, &state_info_pull("m2", "main"));
    bench.link_down(link);
    bench.answer_all();
    assert_eq!(bench.gate().access.len(), 0);
    assert_eq!(bench.crypto().in_flight(), 0);
    assert_eq!(bench.gate().budgets.len(), 0);
}

#[test]
fn blocks_are_served_to_readers_of_other_organisations_too() {
    let mut bench = joined();
    let link = bench.participant("a1");
    let id = bench.publish(0, good_block(0));
    assert!(matches!(bench.reply(id), Some(Ok(_))));
    bench.sent();
    bench.receive(link, &state_request(5, 0, 0));
    assert_eq!(served(&mut bench), [("a1".to_owned(), vec![0])]);
    assert!(
        !bench
            .closed
            .contains(&("a1".to_owned(), CloseReason::Violation))
    );
}

#[test]
fn requests_for_state_infos_beyond_the_rate_are_dropped_and_counted() {
    let mut bench = joined();
    let (link, other) = (bench.participant("m2"), bench.participant("m3"));
    for _ in 0..100 {
        bench.receive(link, &state_info_pull("m2", "main"));
    }
    assert_eq!(snapshots(&mut bench).len(), 4);
    assert_eq!(bench.metrics().requests_limited, 96);
    bench.receive(other, &state_info_pull("m3", "main"));
    bench.advance(secs(1));
    bench.receive(link, &state_info_pull("m2", "main"));
    assert_eq!(
        snapshots(&mut bench).len(),
        2,
        "another link, and the next second"
    );
}

#[test]
fn waiting_requests_are_checked_under_a_configuration_that_came_meanwhile() {
    for admitted_before in [true, false] {
        let mut bench = joined();
        let link = bench.participant("a1");
        bench.publish(0, good_block(0));
        bench.hold_checks = true;
        bench.receive(link, &state_info_pull("a1", "main"));
        bench.receive(link, &state_request(5, 0, 0));
        let (ticket, _) = bench.jobs.pop_front().unwrap();
        bench.join(2, &["m", "a"]).unwrap();
        // The stored state infos are checked too.
        bench.answer_all();
        bench.sent();
        let verdict = match admitted_before {
            true => Ok(()),
            false => Err(CryptoError::NotAdmitted),
        };
        let outcome = CryptoOutcome::Verified(verdict);
        bench.event(Event::CryptoDone { ticket, outcome });
        assert_eq!(snapshots(&mut bench), [], "{admitted_before}");
        assert_eq!(bench.jobs.len(), 1, "one check for both requests");
        if admitted_before {
            bench.not_readers.insert("a1".to_owned());
        }
        bench.answer_all();
        let answered = usize::from(!admitted_before);
        assert_eq!(snapshots(&mut bench).len(), answered);
        let refused = bench.metrics().state_requests_refused;
        assert_eq!(refused, u64::from(admitted_before));
    }
}

#[test]
fn requests_of_an_organisation_removed_meanwhile_are_not_answered() {
    let mut bench = joined();
    let link = bench.participant("a1");
    bench.hold_checks = true;
    bench.receive(link, &state_info_pull("a1", "main"));
    bench.join(2, &["m"]).unwrap();
    bench.sent();
    bench.answer_all();
    assert_eq!(snapshots(&mut bench), []);
    assert_eq!(bench.gate().access.len(), 0);
}
