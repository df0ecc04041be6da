//! Probes: requests of identities of unknown peers, and of dead or forgotten members that may be alive.

use std::time::Duration;

use super::*;

/// A node whose only dials are probes: no pauses after failed dials, and no other requests.
fn without_pauses_between_dials() -> Bench {
    Bench::with(|config| {
        config.link.backoff_min = millis(1);
        config.link.backoff_max = millis(1);
        config.membership.forget_after = secs(100);
        config.membership.sync_interval = secs(1_000);
    })
}

/// The addresses dialled since the last call. Fails all dials.
fn dialled(bench: &mut Bench) -> Vec<String> {
    bench.fail_dials()
}

fn at(name: &str, incarnation: u64, sequence: u64) -> Beat {
    let mut beat = beat(name, sequence);
    beat.time.incarnation = incarnation;
    beat
}

/// Sends heartbeats of `names` through `m2`, then lets them be silent until `over`. All dials fail.
fn silence(bench: &mut Bench, names: &[&str], over: impl Fn(&Bench, &str) -> bool) -> LinkId {
    let link = bench.member("m2");
    for name in names {
        bench.receive(link, &at(name, 900, 7).message());
    }
    for sequence in 2..2_000 {
        if names.iter().all(|name| over(bench, name)) {
            return link;
        }
        bench.advance(millis(100));
        dialled(bench);
        bench.receive(link, &beat("m2", sequence).message());
    }
    panic!("{names:?} are still there");
}

fn silence_until_dead(bench: &mut Bench, names: &[&str]) -> LinkId {
    silence(bench, names, |bench, name| {
        bench.liveness(name) == Some(false)
    })
}

fn silence_until_forgotten(bench: &mut Bench, names: &[&str]) -> LinkId {
    silence(bench, names, |bench, name| bench.liveness(name).is_none())
}

/// Advances the time, and a little more, so that failed addresses may be dialled again.
fn pause(bench: &mut Bench, time: Duration) {
    bench.advance(time);
    dialled(bench);
    bench.advance(millis(2));
}

#[test]
fn a_dead_member_is_probed_when_its_last_heartbeat_is_received_again() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_dead(&mut bench, &["m3"]);
    bench.receive(link, &at("m3", 900, 7).message());
    assert_eq!(dialled(&mut bench), [internal("m3")]);
    assert_eq!(
        bench.liveness("m3"),
        Some(false),
        "the claim of another peer does not revive it"
    );
    pause(&mut bench, millis(500));
    let (checked, dead) = (bench.checked, at("m3", 900, 7));
    answer(&mut bench, link, "m2", &[], &[&dead]);
    assert_eq!(bench.checked, checked);
    assert_eq!(dialled(&mut bench), [] as [&str; 0], "listed as dead");
}

#[test]
fn a_dead_member_is_probed_when_a_heartbeat_of_an_earlier_incarnation_is_received() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_dead(&mut bench, &["m3"]);
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(dialled(&mut bench), [internal("m3")]);
}

#[test]
fn an_alive_member_without_a_link_is_probed_when_a_heartbeat_of_an_earlier_incarnation_is_received()
{
    let mut bench = without_pauses_between_dials();
    let relay = bench.member("m2");
    bench.receive(relay, &at("m3", 900, 7).message());
    bench.receive(relay, &at("m3", 900, 7).message());
    assert_eq!(dialled(&mut bench), [] as [&str; 0], "it is alive");
    bench.receive(relay, &at("m3", 800, 1).message());
    assert_eq!(dialled(&mut bench), [internal("m3")]);
    bench.connect("m3");
    pause(&mut bench, secs(5));
    requests(&mut bench);
    bench.receive(relay, &at("m3", 800, 2).message());
    assert_eq!(dialled(&mut bench), [] as [&str; 0]);
    assert_eq!(requests(&mut bench), []);
}

#[test]
fn each_dead_member_is_probed_at_most_once_in_five_seconds() {
    let mut bench = without_pauses_between_dials();
    // With so many dead members none is probed without a hint for ten seconds.
    let crowd: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let mut names: Vec<&str> = crowd.iter().map(String::as_str).collect();
    names.push("m3");
    let link = silence_until_dead(&mut bench, &names);
    let mut probes = Vec::new();
    for tenth in 0..101 {
        bench.receive(link, &at("m3", 900, 7).message());
        let at_m3 = dialled(&mut bench).contains(&internal("m3"));
        probes.extend(at_m3.then_some(tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 50, 100], "in tenths of a second");
}

#[test]
fn at_most_two_dead_members_are_probed_per_second() {
    let mut bench = without_pauses_between_dials();
    let dead: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = dead.iter().map(String::as_str).collect();
    let link = silence_until_dead(&mut bench, &names);
    let mut probes = Vec::new();
    for tenth in 0..21 {
        for name in &names {
            bench.receive(link, &at(name, 900, 7).message());
        }
        probes.extend(dialled(&mut bench).iter().map(|_| tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 5, 10, 15, 20], "in tenths of a second");
}

#[test]
fn a_forgotten_member_with_an_earlier_incarnation_is_dialled_at_its_stated_endpoint() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_forgotten(&mut bench, &["m3"]);
    let mut moved = at("m3", 800, 1);
    moved.secret = Some("moved.lan:1".to_owned());
    bench.receive(link, &moved.message());
    assert_eq!(
        bench.liveness("m3"),
        None,
        "the claim of another peer does not revive it"
    );
    let dialled: Vec<_> = bench.dials.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(dialled, ["moved.lan:1"]);
    bench.incarnations.insert("m3".to_owned(), 800);
    bench.answer_dial("m3");
    bench.receive(link, &at("m3", 800, 2).message());
    assert_eq!(bench.liveness("m3"), Some(true), "proven by a link");
}

#[test]
fn a_forgotten_member_of_another_organisation_is_dialled_at_its_external_endpoint() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_forgotten(&mut bench, &["a3"]);
    bench.receive(link, &at("a3", 800, 1).message());
    assert_eq!(dialled(&mut bench), [external("a3")]);
}

#[test]
fn a_forgotten_member_is_dialled_unless_it_is_connected_or_the_heartbeat_is_forged() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_forgotten(&mut bench, &["m3", "m4"]);
    bench.receive(link, &at("m4", 800, 1).signed_by("m2"));
    assert_eq!(dialled(&mut bench), [] as [&str; 0], "forged");
    bench.connect("m3");
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(dialled(&mut bench), [] as [&str; 0], "connected");
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(dialled(&mut bench), [internal("m4")]);
}

#[test]
fn at_most_two_forgotten_members_are_dialled_per_second_and_other_heartbeats_are_not_verified() {
    let mut bench = without_pauses_between_dials();
    let gone: Vec<_> = (100..120).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = gone.iter().map(String::as_str).collect();
    let link = silence_until_forgotten(&mut bench, &names);
    let checked = bench.checked;
    let mut probes = Vec::new();
    for tenth in 0..21 {
        for name in &names {
            bench.receive(link, &at(name, 800, tenth).message());
        }
        probes.extend(dialled(&mut bench).iter().map(|_| tenth));
        bench.advance(millis(100));
    }
    assert_eq!(probes, [0, 5, 10, 15, 20], "in tenths of a second");
    assert_eq!(bench.checked - checked, probes.len());
}

#[test]
fn of_two_forgotten_members_verified_at_the_same_time_one_is_dialled() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_forgotten(&mut bench, &["m3", "m4"]);
    bench.hold_checks = true;
    bench.receive(link, &at("m3", 800, 1).message());
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(bench.jobs.len(), 2);
    bench.answer_all();
    assert_eq!(dialled(&mut bench), [internal("m3")]);
}

#[test]
fn dead_and_forgotten_members_share_the_limit_on_probes() {
    let mut bench = without_pauses_between_dials();
    let link = silence_until_forgotten(&mut bench, &["m3"]);
    bench.receive(link, &at("m4", 900, 7).message());
    bench.receive(link, &at("m3", 800, 1).message());
    assert_eq!(dialled(&mut bench), [internal("m3")]);
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(dialled(&mut bench), [] as [&str; 0]);
    pause(&mut bench, millis(500));
    bench.receive(link, &at("m4", 800, 1).message());
    assert_eq!(dialled(&mut bench), [internal("m4")]);
}

/// The requests sent since the last call: receiver, and whether they ask for identities.
fn wants(bench: &mut Bench) -> Vec<(String, bool)> {
    bench.sent_like(|message| match message.content() {
        Content::MembershipRequest(request) => Some(request.want_identities),
        _ => None,
    })
}

/// Answers the request to `from` with an empty view.
fn answer_at_once(bench: &mut Bench, link: LinkId, from: &str) {
    let asked = requests(bench);
    let (_, nonce, _) = asked.iter().find(|(to, ..)| to == from).expect("asked");
    bench.receive(link, &response(*nonce, MembershipResponse::default()));
}

/// A heartbeat of an unknown peer, which cannot be verified.
fn unknown_peer(number: u64) -> SignedMessage {
    beat(&format!("m{number}"), 1).anonymous().message()
}

/// A node whose heartbeat is current, so that requests are sent at once, and that sends none by itself.
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
fn the_sender_of_an_unknown_peers_heartbeat_is_asked_for_identities_at_once() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &unknown_peer(50));
    assert_eq!(wants(&mut bench), [("m2".to_owned(), true)]);
}

#[test]
fn a_sender_of_unknown_peers_heartbeats_is_asked_once_per_exchange_interval() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &unknown_peer(50));
    answer_at_once(&mut bench, link, "m2");
    let other = bench.connect("m3");
    wants(&mut bench);
    for number in 51..60 {
        bench.receive(link, &unknown_peer(number));
        assert_eq!(wants(&mut bench), []);
    }
    bench.receive(other, &unknown_peer(60));
    let of_other = [("m3".to_owned(), true)];
    assert_eq!(wants(&mut bench), of_other, "the limit is per sender");
    // No event in between, so that no member dies.
    bench.now += secs(1_000) - millis(1);
    bench.receive(link, &unknown_peer(61));
    assert!(!wants(&mut bench).contains(&("m2".to_owned(), true)));
    bench.now += millis(1);
    bench.receive(link, &unknown_peer(62));
    assert!(wants(&mut bench).contains(&("m2".to_owned(), true)));
}

#[test]
fn at_most_sixty_four_senders_are_asked_for_identities_per_exchange_interval() {
    let (mut bench, _) = with_rare_exchanges();
    let links: Vec<_> = (100..165)
        .map(|number| bench.connect(&format!("m{number}")))
        .collect();
    wants(&mut bench);
    for (link, number) in links.iter().zip(200..) {
        bench.receive(*link, &unknown_peer(number));
    }
    let asked = wants(&mut bench);
    assert_eq!(asked.len(), 64);
    assert!(asked.iter().all(|(to, with)| to != "m164" && *with));
    bench.now += secs(1_000);
    bench.receive(links[64], &unknown_peer(300));
    assert!(wants(&mut bench).contains(&("m164".to_owned(), true)));
}

#[test]
fn the_next_request_to_any_peer_asks_for_identities_if_the_sender_may_not_be_asked() {
    let (mut bench, link) = with_rare_exchanges();
    bench.receive(link, &unknown_peer(50));
    answer_at_once(&mut bench, link, "m2");
    bench.receive(link, &unknown_peer(51));
    bench.connect("m3");
    wants(&mut bench);
    // The first member of an organisation is asked at once.
    let newcomer = bench.connect("a1");
    bench.receive(newcomer, &beat("a1", 1).message());
    assert_eq!(wants(&mut bench), [("a1".to_owned(), true)]);
}
