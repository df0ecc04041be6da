//! Identities: what is asked for, taken and offered.

use gossip_proto::PullKind::Identity;

use super::*;

/// A round in which `m2` has been asked, and tells `ids`. Returns the link, the nonce and what is requested.
fn asked(bench: &mut Bench, ids: &[&str]) -> (LinkId, u64, Vec<String>) {
    let link = plain(bench, "m2");
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
fn a_plain_peer_is_asked_for_the_identities_that_it_holds_and_we_do_not() {
    let mut bench = Bench::new();
    let (link, nonce, wanted) = asked(&mut bench, &["m1", "m2", "m3", "a1"]);
    assert_eq!(wanted, ["a1", "m2", "m3"], "not ourselves");
    let items = ["m2", "m3", "a1"].map(announcement);
    bench.receive(link, &update(Identity, nonce, &items));
    assert!(bench.holds_identity("m3") && bench.holds_identity("a1"));
    let metrics = bench.metrics();
    assert_eq!((metrics.identities_pulled, metrics.pull_refused), (2, 0));
    assert_eq!(metrics.pull_items_received, 3);
}

#[test]
fn what_came_by_pull_is_offered_to_others_and_not_asked_for_again() {
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
fn the_requests_go_out_when_all_have_answered_or_the_time_is_over() {
    let mut bench = Bench::new();
    let (first, second) = (plain(&mut bench, "m2"), plain(&mut bench, "m3"));
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
fn items_that_nobody_asked_for_cost_no_check() {
    let mut bench = Bench::new();
    let (link, nonce, _) = asked(&mut bench, &["m3"]);
    let stranger = plain(&mut bench, "m5");
    let checked = bench.checked;
    let m3 = announcement("m3");
    bench.receive(
        stranger,
        &update(Identity, nonce, std::slice::from_ref(&m3)),
    );
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
fn a_bad_identity_costs_itself_only_and_is_asked_for_elsewhere() {
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
    let other = plain(&mut bench, "m5");
    let nonces = round(&mut bench, Identity);
    bench.receive(link, &digest(Identity, nonces[0].1, &["m3", "m4", "m6"]));
    bench.receive(other, &digest(Identity, nonces[1].1, &["m3"]));
    let asked = requests(&mut bench);
    assert_eq!(asked[0].1.1, ["m6"], "m2 has shown what it has of m3");
    assert_eq!(asked[1].1.1, ["m3"]);
}

#[test]
fn an_identity_under_another_ones_name_is_refused() {
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
fn an_identity_that_has_expired_is_forgotten_and_asked_for_again() {
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
fn peers_that_tell_identities_with_the_membership_are_left_in_peace() {
    let mut bench = Bench::new();
    let own = bench.member("m2");
    bench.advance(secs(20));
    assert_eq!(hellos(&mut bench, Identity), []);
    assert_eq!(bench.metrics().pull_rounds, 0);
    plain(&mut bench, "m3");
    bench.receive(own, &beat("m2", 2).message());
    let asked: Vec<String> = round(&mut bench, Identity)
        .into_iter()
        .map(|(to, _)| to)
        .collect();
    assert_eq!(asked, ["m2", "m3"], "for what others will want to have");
}

#[test]
fn without_push_everybody_is_asked_however_much_it_understands() {
    let mut bench = Bench::with(|config| config.push.fanout = 0);
    bench.member("m2");
    assert_eq!(round(&mut bench, Identity)[0].0, "m2");
}

#[test]
fn no_more_peers_are_asked_than_configured() {
    let mut bench = Bench::with(|config| config.pull.peers = 2);
    for name in ["m2", "m3", "m4", "m5"] {
        plain(&mut bench, name);
    }
    assert_eq!(round(&mut bench, Identity).len(), 2);
    let mut silent = Bench::with(|config| config.pull.peers = 0);
    plain(&mut silent, "m2");
    silent.advance(secs(12));
    assert_eq!(hellos(&mut silent, Identity), []);
}

#[test]
fn ids_taken_of_one_digest_and_told_in_one_are_bounded() {
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
    assert_eq!(told[1], ["m1", "m4"], "goes on where it ended");
    assert_eq!(told[2], ["m3", "m4"]);
}

#[test]
fn rounds_of_a_plain_network_begin_an_interval_apart() {
    let mut bench = Bench::new();
    let link = plain(&mut bench, "m2");
    let mut rounds = 0;
    for sequence in 2..14 {
        bench.advance(secs(10));
        bench.receive(link, &beat("m2", sequence).message());
        rounds += hellos(&mut bench, Identity).len();
    }
    assert!((27..=33).contains(&rounds), "{rounds} in two minutes");
}

#[test]
fn two_members_behind_one_endpoint_are_asked_each_for_what_it_holds() {
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
fn a_peer_that_is_gone_in_the_middle_of_a_round_harms_nobody() {
    let mut bench = Bench::new();
    let (first, second) = (plain(&mut bench, "m2"), plain(&mut bench, "m3"));
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
fn nothing_is_pulled_or_answered_after_the_stop() {
    let mut bench = Bench::new();
    let link = plain(&mut bench, "m2");
    bench.ask(crate::Request::Stop).unwrap();
    bench.sent();
    bench.receive(link, &hello(Identity, 5));
    bench.advance(secs(12));
    assert!(bench.sent().is_empty());
}

/// What is offered to `m4`, by name.
fn offered(bench: &mut Bench, link: LinkId, nonce: u64) -> Vec<String> {
    bench.sent();
    bench.receive(link, &hello(Identity, nonce));
    digests(bench).remove(0).1
}

#[test]
fn an_identity_that_has_ended_is_offered_to_nobody_nor_sent_on_request() {
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
fn an_identity_that_was_purged_is_asked_for_again_and_taken_only_if_it_is_valid() {
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
        // Who told a bad one is left alone for a while.
        bench.advance(secs(600));
    }
}
