//! A node that has reason to doubt its own hearing does not accuse others.

use gossip_proto::MembershipResponse;

use super::*;
use crate::Event;

/// Silent members, all seen just now.
fn members(bench: &mut Bench, names: &[&str]) -> Vec<LinkId> {
    names.iter().map(|name| bench.member(name)).collect()
}

/// The clock has moved while the node stood still.
fn freeze(bench: &mut Bench, seconds: u64) {
    bench.now += secs(seconds);
    bench.event(Event::Tick);
}

#[test]
fn the_silence_before_a_node_that_was_frozen_thaws_does_not_count() {
    let mut bench = Bench::new();
    let links = members(&mut bench, &["m2", "m3"]);
    bench.advance(secs(20));
    freeze(&mut bench, 3_600);
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.advance(secs(20));
    assert_eq!(bench.liveness("m2"), Some(true));
    bench.receive(links[0], &beat("m2", 2).message());
    bench.advance(secs(100));
    assert_eq!(bench.liveness("m3"), Some(false), "it really is silent");
}

#[test]
fn a_timer_a_moment_late_doubles_the_time_but_the_silence_before_counts() {
    let mut bench = Bench::new();
    members(&mut bench, &["m2"]);
    bench.advance(secs(24));
    bench.now += millis(2_000);
    bench.event(Event::Tick);
    assert_eq!(bench.liveness("m2"), Some(true), "it has become patient");
    bench.advance(secs(30));
    assert_eq!(bench.liveness("m2"), Some(false));
}

#[test]
fn late_timers_make_a_node_distrust_itself_up_to_a_bound_and_punctual_ones_heal_it() {
    let mut bench = Bench::new();
    let links = members(&mut bench, &["m2", "m3"]);
    for _ in 0..20 {
        freeze(&mut bench, 10);
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
fn a_node_that_several_members_do_not_answer_distrusts_itself_until_one_does() {
    let mut bench = Bench::new();
    let names = ["m2", "m3", "m4", "m5", "m6"];
    let links = members(&mut bench, &names);
    for sequence in 2..30 {
        bench.advance(secs(3));
        for (name, link) in names.iter().zip(&links) {
            bench.receive(*link, &beat(name, sequence).message());
        }
    }
    let distrust = bench.metrics().health;
    assert!(distrust >= 1, "{distrust}");
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
fn a_node_that_hears_nobody_gives_all_twice_the_time_but_no_more() {
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
        freeze(&mut worst, 10);
    }
    worst.advance(secs(101));
    assert!(worst.membership().is_alone(), "four times at the most");
}

#[test]
fn one_silent_member_among_others_that_are_heard_is_dead_in_time() {
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
