//! Tests of suspected identities, from outside a node.

use gossip_proto::Content;

use super::*;
use crate::node::bench::Bound;
use crate::{
    CloseReason, Command, CryptoError, CryptoJob, CryptoOutcome, DropReason, Event, Notification,
    Refusal, Request, RequestError, Response,
};

fn suspect(bench: &mut Bench, names: &[&str]) -> Result<Response, RequestError> {
    let peers = Some(names.iter().map(|name| peer(name)).collect());
    bench.ask(Request::SuspectPeers { peers })
}

fn purged(names: &[&str]) -> Result<Response, RequestError> {
    let purged = names.iter().map(|name| peer(name)).collect();
    Ok(Response::Suspected { purged })
}

fn revoke(bench: &mut Bench, name: &str) {
    bench.revoked.insert(name.to_owned());
}

fn known(bench: &mut Bench) -> Vec<PeerId> {
    match bench.ask(Request::Identities) {
        Ok(Response::Identities(known)) => known.into_iter().map(|one| one.peer).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_purge_removes_all_state_that_depends_on_the_identity() {
    let mut bench = Bench::joined(&["m"], |_| {});
    bench.participant("m2");
    bench.participant("m3");
    bench.notes.clear();
    revoke(&mut bench, "m2");
    let peers = None;
    let answer = bench.ask(Request::SuspectPeers { peers });
    assert_eq!(answer, purged(&["m2"]));
    assert!(!bench.holds_identity("m2") && bench.holds_identity("m3"));
    assert_eq!(bench.liveness("m2"), None);
    assert_eq!(bench.closed, [("m2".to_owned(), CloseReason::PeerGone)]);
    let info = bench.node.channel(&main_channel()).unwrap();
    assert_eq!(info.peers.len(), 1);
    let reason = CryptoError::Revoked;
    let note = Notification::IdentityPurged {
        peer: peer("m2"),
        reason,
    };
    assert!(bench.notes.contains(&note));
    assert_eq!(bench.metrics().identities_purged, 1);
}

#[test]
fn a_message_to_a_peer_that_is_then_purged_reaches_no_other_peer() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.link_down(link);
    bench.dials.clear();
    let message = Box::new(private_data());
    let peers = vec![peer("m2")];
    bench.ask(Request::Send { message, peers }).unwrap();
    assert_eq!(bench.dials.len(), 1);
    revoke(&mut bench, "m2");
    let peers = None;
    let answer = bench.ask(Request::SuspectPeers { peers });
    assert_eq!(answer, purged(&["m2"]));
    assert_eq!(bench.metrics().dropped, [(DropReason::PeerGone, 1)].into());
    bench.sent();
    bench.answer_dial("m3");
    let sent = bench
        .sent_like(|message| matches!(message.content(), Content::PrivateData(_)).then_some(()));
    assert_eq!(sent, []);
}

#[test]
fn only_suspects_are_validated_and_unknown_peers_are_ignored() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.member("m3");
    revoke(&mut bench, "m2");
    let checked = bench.checked;
    assert_eq!(suspect(&mut bench, &["m3", "m9", "m3"]), purged(&[]));
    assert_eq!(bench.checked - checked, 1);
    assert!(bench.holds_identity("m2"));
    assert_eq!(suspect(&mut bench, &[]), purged(&[]));
}

#[test]
fn a_purged_peer_is_refused_until_it_is_valid_again() {
    let mut bench = Bench::new();
    bench.member("m2");
    let other = bench.member("m3");
    revoke(&mut bench, "m2");
    suspect(&mut bench, &["m2"]).unwrap();
    bench.connect("m2");
    assert_eq!(bench.metrics().refused[&Refusal::Revoked], 1);
    bench.receive(other, &beat("m2", 2).message());
    assert!(!bench.holds_identity("m2"));
    assert_eq!(bench.liveness("m2"), None);
    bench.revoked.clear();
    bench.advance(secs(61));
    let link = bench.connect("m2");
    bench.receive(link, &beat("m2", 3).message());
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn a_heartbeat_under_verification_does_not_restore_a_purged_peer() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.hold_checks = true;
    bench.receive(link, &beat("m2", 2).message());
    revoke(&mut bench, "m2");
    let request = bench.begin(Request::SuspectPeers { peers: None });
    let held = bench.jobs.pop_front().unwrap();
    bench.answer_all();
    assert_eq!(bench.reply(request), Some(purged(&["m2"])));
    bench.jobs.push_back(held);
    bench.answer_all();
    assert_eq!(bench.liveness("m2"), None);
}

#[test]
fn our_own_invalid_identity_is_reported_and_never_purged() {
    let mut bench = Bench::new();
    revoke(&mut bench, "m1");
    let peers = None;
    assert_eq!(bench.ask(Request::SuspectPeers { peers }), purged(&[]));
    let reason = CryptoError::Revoked;
    assert_eq!(bench.notes, [Notification::OwnIdentityInvalid { reason }]);
    assert_eq!(known(&mut bench), [peer("m1")]);
    bench.member("m2");
    assert_eq!(bench.liveness("m2"), Some(true), "the node keeps running");
}

#[test]
fn an_identity_is_kept_if_the_crypto_service_is_overloaded() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.hold_checks = true;
    let request = bench.begin(Request::SuspectPeers {
        peers: Some(vec![peer("m2")]),
    });
    let (ticket, job) = bench.jobs.pop_front().unwrap();
    assert!(matches!(job, CryptoJob::Validate { .. }));
    let outcome = CryptoOutcome::Authenticated(Err(CryptoError::Overloaded));
    bench.event(Event::CryptoDone { ticket, outcome });
    assert_eq!(bench.reply(request), Some(purged(&[])));
    assert!(bench.holds_identity("m2"));
}

#[test]
fn a_lost_answer_ends_the_request_after_the_timeout() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(1000));
    bench.member("m2");
    bench.hold_checks = true;
    let request = bench.begin(Request::SuspectPeers { peers: None });
    bench.advance(secs(31));
    assert_eq!(bench.reply(request), Some(purged(&[])));
    assert!(bench.holds_identity("m2"));
}

#[test]
fn at_most_sixteen_validations_run_at_a_time_and_requests_in_order() {
    let mut bench = Bench::new();
    for number in 0..40 {
        bench.connect(&format!("m{number:02}x"));
    }
    bench.hold_checks = true;
    let first = bench.begin(Request::SuspectPeers { peers: None });
    let peers = Some(vec![peer("m00x")]);
    let second = bench.begin(Request::SuspectPeers { peers });
    assert_eq!(bench.jobs.len(), 16);
    revoke(&mut bench, "m00x");
    let mut answered = 0;
    let mut bound = Bound::new("the last validation", 100);
    while !bench.jobs.is_empty() {
        bound.step(answered);
        assert!(bench.jobs.len() <= 16);
        bench.answer();
        answered += 1;
    }
    assert_eq!(answered, 41, "40 peers and this node, each once");
    assert_eq!(bench.reply(first), Some(purged(&["m00x"])));
    assert_eq!(bench.reply(second), Some(purged(&[])));
}

#[test]
fn requests_beyond_the_limit_are_refused_and_all_are_answered_at_the_stop() {
    let mut bench = Bench::new();
    bench.hold_checks = true;
    let mut begin = || bench.begin(Request::SuspectPeers { peers: None });
    let ids: Vec<_> = (0..17).map(|_| begin()).collect();
    assert_eq!(bench.reply(ids[16]), Some(Err(RequestError::Busy)));
    bench.ask(Request::Stop).unwrap();
    for id in &ids[..16] {
        assert_eq!(bench.reply(*id), Some(Err(RequestError::Stopped)));
    }
}

#[test]
fn a_purge_leaves_the_seeds() {
    let mut bench = Bench::with(|config| config.bootstrap = vec![Endpoint::new("seed:1")]);
    bench.advance(secs(1));
    let link = bench.answer_dial("m2");
    bench.receive(link, &beat("m2", 1).message());
    revoke(&mut bench, "m2");
    suspect(&mut bench, &["m2"]).unwrap();
    bench.dials.clear();
    bench.advance(secs(60));
    assert!(
        bench
            .dials
            .iter()
            .any(|(_, to)| *to == Endpoint::new("seed:1"))
    );
}

#[test]
fn the_identities_include_ours_and_each_expiry() {
    let mut bench = Bench::new();
    bench.member("e1");
    bench.member("?1");
    bench.advance(secs(10));
    let Ok(Response::Identities(known)) = bench.ask(Request::Identities) else {
        panic!("no identities");
    };
    let row = |one: &IdentityInfo| (one.peer.clone(), one.org.clone(), one.expires_in);
    let rows: Vec<_> = known.iter().map(row).collect();
    let expected = [
        (peer("?1"), None, None),
        (peer("e1"), Some(OrgId::new(b"e")), Some(secs(50))),
        (peer("m1"), Some(OrgId::new(b"m")), None),
    ];
    assert_eq!(rows, expected);
    assert_eq!(known[2].identity, identity_of("m1"));
    for (name, inside) in [("m1", true), ("e1", false), ("?1", false), ("m9", false)] {
        let answer = bench.ask(Request::IsInMyOrg { peer: peer(name) });
        assert_eq!(answer, Ok(Response::IsInMyOrg(inside)), "{name}");
    }
}

#[test]
fn a_validation_updates_the_expiry() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(1000));
    bench.member("e1");
    bench.advance(secs(50));
    assert_eq!(suspect(&mut bench, &["e1"]), purged(&[]));
    bench.advance(secs(30));
    assert!(
        bench.holds_identity("e1"),
        "one minute, as all identities of the bench"
    );
    bench.advance(secs(31));
    assert!(!bench.holds_identity("e1"));
}

#[test]
fn a_stopped_node_answers_every_request_with_stopped() {
    let mut bench = Bench::new();
    bench.ask(Request::Stop).unwrap();
    let answer = bench.ask(Request::Identities);
    assert_eq!(answer, Err(RequestError::Stopped));
    assert!(!matches!(
        bench.node.poll_command(),
        Some(Command::Crypto { .. })
    ));
}
