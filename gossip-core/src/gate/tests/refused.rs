//! Identities that were refused, in the mouths of others.

use super::*;

fn revoke(bench: &mut Bench, name: &str) {
    bench.revoked.insert(name.to_owned());
}

#[test]
fn heartbeats_with_an_identity_that_was_refused_cost_no_more_checks_for_a_minute() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(1000));
    let link = bench.member("m2");
    revoke(&mut bench, "m9");
    let checked = bench.checked;
    for sequence in 1..=100 {
        bench.receive(link, &beat("m9", sequence).message());
    }
    assert_eq!(bench.checked - checked, 1);
    assert_eq!(bench.metrics().identities_refused, 99);
    assert_eq!(bench.liveness("m9"), None);
    bench.revoked.clear();
    bench.advance(secs(59));
    bench.receive(link, &beat("m9", 101).message());
    assert_eq!(bench.liveness("m9"), None);
    bench.advance(secs(2));
    bench.receive(link, &beat("m9", 102).message());
    assert_eq!(bench.liveness("m9"), Some(true));
}

#[test]
fn a_forged_heartbeat_does_not_shadow_the_true_one() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m9", 1).signed_by("m2"));
    assert_eq!(bench.liveness("m9"), None);
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(bench.liveness("m9"), Some(true), "not for the signature");
    revoke(&mut bench, "m8");
    let mut stolen = beat("m7", 1);
    stolen.borrowed = Some("m8");
    bench.receive(link, &stolen.message());
    bench.receive(link, &beat("m7", 1).message());
    assert_eq!(bench.liveness("m7"), Some(true), "nor for the pki-id");
}

#[test]
fn who_proves_itself_on_a_link_is_refused_no_more() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    revoke(&mut bench, "m9");
    bench.receive(link, &beat("m9", 1).message());
    bench.revoked.clear();
    bench.connect("m9");
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(bench.liveness("m9"), Some(true));
}

#[test]
fn who_was_refused_on_a_link_costs_no_check_when_others_tell_of_it() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    revoke(&mut bench, "m9");
    bench.connect("m9");
    let checked = bench.checked;
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(bench.checked, checked);
}

#[test]
fn the_service_is_asked_anew_once_the_application_says_that_it_has_learnt_something() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    revoke(&mut bench, "m9");
    bench.receive(link, &beat("m9", 1).message());
    bench.revoked.clear();
    let peers = Some(Vec::new());
    bench.ask(crate::Request::SuspectPeers { peers }).unwrap();
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(bench.liveness("m9"), Some(true));
}

#[test]
fn refusals_remembered_are_bounded() {
    let mut bench = Bench::with(|config| config.identities.max_refused = 3.try_into().unwrap());
    let link = bench.member("m2");
    for number in 0..50 {
        let name = format!("m9{number}");
        revoke(&mut bench, &name);
        bench.receive(link, &beat(&name, 1).message());
        assert!(bench.gate().refused.len() <= 3);
    }
    let checked = bench.checked;
    bench.receive(link, &beat("m949", 2).message());
    assert_eq!(bench.checked, checked);
    bench.receive(link, &beat("m90", 2).message());
    assert_eq!(bench.checked, checked + 1, "the oldest are forgotten");
}
