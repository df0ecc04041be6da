//! Hints: of somebody whom we cannot identify, of somebody held dead or forgotten who may live.

use std::time::Duration;

use super::*;

/// Looks are told apart by the addresses dialled, so no dial may wait for a pause after one that failed, and
/// nobody may be asked for another reason.
fn without_pauses_between_dials() -> Bench {
    Bench::with(|config| {
        config.link.backoff_min = millis(1);
        config.link.backoff_max = millis(1);
        config.membership.forget_after = secs(100);
        config.membership.sync_interval = secs(1_000);
    })
}

/// The addresses dialled since the last call; nobody is there.
fn tried(bench: &mut Bench) -> Vec<String> {
    bench.fail_dials()
}

fn at(name: &str, incarnation: u64, sequence: u64) -> Beat {
    let mut beat = beat(name, sequence);
    beat.time.incarnation = incarnation;
    beat
}

/// `m2` tells of `names`, which are silent until `over`; then all dials have failed.
fn outlive(bench: &mut Bench, names: &[&str], over: impl Fn(&Bench, &str) -> bool) -> LinkId {
    let link = bench.member("m2");
    for name in names {
        bench.receive(link, &at(name, 900, 7).message());
    }
    for sequence in 2..2_000 {
        if names.iter().all(|name| over(bench, name)) {
            return link;
        }
        bench.advance(millis(100));
        tried(bench);
        bench.receive(link, &beat("m2", sequence).message());
    }
    panic!("{names:?} are still there");
}

fn outlive_until_dead(bench: &mut Bench, names: &[&str]) -> LinkId {
    outlive(bench, names, |bench, name| {
        bench.liveness(name) == Some(false)
    })
}

fn outlive_until_forgotten(bench: &mut Bench, names: &[&str]) -> LinkId {
    outlive(bench, names, |bench, name| bench.liveness(name).is_none())
}

/// Lets time pass, so much that everybody may be dialled again.
fn pass(bench: &mut Bench, time: Duration) {
    bench.advance(time);
    tried(bench);
    bench.advance(millis(2));
}

#[test]
fn a_member_held_dead_is_asked_itself_when_somebody_tells_what_it_has_said() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_dead(&mut bench, &["m3"]);
    bench.receive(link, &at("m3", 900, 7).message());
    assert_eq!(tried(&mut bench), [internal("m3")]);
    assert_eq!(
        bench.liveness("m3"),
        Some(false),
        "what others tell is no life"
    );
    pass(&mut bench, millis(500));
    let (checked, dead) = (bench.checked, at("m3", 900, 7));
    answer(&mut bench, link, "m2", &[], &[&dead]);
    assert_eq!(bench.checked, checked);
    assert_eq!(
        tried(&mut bench),
        [] as [&str; 0],
        "others hold it dead too"
    );
}

#[test]
fn a_member_held_dead_is_asked_itself_when_somebody_tells_of_an_earlier_start() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_dead(&mut bench, &["m3"]);
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(tried(&mut bench), [internal("m3")]);
}

#[test]
fn a_member_alive_is_asked_itself_when_somebody_tells_of_an_earlier_start_unless_a_link_shows_it() {
    let mut bench = without_pauses_between_dials();
    let relay = bench.member("m2");
    bench.receive(relay, &at("m3", 900, 7).message());
    bench.receive(relay, &at("m3", 900, 7).message());
    assert_eq!(tried(&mut bench), [] as [&str; 0], "it is known to live");
    bench.receive(relay, &at("m3", 800, 1).message());
    assert_eq!(tried(&mut bench), [internal("m3")]);
    bench.connect("m3");
    pass(&mut bench, secs(5));
    requests(&mut bench);
    bench.receive(relay, &at("m3", 800, 2).message());
    assert_eq!(tried(&mut bench), [] as [&str; 0]);
    assert_eq!(requests(&mut bench), []);
}

#[test]
fn the_same_member_held_dead_is_asked_once_in_five_seconds_whatever_others_tell() {
    let mut bench = without_pauses_between_dials();
    // So many dead that none of them is tried of itself for ten seconds.
    let crowd: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let mut names: Vec<&str> = crowd.iter().map(String::as_str).collect();
    names.push("m3");
    let link = outlive_until_dead(&mut bench, &names);
    let mut probes = Vec::new();
    for tenth in 0..101 {
        bench.receive(link, &at("m3", 900, 7).message());
        let at_m3 = tried(&mut bench).contains(&internal("m3"));
        probes.extend(at_m3.then_some(tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 50, 100], "in tenths of a second");
}

#[test]
fn of_all_that_are_held_dead_two_are_asked_in_a_second_whatever_others_tell() {
    let mut bench = without_pauses_between_dials();
    let dead: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = dead.iter().map(String::as_str).collect();
    let link = outlive_until_dead(&mut bench, &names);
    let mut probes = Vec::new();
    for tenth in 0..21 {
        for name in &names {
            bench.receive(link, &at(name, 900, 7).message());
        }
        probes.extend(tried(&mut bench).iter().map(|_| tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 5, 10, 15, 20], "in tenths of a second");
}

#[test]
fn a_forgotten_member_that_tells_an_earlier_start_is_looked_for_where_it_says_that_it_is() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_forgotten(&mut bench, &["m3"]);
    let mut moved = at("m3", 800, 1);
    moved.secret = Some("moved.lan:1".to_owned());
    bench.receive(link, &moved.message());
    assert_eq!(bench.liveness("m3"), None, "what others tell is no life");
    let dialled: Vec<_> = bench.dials.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(dialled, ["moved.lan:1"]);
    bench.incarnations.insert("m3".to_owned(), 800);
    bench.answer_dial("m3");
    bench.receive(link, &at("m3", 800, 2).message());
    assert_eq!(bench.liveness("m3"), Some(true), "a link has shown it");
}

#[test]
fn a_forgotten_member_of_another_organisation_is_looked_for_at_its_external_endpoint() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_forgotten(&mut bench, &["a3"]);
    bench.receive(link, &at("a3", 800, 1).message());
    assert_eq!(tried(&mut bench), [external("a3")]);
}

#[test]
fn a_forgotten_member_that_is_not_connected_only_is_looked_for_and_none_by_a_forgery() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_forgotten(&mut bench, &["m3", "m4"]);
    bench.receive(link, &at("m4", 800, 1).signed_by("m2"));
    assert_eq!(tried(&mut bench), [] as [&str; 0], "it has not signed it");
    bench.connect("m3");
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(tried(&mut bench), [] as [&str; 0], "its link will show it");
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(tried(&mut bench), [internal("m4")]);
}

#[test]
fn of_all_that_were_forgotten_two_are_looked_for_in_a_second_and_no_more_are_checked() {
    let mut bench = without_pauses_between_dials();
    let gone: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = gone.iter().map(String::as_str).collect();
    let link = outlive_until_forgotten(&mut bench, &names);
    let checked = bench.checked;
    let mut probes = Vec::new();
    for tenth in 0..21 {
        for name in &names {
            bench.receive(link, &at(name, 800, tenth).message());
        }
        probes.extend(tried(&mut bench).iter().map(|_| tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 5, 10, 15, 20], "in tenths of a second");
    assert_eq!(bench.checked - checked, probes.len());
}

#[test]
fn those_forgotten_that_were_checked_at_once_are_not_looked_for_at_once() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_forgotten(&mut bench, &["m3", "m4"]);
    bench.hold_checks = true;
    bench.receive(link, &at("m3", 800, 1).message());
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(bench.jobs.len(), 2);
    bench.answer_all();
    assert_eq!(tried(&mut bench), [internal("m3")]);
}

#[test]
fn one_look_in_half_a_second_is_for_those_held_dead_and_those_forgotten_together() {
    let mut bench = without_pauses_between_dials();
    let link = outlive_until_forgotten(&mut bench, &["m3"]);
    bench.receive(link, &at("m4", 900, 7).message());
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(tried(&mut bench), [internal("m3")]);
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(tried(&mut bench), [] as [&str; 0]);
    pass(&mut bench, millis(500));
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(tried(&mut bench), [internal("m4")]);
}

/// The requests sent since the last call: to whom, and whether identities are asked for.
fn wants(bench: &mut Bench) -> Vec<(String, bool)> {
    bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => Some(request.want_identities),
        _ => None,
    })
}

/// `from` answers what it was asked by an empty view.
fn answer_at_once(bench: &mut Bench, link: LinkId, from: &str) {
    let asked = requests(bench);
    let (_, nonce, _) = asked.iter().find(|(to, ..)| to == from).expect("asked");
    bench.receive(link, &response(*nonce, MembershipResponse::default()));
}

/// A heartbeat that nobody can check.
fn stranger(number: u64) -> SignedMessage {
    beat(&format!("m{number}"), 1).anonymous().message()
}

/// A node whose heartbeat is current, so that requests go out at once, and that does not ask of itself.
fn with_rare_exchanges() -> (Bench, LinkId) {
    let mut bench = Bench::with(|config| {
        config.membership.sync_interval = secs(1_000);
        config.link.max_handshakes = std::num::NonZeroUsize::MAX;
    });
    let link = bench.member("m2");
    answer_at_once(&mut bench, link, "m2");
    (bench, link)
}

#[test]
fn whoever_tells_of_a_stranger_is_asked_at_once_who_that_is() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &stranger(50));
    assert_eq!(wants(&mut bench), [("m2".to_owned(), true)]);
}

#[test]
fn whoever_tells_of_strangers_again_and_again_is_asked_once_in_an_exchange_interval() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &stranger(50));
    answer_at_once(&mut bench, link, "m2");
    let other = bench.connect("m3");
    wants(&mut bench);
    for number in 51..60 {
        bench.receive(link, &stranger(number));
        assert_eq!(wants(&mut bench), []);
    }
    bench.receive(other, &stranger(60));
    let of_other = [("m3".to_owned(), true)];
    assert_eq!(wants(&mut bench), of_other, "it has its own share");
    // Fast enough for nobody to be held dead.
    bench.now += secs(1_000) - millis(1);
    bench.receive(link, &stranger(61));
    assert!(!wants(&mut bench).contains(&("m2".to_owned(), true)));
    bench.now += millis(1);
    bench.receive(link, &stranger(62));
    assert!(wants(&mut bench).contains(&("m2".to_owned(), true)));
}

#[test]
fn at_most_sixty_four_are_asked_for_strangers_in_an_exchange_interval_and_others_next_time() {
    let (mut bench, _) = with_rare_exchanges();
    let links: Vec<_> = (100..165)
        .map(|number| bench.connect(&format!("m{number}")))
        .collect();
    wants(&mut bench);
    for (link, number) in links.iter().zip(200..) {
        bench.receive(*link, &stranger(number));
    }
    let asked = wants(&mut bench);
    assert_eq!(asked.len(), 64);
    assert!(asked.iter().all(|(to, with)| to != "m164" && *with));
    bench.now += secs(1_000);
    bench.receive(links[64], &stranger(300));
    assert!(wants(&mut bench).contains(&("m164".to_owned(), true)));
}

#[test]
fn whoever_is_asked_next_is_asked_for_identities_if_the_teller_may_not_be() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &stranger(50));
    answer_at_once(&mut bench, link, "m2");
    bench.receive(link, &stranger(51));
    bench.connect("m3");
    wants(&mut bench);
    // The first of its organisation is asked at once.
    let newcomer = bench.connect("a1");
    bench.receive(newcomer, &beat("a1", 1).message());
    assert_eq!(wants(&mut bench), [("a1".to_owned(), true)]);
}
