//! Identities: which ones a peer may see, and how often it may ask.

use gossip_proto::PullKind::Identity;

use super::*;

/// A node that holds the announcements of these members; `hidden` ones have no external endpoint.
fn holding(announced: &[&str], hidden: &[&str]) -> Bench {
    let mut bench = Bench::new();
    let link = legacy(&mut bench, "m2");
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
fn foreign_organisations_see_only_public_peers_of_ours_and_their_own() {
    let mut bench = holding(&["m2", "m3", "a1", "a2", "b1"], &["m3", "a2"]);
    assert_eq!(
        told(&mut bench, "m4"),
        ["a1", "a2", "b1", "m1", "m2", "m3"],
        "our own peers see all"
    );
    assert_eq!(told(&mut bench, "a7"), ["a1", "m1", "m2"]);
    assert_eq!(told(&mut bench, "c1"), ["m1", "m2"]);
    assert_eq!(told(&mut bench, "?x"), Vec::<String>::new());
}

#[test]
fn an_identity_hidden_in_a_digest_is_not_sent_on_request() {
    let mut bench = holding(&["m2", "m3", "b1"], &["m3"]);
    let link = bench.connect("a1");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &request_of(Identity, 5, &["m1", "m3", "b1"]));
    assert_eq!(updates(&mut bench), [("a1".to_owned(), names(&["m1"]))]);
}

#[test]
fn foreign_organisations_do_not_see_dead_members() {
    let mut bench = holding(&["m2", "m3"], &[]);
    bench.advance(secs(60));
    assert_eq!(bench.liveness("m3"), Some(false));
    bench.sent();
    assert_eq!(told(&mut bench, "a1"), ["m1"]);
}

#[test]
fn a_node_without_external_endpoint_is_hidden_from_foreign_organisations() {
    let mut bench = Bench::with(|config| config.external_endpoint = None);
    assert_eq!(told(&mut bench, "a1"), Vec::<String>::new());
    assert_eq!(told(&mut bench, "m2"), ["m1"]);
}

#[test]
fn a_request_is_answered_once_per_hello_and_before_its_deadline() {
    let mut bench = holding(&["m2"], &[]);
    let (link, other) = (bench.connect("m4"), bench.connect("m5"));
    let before = bench.metrics().pull_refused;
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    bench.receive(link, &hello(Identity, 5));
    bench.receive(other, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench), [], "without its own hello");
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
fn the_rate_of_answered_hellos_of_one_link_is_bounded() {
    let mut bench = holding(&["m2"], &[]);
    let (link, other) = (bench.connect("m4"), bench.connect("m5"));
    for nonce in 0..20 {
        bench.receive(link, &hello(Identity, nonce));
    }
    assert_eq!(digests(&mut bench).len(), 4);
    assert_eq!(bench.metrics().requests_limited, 16);
    bench.receive(other, &hello(Identity, 1));
    assert_eq!(digests(&mut bench).len(), 1, "other links are not affected");
    bench.advance(secs(1));
    bench.receive(link, &hello(Identity, 21));
    assert_eq!(digests(&mut bench).len(), 1);
}

#[test]
fn an_update_is_bounded_in_bytes_but_contains_at_least_one_item() {
    let mut bench = Bench::with(|config| config.pull.max_update_bytes = 1);
    let link = bench.connect("m4");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench)[0].1, ["m1"]);
}

#[test]
fn our_announcement_is_signed_once_at_the_first_need() {
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
fn a_failed_signature_of_our_announcement_is_counted_and_tried_again() {
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
fn ids_in_a_request_are_bounded() {
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
fn a_newer_hello_of_a_peer_replaces_the_earlier_one() {
    let mut bench = Bench::new();
    let link = bench.connect("m4");
    bench.receive(link, &hello(Identity, 5));
    bench.receive(link, &hello(Identity, 6));
    bench.receive(link, &request_of(Identity, 5, &["m1"]));
    assert_eq!(updates(&mut bench), []);
    bench.receive(link, &request_of(Identity, 6, &["m1"]));
    assert_eq!(updates(&mut bench).len(), 1);
}
