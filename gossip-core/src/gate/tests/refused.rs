//! Refused identities in the messages of other peers.

use super::*;

fn revoke(bench: &mut Bench, name: &str) {
    bench.revoked.insert(name.to_owned());
}

#[test]
fn heartbeats_with_a_refused_identity_cost_no_further_check_for_a_minute() {
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
fn a_forged_heartbeat_does_not_lead_to_a_refusal_of_the_genuine_one() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m9", 1).signed_by("m2"));
    assert_eq!(bench.liveness("m9"), None);
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(
        bench.liveness("m9"),
        Some(true),
        "a bad signature is not remembered"
    );
    revoke(&mut bench, "m8");
    let mut stolen = beat("m7", 1);
    stolen.borrowed = Some("m8");
    bench.receive(link, &stolen.message());
    bench.receive(link, &beat("m7", 1).message());
    assert_eq!(bench.liveness("m7"), Some(true), "nor is a wrong pki-id");
}

#[test]
fn an_identity_that_authenticates_a_link_is_no_longer_refused() {
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
fn an_identity_refused_on_a_link_costs_no_check_in_messages_of_others() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    revoke(&mut bench, "m9");
    bench.connect("m9");
    let checked = bench.checked;
    bench.receive(link, &beat("m9", 1).message());
    assert_eq!(bench.checked, checked);
}

#[test]
fn refused_identities_are_checked_again_after_a_request_to_suspect_peers() {
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
fn remembered_refusals_are_bounded() {
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
    assert_eq!(bench.checked, checked + 1, "the oldest is forgotten");
}
