//! Identities: who may be told of whom, and how often.

use gossip_proto::PullKind::Identity;

use super::*;

/// A node that holds what these have announced; each is a member and `hidden` ones have no external endpoint.
fn holding(announced: &[&str], hidden: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let link = plain(&mut bench, "m2");
    let (_, nonce) = round(&mut bench, Identity).remove(0);
    bench.receive(link, &digest(Identity, nonce, announced));
    let items: Vec<_> = announced.iter().map(|name| announcement(name)).collect();
    bench.receive(link, &update(Identity, nonce, &items));
    for name in announced {
        let beat = beat(name, 2);
        let beat = if hidden.contains(name) {
            beat.hidden()
        } else {
            beat
        };
        bench.receive(link, &beat.message());
    }
    bench.sent();
    bench
}

fn told(bench: &mut Bench, name: &str) -> Vec<String> {
    let link = bench.connect(name);
    bench.receive(link, &hello(Identity, 5));
    let mut digests = digests(bench);
    digests.pop().map(|(_, ids)| ids).unwrap_or_default()
}

#[test]
fn foreign_organisations_hear_of_external_peers_that_concern_them_only() {
    let mut bench = holding(&["m2", "m3", "a1", "a2", "b1"], &["m3", "a2"]);
    assert_eq!(
        told(&mut bench, "m4"),
        ["a1", "a2", "b1", "m1", "m2", "m3"],
        "our own hear of all"
    );
    assert_eq!(told(&mut bench, "a7"), ["a1", "m1", "m2"]);
    assert_eq!(told(&mut bench, "c1"), ["m1", "m2"]);
    assert_eq!(told(&mut bench, "?x"), Vec::<String>::new());
}

#[test]
fn what_a_digest_hides_a_request_does_not_bring_to_light() {
    let mut bench = holding(&["m2", "m3", "b1"], &["m3"]);
    let link = bench.connect("a1");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &request_of(Identity, 5, &["m1", "m3", "b1"]));
    assert_eq!(updates(&mut bench), [("a1".to_owned(), names(&["m1"]))]);
}

#[test]
fn foreign_organisations_do_not_hear_of_members_that_are_gone() {
    let mut bench = holding(&["m2", "m3"], &[]);
    bench.advance(secs(60));
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.sent();
    assert_eq!(told(&mut bench, "a1"), ["m1"]);
}

#[test]
fn a_node_without_external_endpoint_does_not_show_itself_to_others() {
    let mut bench = Bench::with(|config| config.external_endpoint = None);
    assert_eq!(told(&mut bench, "a1"), Vec::<String>::new());
    assert_eq!(told(&mut bench, "m2"), ["m1"]);
}

#[test]
fn a_request_is_answered_once_for_each_hello_and_in_time() {
    let mut bench = holding(&["m2"], &[]);
    let (link, other) = (bench.connect("m4"), bench.connect("m5"));
    let before = bench.metrics().pull_refused;
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    bench.receive(link, &hello(Identity, 5));
    bench.receive(other, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench), [], "without a hello of its own");
    bench.receive(link, &request_of(Identity, 5, &["m1", "m1", "m2"]));
    assert_eq!(updates(&mut bench)[0].1, ["m1", "m2"]);
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench), [], "twice");
    bench.receive(link, &hello(Identity, 6));
    bench.advance(millis(1501));
    bench.receive(link, &request_of(Identity, 6, &["m1"]));
    assert_eq!(updates(&mut bench), [], "too late");
    assert_eq!(bench.metrics().pull_refused - before, 4);
}

#[test]
fn only_so_many_hellos_of_one_link_are_answered_per_second() {
    let mut bench = holding(&["m2"], &[]);
    let (link, other) = (bench.connect("m4"), bench.connect("m5"));
    for nonce in 0..20 {
        bench.receive(link, &hello(Identity, nonce));
    }
    assert_eq!(digests(&mut bench).len(), 4);
    assert_eq!(bench.metrics().requests_limited, 16);
    bench.receive(other, &hello(Identity, 1));
    assert_eq!(digests(&mut bench).len(), 1, "others are not concerned");
    bench.advance(secs(1));
    bench.receive(link, &hello(Identity, 21));
    assert_eq!(digests(&mut bench).len(), 1);
}

#[test]
fn an_update_is_bounded_in_bytes_but_holds_one_item() {
    let mut bench = Bench::with(|config| config.pull.max_update_bytes = 1);
    let link = bench.connect("m4");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench)[0].1, ["m1"]);
}

#[test]
fn our_announcement_is_signed_when_first_wanted_and_once() {
    let mut bench = Bench::new();
    let before = bench.signatures;
    let link = bench.connect("m4");
    let conn = bench.signatures - before;
    for nonce in 0..3 {
        bench.receive(link, &hello(Identity, nonce));
    }
    assert_eq!(bench.signatures - before - conn, 1);
}

#[test]
fn a_node_that_cannot_sign_its_announcement_says_so_and_tries_again() {
    let mut bench = Bench::new();
    let link = bench.connect("m4");
    bench.cannot_sign = true;
    bench.receive(link, &hello(Identity, 1));
    assert_eq!(bench.metrics().signing_failures, 1);
    bench.cannot_sign = false;
    bench.receive(link, &hello(Identity, 2));
    bench.receive(link, &request_of(Identity, 2, &["m1"]));
    assert_eq!(updates(&mut bench), [("m4".to_owned(), names(&["m1"]))]);
}

#[test]
fn ids_taken_of_one_request_are_bounded() {
    let mut bench = Bench::with(|config| config.pull.max_ids = 3.try_into().unwrap());
    let link = bench.connect("m4");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &request_of(Identity, 5, &["x", "y", "z", "m1"]));
    assert_eq!(updates(&mut bench), []);
    bench.receive(link, &hello(Identity, 6));
    bench.receive(link, &request_of(Identity, 6, &["x", "y", "m1"]));
    assert_eq!(updates(&mut bench)[0].1, ["m1"]);
}

#[test]
fn a_newer_hello_of_a_peer_takes_the_place_of_the_one_before() {
    let mut bench = Bench::new();
    let link = bench.connect("m4");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &hello(Identity, 6));
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench), []);
    bench.receive(link, &request_of(Identity, 6, &["m1"]));
    assert_eq!(updates(&mut bench).len(), 1);
}
