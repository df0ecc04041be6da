//! Local health: a node with signs of a fault of its own gives other members more time.

use gossip_proto::MembershipResponse;

use super::*;
use crate::Event;

/// Connected members that then stay silent.
fn members(bench: &mut Bench, names: &[&str]) -> Vec<LinkId> {
    names.iter().map(|name| bench.member(name)).collect()
}

/// Advances the clock without running the node, as a suspension does.
fn suspend(bench: &mut Bench, seconds: u64) {
    bench.now += secs(seconds);
    bench.event(Event::Tick);
}

#[test]
fn silence_during_a_suspension_of_this_node_does_not_count() {
    let mut bench = Bench::new();
    let links = members(&mut bench, &["m2", "m3"]);
    bench.advance(secs(20));
    suspend(&mut bench, 3_600);
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(secs(20));
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.receive(links[0], &beat("m2", 2).message());
    bench.advance(secs(100));
    assert_eq!(
        bench.liveness("m3"),
        Some(false),
        "silent after the suspension"
    );
}

#[test]
fn a_slightly_late_timer_doubles_the_expiration_but_earlier_silence_counts() {
    let mut bench = Bench::new();
    members(&mut bench, &["m2"]);
    bench.advance(secs(24));
    bench.now += millis(2_000);
    bench.event(Event::Tick);
    assert_eq!(
        bench.liveness("m2"),
        Some(true),
        "the expiration is doubled"
    );
    bench.advance(secs(30));
    assert_eq!(bench.liveness("m2"), Some(false));
}

#[test]
fn late_timers_raise_the_score_up_to_a_bound_and_punctual_timers_lower_it() {
    let mut bench = Bench::new();
    let links = members(&mut bench, &["m2", "m3"]);
    for _ in 0..20 {
        suspend(&mut bench, 10);
    }
    assert_eq!(bench.metrics().health, 8);
    for sequence in 2..12 {
        answer(&mut bench, links[0], "m2", &[], &[]);
        bench.receive(links[0], &beat("m2", sequence).message());
        bench.receive(links[1], &beat("m3", sequence).message());
    }
    assert_eq!(bench.metrics().health, 0);
}

#[test]
fn several_unanswered_members_raise_the_score_until_one_answers() {
    let mut bench = Bench::new();
    let names = ["m2", "m3", "m4", "m5", "m6"];
    let links = members(&mut bench, &names);
    for sequence in 2..30 {
        bench.advance(secs(3));
        for (name, link) in names.iter().zip(&links) {
            bench.receive(*link, &beat(name, sequence).message());
        }
    }
    let score = bench.metrics().health;
    assert!(score >= 1, "{score}");
    for sequence in 30..60 {
        for (to, nonce, _) in requests(&mut bench) {
            let link = names.iter().position(|name| *name == to).unwrap();
            bench.receive(links[link], &response(nonce, MembershipResponse::default()));
        }
        bench.advance(secs(3));
        for (name, link) in names.iter().zip(&links) {
            bench.receive(*link, &beat(name, sequence).message());
        }
    }
    assert_eq!(bench.metrics().health, 0);
}

#[test]
fn without_any_message_the_expiration_is_doubled_and_at_most_quadrupled() {
    let mut bench = Bench::new();
    members(&mut bench, &["m2", "m3"]);
    bench.advance(secs(40));
    assert_eq!(bench.liveness("m2"), Some(true));
    assert_eq!(bench.liveness("m3"), Some(true));
    bench.advance(secs(61));
    assert!(bench.membership().is_alone(), "four times at the most");
    let mut worst = Bench::new();
    members(&mut worst, &["m2", "m3"]);
    for _ in 0..20 {
        suspend(&mut worst, 10);
    }
    worst.advance(secs(101));
    assert!(worst.membership().is_alone(), "four times at the most");
}

#[test]
fn one_silent_member_among_others_dies_at_the_usual_expiration() {
    let mut bench = Bench::new();
    let links = members(&mut bench, &["m2", "m3"]);
    for sequence in 2..7 {
        bench.advance(millis(4_990));
        bench.receive(links[0], &beat("m2", sequence).message());
    }
    assert_eq!(bench.liveness("m3"), Some(true));
    bench.advance(millis(50));
    assert_eq!(bench.liveness("m3"), Some(false));
}
