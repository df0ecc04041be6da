//! Configurations that change the reader policy or the organisations.

use super::*;
use crate::{CryptoError, CryptoJob, CryptoOutcome, Endpoint, Event};

fn refuse(bench: &mut Bench, name: &str) {
    bench.not_readers.insert(name.to_owned());
}

#[test]
fn a_peer_that_a_new_policy_does_not_admit_no_longer_takes_part() {
    for sequence in [1, 2] {
        let mut bench = Bench::joined(&["m", "a"], |_| {});
        bench.participant("m2");
        bench.participant("m3");
        bench.participant("a1");
        bench.advance(secs(1));
        refuse(&mut bench, "m2");
        refuse(&mut bench, "a1");
        assert_eq!(peers(&bench).len(), 3, "the policy alone changes nothing");
        bench.join(sequence, &["m", "a"]).unwrap();
        assert_eq!(peers(&bench), named(&[("m3", 0)]));
        bench.sent();
        bench.publish(0, good_block(0));
        assert_eq!(bench.blocks_pushed(), named(&[("m3", 0)]));
    }
}

#[test]
fn a_request_to_a_peer_that_is_no_longer_admitted_is_given_up() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.receive(link, &state_info("m2", 2, 5));
    bench.sent();
    bench.advance(secs(1));
    let asked = |bench: &mut Bench| {
        let requests = bench.sent_like(|message| {
            matches!(message.content(), Content::StateRequest(_)).then_some(())
        });
        requests.into_iter().map(|(to, ())| to).collect::<Vec<_>>()
    };
    assert_eq!(asked(&mut bench), ["m2"]);
    bench.participant("m3");
    refuse(&mut bench, "m2");
    bench.join(2, &["m"]).unwrap();
    let link = bench.connect("m3");
    bench.receive(link, &state_info("m3", 2, 5));
    bench.advance(secs(1));
    assert_eq!(asked(&mut bench), ["m3"], "another peer is asked at once");
}

#[test]
fn a_peer_whose_newer_state_info_is_not_admitted_no_longer_takes_part() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    refuse(&mut bench, "m2");
    bench.receive(link, &state_info("m2", 2, 7));
    assert_eq!(peers(&bench), []);
    bench.receive(link, &state_info("m2", 1, 0));
    assert_eq!(peers(&bench), [], "nor does the older one readmit it");
    bench.not_readers.clear();
    bench.receive(link, &state_info("m2", 3, 7));
    assert_eq!(peers(&bench), named(&[("m2", 7)]));
}

/// Answers a check with the verdict of another policy.
fn answer_with(bench: &mut Bench, outcome: Result<(), CryptoError>) {
    let (ticket, job) = bench.jobs.pop_front().expect("a check is outstanding");
    assert!(matches!(job, CryptoJob::Verify { .. }));
    let outcome = CryptoOutcome::Verified(outcome);
    bench.event(Event::CryptoDone { ticket, outcome });
}

#[test]
fn a_verdict_under_an_older_configuration_does_not_count() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.hold_checks = true;
    bench.join(2, &["m"]).unwrap();
    bench.join(3, &["m"]).unwrap();
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    assert_eq!(
        peers(&bench),
        named(&[("m2", 0)]),
        "the verdict is of revision 2"
    );
    answer_with(&mut bench, Ok(()));
    assert_eq!(bench.jobs.len(), 0);
    bench.join(4, &["m"]).unwrap();
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    assert_eq!(peers(&bench), []);
}

#[test]
fn a_state_info_admitted_under_an_older_configuration_is_checked_under_the_newer_one() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("m2");
    bench.hold_checks = true;
    bench.receive(link, &state_info("m2", 1, 3));
    bench.join(2, &["m"]).unwrap();
    answer_with(&mut bench, Ok(()));
    assert_eq!(peers(&bench), []);
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    assert_eq!((peers(&bench).len(), bench.jobs.len()), (0, 0));
    bench.receive(link, &state_info("m2", 2, 3));
    bench.join(3, &["m"]).unwrap();
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    bench.receive(link, &state_info("m2", 2, 3));
    answer_with(&mut bench, Ok(()));
    assert_eq!(peers(&bench), named(&[("m2", 3)]));
}

#[test]
fn a_verdict_from_before_a_rejoin_does_not_count() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.advance(secs(1));
    bench.hold_checks = true;
    bench.join(2, &["m"]).unwrap();
    leave(&mut bench).unwrap();
    bench.advance(secs(1));
    assert!(bench.node.channels().is_empty());
    bench.join(2, &["m"]).unwrap();
    bench.hold_checks = false;
    bench.receive(link, &state_info("m2", 1, 0));
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
}

#[test]
fn a_participant_whose_check_was_shed_stays_and_is_checked_later() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.hold_checks = true;
    bench.join(2, &["m"]).unwrap();
    answer_with(&mut bench, Err(CryptoError::Overloaded));
    assert_eq!(bench.jobs.len(), 0, "no check yet");
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
    bench.advance(secs(10));
    answer_with(&mut bench, Err(CryptoError::NotAdmitted));
    assert_eq!(peers(&bench), []);
}

#[test]
fn the_participants_of_a_large_channel_are_checked_a_few_at_a_time() {
    let mut bench = Bench::joined(&["m"], |_| {});
    for number in 0..100 {
        bench.participant(&format!("m{number:02}x"));
    }
    bench.hold_checks = true;
    bench.join(2, &["m"]).unwrap();
    assert_eq!(bench.jobs.len(), 32);
    bench.join(3, &["m"]).unwrap();
    assert_eq!(
        bench.jobs.len(),
        32,
        "regardless of the number of configurations"
    );
    let checked = bench.checked;
    bench.answer_all();
    assert_eq!(bench.checked - checked, 100);
    assert_eq!(peers(&bench).len(), 100);
}

#[test]
fn an_organisation_can_be_added_removed_and_added_again() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.member("a1");
    bench.receive(link, &state_info("a1", 1, 2));
    assert_eq!(peers(&bench), []);
    bench.join(2, &["m", "a"]).unwrap();
    bench.receive(link, &state_info("a1", 1, 2));
    assert_eq!(peers(&bench), named(&[("a1", 2)]));
    bench.join(3, &["m"]).unwrap();
    assert_eq!(peers(&bench), []);
    bench.join(4, &["m", "a"]).unwrap();
    bench.receive(link, &state_info("a1", 1, 2));
    assert_eq!(peers(&bench), named(&[("a1", 2)]));
}

#[test]
fn a_configuration_without_any_organisation_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.join(1, &[]), Err(RequestError::NoMembers));
    assert!(bench.node.channels().is_empty());
    bench.join(1, &["m"]).unwrap();
    bench.participant("m2");
    assert_eq!(bench.join(9, &[]), Err(RequestError::NoMembers));
    bench.advance(secs(1));
    assert_eq!(peers(&bench), named(&[("m2", 0)]));
    assert_eq!(bench.join(2, &["m"]), Ok(Response::Joined { height: 0 }));
}

fn join_with_anchor(bench: &mut Bench, sequence: u64, orgs: &[&str], anchor: &str) -> bool {
    let org = |org: &&str| (OrgId::new(org.as_bytes()), vec![Endpoint::new(anchor)]);
    let config = JoinChannel {
        sequence,
        members: orgs.iter().map(org).collect(),
    };
    let channel = main_channel();
    bench.dials.clear();
    let joined = bench.ask(Request::JoinChannel { channel, config });
    bench.advance(secs(60));
    let dialled = bench.dials.iter().any(|(_, to)| to.as_str() == anchor);
    assert!(joined.is_ok() || !dialled, "{joined:?}");
    dialled
}

#[test]
fn anchors_of_a_configuration_that_is_refused_are_not_contacted() {
    let mut bench = Bench::new();
    assert!(!join_with_anchor(&mut bench, 5, &["a"], "elsewhere:1"));
    assert!(join_with_anchor(&mut bench, 5, &["m"], "anchor:1"));
    assert!(!join_with_anchor(&mut bench, 4, &["m"], "older:1"));
    assert!(!join_with_anchor(&mut bench, 5, &["a"], "others:1"));
    assert!(join_with_anchor(&mut bench, 5, &["m"], "same:1"));
    assert!(join_with_anchor(&mut bench, 6, &["m"], "newer:1"));
}

#[test]
fn a_peer_that_leaves_and_rejoins_takes_part_as_before() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.participant("m2");
    bench.advance(secs(1));
    leave(&mut bench).unwrap();
    bench.advance(secs(1));
    let left_at = own_infos(&mut bench);
    assert!(left_at.last().unwrap().1.left_channel);
    bench.receive(link, &pushed(0, good_block(0)));
    bench.receive(link, &state_info("m2", 2, 1));
    assert_eq!((bench.commits.len(), bench.node.channels().len()), (0, 0));
    bench.join(1, &["m"]).unwrap();
    bench.receive(link, &state_info("m2", 2, 1));
    bench.receive(link, &pushed(0, good_block(0)));
    bench.advance(secs(1));
    assert_eq!(peers(&bench), named(&[("m2", 1)]));
    assert_eq!(bench.commits.len(), 1);
    let told = own_infos(&mut bench);
    assert!(!told.last().unwrap().1.left_channel);
}
