//! Identities: requests, updates and offers.

use gossip_proto::PullKind::Identity;

use super::*;

/// A round in which `m2` has been asked and has sent a digest of `ids`. Returns the link, the nonce and the requested
/// ids.
fn asked(bench: &mut Bench, ids: &[&str]) -> (LinkId, u64, Vec<String>) {
    let link = legacy(bench, "m2");
    let (to, nonce) = round(bench, Identity).remove(0);
    assert_eq!(to, "m2");
    bench.receive(link, &digest(Identity, nonce, ids));
    let wanted = requests(bench).into_iter().map(|(to, (with, ids))| {
        assert_eq!((to.as_str(), with), ("m2", nonce));
        ids
    });
    let wanted = wanted.flatten().collect();
    (link, nonce, wanted)
}

#[test]
fn a_legacy_peer_is_asked_for_its_identities_that_we_do_not_hold() {
    let mut bench = Bench::new();
    let (link, nonce, wanted) = asked(&mut bench, &["m1", "m2", "m3", "a1"]);
    assert_eq!(wanted, ["a1", "m2", "m3"], "not our own");
    let items = ["m2", "m3", "a1"].map(announcement);
    bench.receive(link, &update(Identity, nonce, &items));
    assert!(bench.holds_identity("m3") && bench.holds_identity("a1"));
    let metrics = bench.metrics();
    assert_eq!((metrics.identities_pulled, metrics.pull_refused), (2, 0));
    assert_eq!(metrics.pull_items_received, 3);
}

#[test]
fn a_pulled_identity_is_offered_to_others_and_not_requested_again() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["m2", "m3"]);
    let items = ["m2", "m3"].map(announcement);
    bench.receive(link, &update(Identity, nonce, &items));
    let other = bench.connect("m4");
    bench.receive(other, &hello(Identity, 77));
    assert_eq!(
        digests(&mut bench),
        [("m4".to_owned(), names(&["m1", "m2", "m3"]))]
    );
    bench.receive(other, &request_of(Identity, 77, &["m3", "m9"]));
    assert_eq!(updates(&mut bench), [("m4".to_owned(), names(&["m3"]))]);
    let (_, nonce) = round(&mut bench, Identity).remove(0);
    bench.receive(link, &digest(Identity, nonce, &["m2", "m3"]));
    assert_eq!(requests(&mut bench), []);
}

#[test]
fn requests_are_sent_when_all_peers_have_answered_or_at_the_deadline() {
    let mut bench = Bench::new();
    let (first, second) = (legacy(&mut bench, "m2"), legacy(&mut bench, "m3"));
    let nonces = round(&mut bench, Identity);
    bench.receive(first, &digest(Identity, nonces[0].1, &["a1"]));
    assert_eq!(requests(&mut bench), [], "another may answer");
    bench.receive(second, &digest(Identity, nonces[1].1, &["a2"]));
    assert_eq!(requests(&mut bench).len(), 2);

    let nonces = round(&mut bench, Identity);
    bench.receive(first, &digest(Identity, nonces[0].1, &["a1"]));
    bench.advance(secs(1));
    assert_eq!(requests(&mut bench).len(), 1);
    bench.receive(second, &digest(Identity, nonces[1].1, &["a2"]));
    assert_eq!(requests(&mut bench), [], "too late");
    assert_eq!(bench.metrics().pull_refused, 1);
}

#[test]
fn unsolicited_items_cost_no_check() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["m3"]);
    let unasked = legacy(&mut bench, "m5");
    let checked = bench.checked;
    let m3 = announcement("m3");
    bench.receive(unasked, &update(Identity, nonce, std::slice::from_ref(&m3)));
    bench.receive(
        link,
        &update(Identity, nonce ^ 1, std::slice::from_ref(&m3)),
    );
    bench.receive(link, &update(Identity, nonce, &[announcement("m4")]));
    assert_eq!(
        (bench.checked - checked, bench.metrics().pull_refused),
        (0, 3)
    );
    bench.receive(link, &update(Identity, nonce, &[m3.clone(), m3.clone()]));
    assert_eq!(
        (bench.checked - checked, bench.metrics().pull_refused),
        (1, 4)
    );
    bench.advance(secs(3));
    bench.receive(link, &update(Identity, nonce, &[m3]));
    assert_eq!(
        (bench.checked - checked, bench.metrics().pull_refused),
        (1, 5)
    );
}

#[test]
fn a_bad_identity_costs_only_itself_and_is_requested_from_another_peer() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["m3", "m4", "m6"]);
    let items = [
        announcement_by("m9", "m3"),
        beat("m6", 1).message(),
        announcement("m4"),
    ];
    bench.receive(link, &update(Identity, nonce, &items));
    assert!(bench.holds_identity("m4") && !bench.holds_identity("m3"));
    let metrics = bench.metrics();
    assert_eq!((metrics.violations, metrics.verifications_failed), (1, 1));
    let other = legacy(&mut bench, "m5");
    let nonces = round(&mut bench, Identity);
    bench.receive(link, &digest(Identity, nonces[0].1, &["m3", "m4", "m6"]));
    bench.receive(other, &digest(Identity, nonces[1].1, &["m3"]));
    let asked = requests(&mut bench);
    assert_eq!(asked[0].1.1, ["m6"], "m2 has sent a bad m3");
    assert_eq!(asked[1].1.1, ["m3"]);
}

#[test]
fn an_identity_under_another_peers_id_is_refused() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["m3"]);
    let identity = PeerIdentity {
        pki_id: Bytes::from_static(b"m3"),
        cert: identity_of("m9"),
        metadata: Bytes::new(),
    };
    let message = message(0, "", Tag::Empty, Content::PeerIdentity(identity));
    let stolen = sign("m9", UnsignedMessage::new(message, None));
    bench.receive(link, &update(Identity, nonce, &[stolen]));
    assert!(!bench.holds_identity("m3") && !bench.holds_identity("m9"));
}

#[test]
fn an_expired_identity_is_forgotten_and_requested_again() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["e1"]);
    bench.receive(link, &update(Identity, nonce, &[announcement("e1")]));
    assert!(bench.holds_identity("e1"));
    for sequence in 2..8 {
        bench.advance(secs(10));
        bench.receive(link, &beat("m2", sequence).message());
    }
    assert!(!bench.holds_identity("e1"));
    bench.sent();
    let (_, nonce) = round(&mut bench, Identity).remove(0);
    bench.receive(link, &digest(Identity, nonce, &["e1"]));
    assert_eq!(requests(&mut bench)[0].1.1, ["e1"]);
}

#[test]
fn no_identities_are_pulled_without_a_legacy_peer() {
    let mut bench = Bench::new();
    let own = bench.member("m2");
    bench.advance(secs(20));
    assert_eq!(hellos(&mut bench, Identity), []);
    assert_eq!(bench.metrics().pull_rounds, 0);
    legacy(&mut bench, "m3");
    bench.receive(own, &beat("m2", 2).message());
    let asked: Vec<String> = round(&mut bench, Identity)
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(asked, ["m2", "m3"], "to offer them to legacy peers");
}

#[test]
fn without_push_all_peers_are_asked_regardless_of_their_capabilities() {
    let mut bench = Bench::with(|config| config.push.fanout = 0);
    bench.member("m2");
    assert_eq!(round(&mut bench, Identity)[0].0, "m2");
}

#[test]
fn no_more_peers_are_asked_than_configured() {
    let mut bench = Bench::with(|config| config.pull.peers = 2);
    for name in ["m2", "m3", "m4", "m5"] {
        legacy(&mut bench, name);
    }
    assert_eq!(round(&mut bench, Identity).len(), 2);
    let mut silent = Bench::with(|config| config.pull.peers = 0);
    legacy(&mut silent, "m2");
    silent.advance(secs(12));
    assert_eq!(hellos(&mut silent, Identity), []);
}

#[test]
fn ids_in_received_and_sent_digests_are_bounded() {
    let bound = |config: &mut crate::Config| config.pull.max_ids = 2.try_into().unwrap();
    let mut bench = Bench::with(bound);
    let (link, nonce, wanted) = asked(&mut bench, &["m3", "m4", "m5", "m6"]);
    assert_eq!(wanted, ["m3", "m4"]);
    bench.receive(
        link,
        &update(Identity, nonce, &["m3", "m4"].map(announcement)),
    );
    let mut told = Vec::new();
    for nonce in 1..4 {
        bench.receive(link, &hello(Identity, nonce));
        told.extend(digests(&mut bench).into_iter().map(|(_, ids)| ids));
    }
    assert_eq!(told[0], ["m1", "m3"]);
    assert_eq!(told[1], ["m1", "m4"], "continues where it ended");
    assert_eq!(told[2], ["m3", "m4"]);
}

#[test]
fn rounds_with_legacy_peers_begin_one_interval_apart() {
    let mut bench = Bench::new();
    let link = legacy(&mut bench, "m2");
    let mut rounds = 0;
    for sequence in 2..14 {
        bench.advance(secs(10));
        bench.receive(link, &beat("m2", sequence).message());
        rounds += hellos(&mut bench, Identity).len();
    }
    assert!((27..=33).contains(&rounds), "{rounds} in two minutes");
}

#[test]
fn two_members_at_one_endpoint_are_each_asked_for_their_own_items() {
    let mut bench = Bench::new();
    let behind = |bench: &mut Bench, name: &str| {
        let link = bench.link_up(name, None);
        bench.authenticate_as_fabric(link);
        let beat = beat(name, 1).secret(Some("same.lan:1"));
        bench.receive(link, &beat.message());
        link
    };
    let (first, second) = (behind(&mut bench, "m2"), behind(&mut bench, "m3"));
    let nonces = round(&mut bench, Identity);
    assert_ne!(nonces[0].1, nonces[1].1);
    bench.receive(first, &digest(Identity, nonces[0].1, &["a1"]));
    bench.receive(second, &digest(Identity, nonces[1].1, &["a2"]));
    let requests = requests(&mut bench);
    let to_each = |place: usize| (requests[place].0.as_str(), requests[place].1.1.join(" "));
    assert_eq!(to_each(0), ("m2", "a1".to_owned()));
    assert_eq!(to_each(1), ("m3", "a2".to_owned()));
}

#[test]
fn a_peer_that_disconnects_during_a_round_does_not_affect_others() {
    let mut bench = Bench::new();
    let (first, second) = (legacy(&mut bench, "m2"), legacy(&mut bench, "m3"));
    let nonces = round(&mut bench, Identity);
    bench.receive(first, &digest(Identity, nonces[0].1, &["a1"]));
    bench.link_down(first);
    bench.receive(second, &digest(Identity, nonces[1].1, &["a2"]));
    bench.receive(
        second,
        &update(Identity, nonces[1].1, &[announcement("a2")]),
    );
    assert!(bench.holds_identity("a2") && !bench.holds_identity("a1"));
    assert_eq!(bench.metrics().pull_refused, 0);
}

#[test]
fn no_pull_runs_or_is_answered_after_the_stop() {
    let mut bench = Bench::new();
    let link = legacy(&mut bench, "m2");
    bench.ask(crate::Request::Stop).unwrap();
    bench.sent();
    bench.receive(link, &hello(Identity, 5));
    bench.advance(secs(12));
    assert!(bench.sent().is_empty());
}

/// The names in a digest to `m4`.
fn offered(bench: &mut Bench, link: LinkId, nonce: u64) -> Vec<String> {
    bench.sent();
    bench.receive(link, &hello(Identity, nonce));
    digests(bench).remove(0).1
}

#[test]
fn an_expired_or_purged_identity_is_neither_offered_nor_sent() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(1000));
    let (link, nonce, _) = asked(&mut bench, &["e1", "m3"]);
    let items = ["e1", "m3"].map(announcement);
    bench.receive(link, &update(Identity, nonce, &items));
    let other = bench.connect("m4");
    assert_eq!(offered(&mut bench, other, 1), ["e1", "m1", "m3"]);
    bench.advance(secs(61));
    assert_eq!(
        offered(&mut bench, other, 2),
        ["m1", "m3"],
        "it has expired"
    );
    bench.revoked.insert("m3".to_owned());
    let peers = None;
    bench.ask(crate::Request::SuspectPeers { peers }).unwrap();
    assert_eq!(offered(&mut bench, other, 3), ["m1"], "it was purged");
    bench.receive(other, &request_of(Identity, 3, &["e1", "m3"]));
    assert_eq!(updates(&mut bench), []);
}

#[test]
fn a_purged_identity_is_requested_again_and_taken_only_if_it_is_valid() {
    let mut bench = Bench::with(|config| config.membership.alive_expiration = secs(1000));
    let (link, nonce, _) = asked(&mut bench, &["m3"]);
    bench.receive(link, &update(Identity, nonce, &[announcement("m3")]));
    for valid in [false, true] {
        bench.revoked.insert("m3".to_owned());
        let peers = Some(vec![peer("m3")]);
        bench.ask(crate::Request::SuspectPeers { peers }).unwrap();
        assert!(!bench.holds_identity("m3"));
        if valid {
            bench.revoked.clear();
        }
        bench.sent();
        let (_, nonce) = round(&mut bench, Identity).remove(0);
        bench.receive(link, &digest(Identity, nonce, &["m3"]));
        assert_eq!(requests(&mut bench)[0].1.1, ["m3"]);
        bench.receive(link, &update(Identity, nonce, &[announcement("m3")]));
        assert_eq!(bench.holds_identity("m3"), valid);
        // The sender of a bad identity is not asked for a while.
        bench.advance(secs(600));
    }
}
