//! Liveness: which members are alive, dead or forgotten.

use super::*;
use crate::node::bench::Bound;
use crate::{CloseReason, LinkId};

#[test]
fn a_member_silent_for_the_expiration_dies_and_its_link_is_closed() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.advance(millis(24_999));
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(millis(1));
    assert_eq!(bench.liveness("m2"), Some(false));
    assert!(bench.notes.contains(&died("m2")));
    assert_eq!(bench.closed, [("m2".to_owned(), CloseReason::PeerGone)]);
}

#[test]
fn a_heartbeat_moves_the_deadline() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.advance(secs(20));
    bench.receive(link, &beat("m2", 2).message());
    bench.advance(millis(24_999));
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(millis(1));
    assert_eq!(bench.liveness("m2"), Some(false));
}

#[test]
fn heartbeats_in_responses_alone_keep_a_member_alive() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let mut sequence = 0;
    let mut bound = Bound::new("500 s to pass", 10_000);
    while bench.now < crate::Instant::from_millis(500_000) {
        bound.step(bench.now);
        sequence += 1;
        answer(
            &mut bench,
            link,
            "m2",
            &[&beat("m2", sequence + 1), &beat("m3", sequence)],
            &[],
        );
        assert_eq!(bench.liveness("m3"), Some(true));
    }
    assert!(!bench.notes.contains(&died("m3")));
}

#[test]
fn a_silent_member_is_probed_repeatedly() {
    let mut bench = Bench::with(|config| config.membership.sync_peers = 0);
    bench.member("m2");
    bench.advance(secs(10));
    bench.sent();
    bench.advance(secs(14));
    let asked = requests(&mut bench).into_iter().map(|(to, ..)| to);
    assert_eq!(asked.collect::<Vec<_>>(), ["m2", "m2"]);
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn while_a_member_is_silent_other_members_are_soon_asked_for_their_views() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = secs(60));
    let (m2, m3) = (bench.member("m2"), bench.member("m3"));
    for sequence in 2..20 {
        bench.receive(m2, &beat("m2", sequence).message());
        bench.receive(m3, &beat("m3", sequence).message());
        bench.advance(secs(5));
    }
    bench.receive(m2, &beat("m2", 20).message());
    bench.advance(millis(9_900));
    bench.sent();
    bench.advance(secs(9));
    let asked = requests(&mut bench).into_iter();
    assert!(asked.filter(|(to, ..)| to == "m2").count() > 0);
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn only_a_strictly_newer_heartbeat_revives_a_dead_member() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 7).message());
    bench.advance(secs(20));
    bench.receive(link, &beat("m2", 2).message());
    bench.advance(secs(5));
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.receive(link, &beat("m3", 7).message());
    bench.receive(link, &beat("m3", 6).message());
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.receive(link, &beat("m3", 8).message());
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn dead_members_are_probed_until_they_are_forgotten() {
    let mut bench = Bench::new();
    bench.member("m2");
    bench.advance(secs(25));
    bench.dials.clear();
    let mut probed = 0;
    for _ in 0..4_740 {
        bench.advance(millis(100));
        probed += bench.fail_dials().len();
    }
    assert_eq!(bench.liveness("m2"), Some(false));
    assert!((60..=110).contains(&probed), "{probed}");
    bench.advance(secs(2));
    assert_eq!(bench.liveness("m2"), None);
    assert!(
        bench
            .notes
            .contains(&Notification::MemberForgotten(peer("m2")))
    );
    bench.dials.clear();
    bench.advance(secs(600));
    assert!(bench.dials.is_empty());
    assert!(bench.membership().is_alone());
}

#[test]
fn replayed_heartbeats_of_a_forgotten_member_are_ignored() {
    let mut bench = Bench::new();
    let link = forget_m3(&mut bench);
    let checked = bench.checked;
    bench.receive(link, &beat("m3", 7).message());
    bench.receive(link, &beat("m3", 6).message());
    answer(&mut bench, link, "m2", &[&beat("m3", 7)], &[&beat("m3", 5)]);
    assert_eq!(bench.liveness("m3"), None);
    assert_eq!(bench.checked, checked, "not verified");
    bench.receive(link, &beat("m3", 8).message());
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn a_forgotten_member_is_not_restored_by_responses_that_list_it_as_dead() {
    let mut bench = Bench::new();
    let link = forget_m3(&mut bench);
    // Other members may have received later heartbeats of it, and forget it later.
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 9)]);
    assert_eq!(bench.liveness("m3"), None);
    bench.receive(link, &beat("m3", 8).message());
    assert_eq!(
        bench.liveness("m3"),
        Some(true),
        "it was alive after the listing"
    );
}

/// Keeps m2 alive until m3, whose last heartbeat is number 7, is forgotten. Returns a link to m2.
fn forget_m3(bench: &mut Bench) -> LinkId {
    let mut link = bench.member("m2");
    bench.receive(link, &beat("m3", 7).message());
    for sequence in 2..80 {
        bench.advance(secs(20));
        bench.receive(link, &beat("m2", sequence).message());
        if !bench.closed.is_empty() {
            link = bench.connect("m2");
        }
        bench.closed.clear();
    }
    assert_eq!(bench.liveness("m3"), None);
    link
}

#[test]
fn a_member_listed_as_dead_is_added_as_dead_and_forgotten_at_its_own_deadline() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 4)]);
    assert_eq!(bench.liveness("m3"), Some(false));
    let mut sequence = 2;
    for _ in 0..23 {
        bench.advance(secs(20));
        bench.receive(link, &beat("m2", sequence).message());
        sequence += 1;
    }
    // Repeated listings do not extend its deadline.
    answer(
        &mut bench,
        link,
        "m2",
        &[&beat("m2", sequence)],
        &[&beat("m3", 5)],
    );
    sequence += 1;
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.advance(secs(20));
    assert_eq!(bench.liveness("m3"), None);
    // Members that have not forgotten it yet do not restore it.
    bench.receive(link, &beat("m2", sequence).message());
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 4)]);
    assert_eq!(bench.liveness("m3"), None);
}

#[test]
fn a_listing_as_dead_does_not_make_an_alive_member_dead() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 4).message());
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 9)]);
    assert_eq!(bench.liveness("m3"), Some(true));
    assert!(!bench.notes.contains(&died("m3")));
}

#[test]
fn a_failed_dial_does_not_make_a_member_dead() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.advance(secs(10));
    assert!(!bench.dials.is_empty());
    bench.fail_dials();
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn a_lost_link_does_not_make_a_member_dead() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.link_down(link);
    assert_eq!(bench.liveness("m2"), Some(true));
    assert!(!bench.node.members()[0].connected);
}

#[test]
fn a_member_whose_identity_expires_is_removed() {
    let mut bench = Bench::new();
    let link = bench.connect("e2");
    bench.receive(link, &beat("e2", 1).message());
    for sequence in 2..5 {
        bench.advance(secs(19));
        bench.receive(link, &beat("e2", sequence).message());
    }
    assert_eq!(bench.liveness("e2"), Some(true));
    bench.advance(secs(4));
    assert_eq!(bench.liveness("e2"), None);
    assert_eq!(bench.closed, [("e2".to_owned(), CloseReason::PeerGone)]);
}

#[test]
fn the_version_changes_with_the_view() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let version = bench.node.membership_version();
    bench.receive(link, &beat("m2", 2).message());
    assert_eq!(
        bench.node.membership_version(),
        version,
        "only the time of the heartbeat has changed"
    );
    let mut renamed = beat("m2", 3);
    renamed.metadata = "new";
    bench.receive(link, &renamed.message());
    let changed = bench.node.membership_version();
    assert_ne!(changed, version);
    bench.advance(secs(25));
    assert_ne!(bench.node.membership_version(), changed);
}
#[test]
fn a_listing_as_dead_overtaken_by_a_heartbeat_during_its_verification_is_ignored() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let third = bench.connect("m3");
    let nonce = asked(&mut bench, "m2");
    bench.hold_checks = true;
    let view = MembershipResponse {
        dead: vec![beat("m3", 4).envelope()],
        ..MembershipResponse::default()
    };
    bench.receive(link, &response(nonce, view));
    bench.receive(third, &beat("m3", 4).message());
    bench.answer_all();
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn a_silent_member_is_probed_before_it_is_dead() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = secs(1_000));
    bench.member("m2");
    bench.advance(secs(14));
    requests(&mut bench);
    bench.advance(secs(2));
    assert_eq!(
        requests(&mut bench).len(),
        1,
        "probed after 15 s of silence"
    );
    bench.advance(secs(8));
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(secs(2));
    assert_eq!(bench.liveness("m2"), Some(false));
}

fn at(name: &str, incarnation: u64, sequence: u64) -> SignedMessage {
    let mut beat = beat(name, sequence);
    beat.time.incarnation = incarnation;
    beat.message()
}

#[test]
fn a_member_restarted_with_an_earlier_clock_is_accepted_on_its_own_link() {
    let mut bench = Bench::new();
    let relay = bench.member("m3");
    let link = bench.connect("m2");
    bench.receive(link, &at("m2", 900, 7));
    bench.link_down(link);
    bench.incarnations.insert("m2".to_owned(), 800);
    let link = bench.connect("m2");
    bench.receive(relay, &at("m2", 900, 8));
    let incarnation = |bench: &Bench| {
        let members = bench.node.members();
        let found = members.iter().find(|member| member.peer == peer("m2"));
        found.map(|member| member.incarnation)
    };
    assert_eq!(
        incarnation(&bench),
        Some(800),
        "the former incarnation is ignored"
    );
    for sequence in 1..12 {
        bench.advance(secs(5));
        bench.receive(link, &at("m2", 800, sequence));
        bench.receive(relay, &beat("m3", sequence + 1).message());
        assert_eq!(bench.liveness("m2"), Some(true));
    }
    bench.receive(relay, &at("m2", 901, 1));
    assert_eq!(
        incarnation(&bench),
        Some(800),
        "the link proves the earlier one"
    );
    bench.link_down(link);
    bench.receive(relay, &at("m2", 901, 1));
    assert_eq!(
        incarnation(&bench),
        Some(901),
        "a later incarnation is accepted"
    );
}

#[test]
fn heartbeats_of_a_former_incarnation_are_ignored_before_the_members_first_own() {
    let mut bench = Bench::new();
    let relay = bench.member("m3");
    bench.incarnations.insert("m2".to_owned(), 800);
    let link = bench.connect("m2");
    bench.receive(relay, &at("m2", 900, 8));
    assert_eq!(
        bench.liveness("m2"),
        None,
        "the link proves another incarnation"
    );
    bench.receive(link, &at("m2", 800, 1));
    assert_eq!(bench.liveness("m2"), Some(true));
    // Later, a later incarnation is accepted even if the old link seems to be up: the proof has expired.
    for sequence in 2..30 {
        bench.advance(secs(5));
        bench.receive(link, &at("m2", 800, sequence));
        bench.receive(relay, &beat("m3", sequence).message());
    }
    bench.receive(relay, &at("m2", 901, 1));
    let members = bench.node.members();
    let found = members.iter().find(|member| member.peer == peer("m2"));
    assert_eq!(found.map(|member| member.incarnation), Some(901));
}

#[test]
fn a_forgotten_member_can_return_with_an_earlier_clock() {
    let mut bench = Bench::with(|config| config.membership.forget_after = secs(5));
    let link = bench.connect("m2");
    bench.receive(link, &at("m2", 900, 7));
    bench.link_down(link);
    bench.advance(secs(120));
    assert_eq!(bench.liveness("m2"), None);
    bench.incarnations.insert("m2".to_owned(), 800);
    let link = bench.connect("m2");
    bench.receive(link, &at("m2", 800, 1));
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn the_state_info_of_a_peer_restarted_with_an_earlier_clock_is_dropped() {
    let mut bench = Bench::joined(&["m"], |_| {});
    let link = bench.connect("m2");
    bench.receive(link, &at("m2", 900, 1));
    bench.receive(link, &state_info("m2", 50, 9));
    bench.link_down(link);
    bench.incarnations.insert("m2".to_owned(), 800);
    let link = bench.connect("m2");
    bench.receive(link, &at("m2", 800, 1));
    bench.receive(link, &state_info("m2", 1, 3));
    let info = bench.node.channel(&main_channel()).unwrap();
    assert_eq!(info.peers[0].height, 3);
}

#[test]
fn the_longest_durations_that_can_be_configured_work() {
    let longest = std::time::Duration::MAX;
    let mut bench = Bench::joined(&["m"], |config| {
        config.bootstrap = vec![crate::Endpoint::new("m9.lan:1")];
        config.membership.alive_interval = longest - secs(1);
        config.membership.alive_expiration = longest;
        config.membership.reconnect_interval = longest;
        config.membership.sync_interval = longest;
        config.channel.request_interval = longest;
        config.link.dial_timeout = longest;
        config.link.handshake_timeout = longest;
    });
    bench.participant("m2");
    bench.advance(secs(1));
    bench.now = crate::Instant::from_nanos(u64::MAX);
    bench.event(crate::Event::Tick);
    assert_eq!(bench.node.members().len(), 1);
}

#[test]
fn many_dead_members_are_probed_in_turn_at_the_reconnect_interval() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = secs(1_000));
    let link = bench.member("m2");
    let dead: Vec<Beat> = (10..60).map(|name| beat(&format!("m{name}"), 1)).collect();
    answer(
        &mut bench,
        link,
        "m2",
        &[],
        &dead.iter().collect::<Vec<_>>(),
    );
    let mut probed = 0;
    for sequence in 2..22 {
        for _ in 0..50 {
            bench.advance(millis(100));
            probed += bench.fail_dials().len();
        }
        bench.receive(link, &beat("m2", sequence).message());
    }
    assert!(
        (150..=280).contains(&probed),
        "fifty members, every 25 s: {probed}"
    );
}

/// A node that neither pushes nor exchanges views by itself.
fn quiet() -> Bench {
    Bench::with(|config| {
        config.push.fanout = 0;
        config.pull.interval = secs(100_000);
        config.membership.sync_peers = 0;
    })
}

#[test]
fn a_silent_member_whose_link_breaks_is_probed_early() {
    let mut bench = quiet();
    let link = bench.member("m2");
    bench.advance(secs(1));
    requests(&mut bench);
    bench.link_down(link);
    bench.dials.clear();
    bench.advance(millis(6_400));
    assert!(
        bench.dials.is_empty(),
        "not yet: its heartbeats may arrive through others"
    );
    bench.advance(millis(200));
    assert_eq!(bench.dials.len(), 1, "after 7.5 s of silence");
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.answer_dial("m2");
    assert_eq!(requests(&mut bench).len(), 1);
}

#[test]
fn a_member_with_a_broken_link_is_not_probed_while_its_heartbeats_arrive() {
    let mut bench = quiet();
    let link = bench.member("m2");
    let relay = bench.member("m3");
    bench.link_down(link);
    bench.dials.clear();
    requests(&mut bench);
    for sequence in 2..8 {
        bench.advance(secs(5));
        bench.receive(relay, &beat("m2", sequence).message());
        bench.receive(relay, &beat("m3", sequence).message());
    }
    assert!(requests(&mut bench).iter().all(|(to, ..)| to != "m2"));
    assert!(bench.dials.is_empty());
}

#[test]
fn an_unreachable_member_stays_alive_and_shows_since_when_until_it_connects() {
    let mut bench = Bench::new();
    let relay = bench.member("m2");
    bench.receive(relay, &beat("m3", 1).message());
    let since = |bench: &Bench| {
        let members = bench.node.members();
        let found = members.iter().find(|member| member.peer == peer("m3"));
        found.and_then(|member| member.unreachable_since)
    };
    assert_eq!(since(&bench), None);
    bench.until("a dial", millis(100), |bench| !bench.dials.is_empty());
    let failed = bench.now;
    bench.fail_dial();
    assert_eq!(since(&bench), Some(failed));
    for sequence in 2..5 {
        bench.advance(secs(5));
        bench.fail_dials();
        bench.receive(relay, &beat("m3", sequence).message());
        bench.receive(relay, &beat("m2", sequence).message());
    }
    assert_eq!(
        (bench.liveness("m3"), since(&bench)),
        (Some(true), Some(failed))
    );
    bench.connect("m3");
    assert_eq!(since(&bench), None);
}

#[test]
fn reachable_members_are_asked_before_unreachable_ones() {
    let mut bench = Bench::with(|config| {
        config.push.fanout = 0;
        config.pull.interval = secs(100_000);
        config.membership.sync_peers = 1;
    });
    let relay = bench.member("m2");
    bench.receive(relay, &beat("m3", 1).message());
    bench.receive(relay, &beat("m4", 1).message());
    let mut dialled = Vec::new();
    for sequence in 2..60 {
        bench.advance(secs(2));
        bench.receive(relay, &beat("m2", sequence).message());
        bench.receive(relay, &beat("m3", sequence).message());
        bench.receive(relay, &beat("m4", sequence).message());
        dialled.extend(bench.fail_dials());
    }
    let asked = requests(&mut bench).len();
    assert!(asked > 5 && dialled.len() < asked, "{asked} {dialled:?}");
}

#[test]
fn a_revived_member_in_a_response_is_passed_on_and_a_newcomer_is_not() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.member("m3");
    answer(&mut bench, link, "m2", &[], &[&beat("m4", 1)]);
    assert_eq!(bench.liveness("m4"), Some(false));
    bench.advance(millis(100));
    bench.beats_pushed();
    answer(
        &mut bench,
        link,
        "m2",
        &[&beat("m4", 2), &beat("m5", 1)],
        &[],
    );
    bench.advance(millis(20));
    let passed_on: Vec<_> = bench.beats_pushed();
    assert!(passed_on.contains(&("m3".to_owned(), "m4".to_owned())));
    assert!(passed_on.iter().all(|(_, subject)| subject != "m5"));
}

#[test]
fn a_revived_member_that_sends_a_request_is_sent_one_in_return() {
    let mut bench = Bench::with(|config| config.membership.sync_interval = secs(1_000));
    let link = bench.member("m2");
    answer(&mut bench, link, "m2", &[], &[&beat("m3", 1)]);
    let back = bench.connect("m3");
    requests(&mut bench);
    bench.receive(back, &request(&beat("m3", 2), 4));
    assert_eq!(bench.liveness("m3"), Some(true));
    assert!(requests(&mut bench).iter().any(|(to, ..)| to == "m3"));
}

#[test]
fn a_silent_member_known_only_from_responses_is_forgotten() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    answer(&mut bench, link, "m2", &[&beat("m3", 1)], &[]);
    assert_eq!(bench.liveness("m3"), Some(true));
    for _ in 0..700 {
        bench.advance(secs(1));
        bench.fail_dials();
    }
    assert_eq!(bench.liveness("m3"), None);
}
