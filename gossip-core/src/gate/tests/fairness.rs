//! A flood on one link does not stop the others.

use super::*;
use gossip_proto::MembershipResponse;

/// A node that runs at most two checks per link and eight in all. `m2` has just sent it the heartbeats of `m10` to
/// `m29`.
fn flooded() -> (Bench, LinkId, LinkId) {
    let mut bench = Bench::with(|config| {
        config.gate.max_pending = 8.try_into().unwrap();
        config.gate.max_pending_per_link = 2.try_into().unwrap();
    });
    let (link, other) = (bench.member("m2"), bench.member("m3"));
    let nonce = (0..400).find_map(|_| {
        bench.advance(millis(100));
        let asked = bench.sent_like(|message| match message.content() {
            Content::MembershipRequest(_) => Some(message.message().nonce),
            _ => None,
        });
        asked.into_iter().find(|(to, _)| to == "m2")
    });
    let (_, nonce) = nonce.unwrap();
    bench.hold_checks = true;
    let alive = (10..30).map(|number| beat(&format!("m{number}"), 1).envelope());
    let view = MembershipResponse {
        alive: alive.collect(),
        ..MembershipResponse::default()
    };
    bench.receive(link, &response(nonce, view));
    (bench, link, other)
}

fn known(bench: &Bench) -> usize {
    let names = (10..30).map(|number| format!("m{number}"));
    names.filter(|name| bench.liveness(name).is_some()).count()
}

#[test]
fn a_link_with_many_checks_leaves_the_others_their_share() {
    let (mut bench, link, other) = flooded();
    assert_eq!(bench.jobs.len(), 2);
    assert!(!bench.node.admits(link));
    assert!(bench.node.admits(other));
    bench.receive(other, &beat("m30", 1).message());
    assert_eq!(bench.jobs.len(), 3, "at once");
    bench.answer_all();
    assert_eq!((known(&bench), bench.liveness("m30")), (20, Some(true)));
    assert!(bench.node.admits(link));
}

#[test]
fn an_item_that_a_second_link_sends_waits_no_longer_than_if_it_were_the_first() {
    let (mut bench, _, other) = flooded();
    bench.receive(other, &beat("m29", 1).message());
    assert_eq!(bench.jobs.len(), 3);
    bench.receive(other, &beat("m29", 1).message());
    assert_eq!(bench.jobs.len(), 3, "once");
    bench.jobs.rotate_right(1);
    bench.answer();
    assert_eq!(bench.liveness("m29"), Some(true));
    bench.answer_all();
    assert_eq!(known(&bench), 20);
}

#[test]
fn waiting_checks_end_with_their_link_unless_another_link_needs_them() {
    let (mut bench, link, other) = flooded();
    for name in ["m31", "m32"] {
        bench.receive(other, &beat(name, 1).message());
    }
    bench.receive(other, &beat("m29", 1).message());
    assert_eq!(bench.jobs.len(), 4);
    bench.link_down(other);
    assert_eq!(bench.jobs.len(), 5, "the first link has sent it too");
    bench.link_down(link);
    bench.answer_all();
    assert_eq!(known(&bench), 3, "two had started, and one was shared");
    assert_eq!(bench.crypto().in_flight(), 0);
}

#[test]
fn a_link_with_many_bytes_to_check_is_not_read_but_one_message_always_is() {
    let mut bench = Bench::joined(&["m"], |config| {
        config.gate.max_pending_bytes_per_link = 1_000;
        config.gate.max_pending_bytes = 5_000;
    });
    let links = ["m2", "m3", "m4"].map(|name| bench.participant(name));
    bench.hold_checks = true;
    bench.receive(links[0], &pushed(0, vec![0; 3_000].into()));
    let admitted = |bench: &Bench| links.map(|link| bench.node.admits(link));
    assert_eq!(admitted(&bench), [false, true, true]);
    // A different copy of the same block is kept too, and counts.
    bench.receive(links[1], &pushed(0, vec![1; 1_500].into()));
    assert_eq!(admitted(&bench), [false, false, true]);
    bench.receive(links[2], &pushed(1, vec![2; 900].into()));
    assert_eq!(admitted(&bench), [false; 3], "the total is reached");
    bench.answer_all();
    assert_eq!(admitted(&bench), [true; 3]);
}
