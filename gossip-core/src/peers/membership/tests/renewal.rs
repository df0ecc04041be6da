//! Renewed certificates: another peer at a known address.

use gossip_proto::Tag;

use super::*;
use crate::{
    AckFailure, DropReason, Endpoint, Request, RequestError, RequestId, Response, SendCriteria,
    SendOutcome,
};

/// A heartbeat of `name` with the endpoint of `m2`.
fn at_m2(name: &str, sequence: u64) -> SignedMessage {
    let beat = beat(name, sequence).hidden();
    beat.secret(Some(&internal("m2"))).message()
}

fn dialled(bench: &Bench) -> Vec<&str> {
    bench.dials.iter().map(|(_, to)| to.as_str()).collect()
}

#[test]
fn a_renewed_member_replaces_the_old_one_as_soon_as_it_answers_a_dial() {
    let mut bench = Bench::new();
    let old = bench.member("m2");
    let other = bench.member("m9");
    bench.link_down(old);
    requests(&mut bench);
    bench.receive(other, &at_m2("m3", 1));
    bench.advance(millis(1));
    assert_eq!(dialled(&bench), [internal("m2")]);
    assert_eq!(
        bench.liveness("m2"),
        Some(true),
        "the claim alone is not enough"
    );
    bench.answer_dial("m3");
    assert_eq!(bench.liveness("m2"), None);
    assert_eq!(bench.liveness("m3"), Some(true));
    let asked: Vec<_> = requests(&mut bench)
        .into_iter()
        .map(|(to, ..)| to)
        .collect();
    assert_eq!(
        asked,
        ["m3"],
        "frames held for the old peer are sent to the new one"
    );
    assert!(!bench.holds_identity("m2"));
}

#[test]
fn a_renewed_member_that_has_connected_to_us_replaces_the_old_one_too() {
    let mut bench = Bench::new();
    let old = bench.member("m2");
    bench.link_down(old);
    let link = bench.connect("m3");
    bench.receive(link, &at_m2("m3", 1));
    bench.advance(millis(1));
    assert_eq!(dialled(&bench), [internal("m2")]);
    bench.answer_dial("m3");
    assert_eq!(bench.liveness("m2"), None);
    assert_eq!(bench.liveness("m3"), Some(true));
}

#[test]
fn a_false_claim_of_its_endpoint_does_not_evict_a_member() {
    let mut bench = Bench::new();
    let owner = bench.member("m2");
    let claimant = bench.connect("m3");
    let nonce = asked(&mut bench, "m2");
    bench.receive(owner, &response(nonce, MembershipResponse::default()));
    requests(&mut bench);
    bench.receive(claimant, &at_m2("m3", 1));
    bench.advance(millis(1));
    let asked: Vec<_> = requests(&mut bench)
        .into_iter()
        .map(|(to, ..)| to)
        .collect();
    assert_eq!((asked, dialled(&bench)), (vec!["m2".to_owned()], vec![]));
    bench.receive(owner, &beat("m2", 2).message());
    assert_eq!(bench.liveness("m2"), Some(true));
}

#[test]
fn a_member_that_answers_the_dial_to_its_endpoint_stays() {
    let mut bench = Bench::new();
    let owner = bench.member("m2");
    bench.link_down(owner);
    let claimant = bench.connect("m3");
    bench.receive(claimant, &at_m2("m3", 1));
    bench.advance(millis(1));
    assert_eq!(dialled(&bench), [internal("m2")]);
    bench.answer_dial("m2");
    assert_eq!(bench.liveness("m2"), Some(true));
    assert_eq!(bench.closed, []);
}

#[test]
fn a_newcomer_of_another_organisation_causes_no_probe() {
    let mut bench = Bench::new();
    let old = bench.member("m2");
    bench.link_down(old);
    let link = bench.connect("a1");
    let mut foreign = beat("a1", 1);
    foreign.secret = Some(internal("m2"));
    bench.receive(link, &foreign.message());
    bench.advance(millis(1));
    assert_eq!(dialled(&bench), [] as [&str; 0]);
}

#[test]
fn later_heartbeats_of_a_newcomer_cause_no_probe() {
    let mut bench = Bench::new();
    bench.member("m2");
    let link = bench.connect("m3");
    bench.receive(link, &at_m2("m3", 1));
    bench.advance(secs(4));
    let nonce = requests(&mut bench)[0].1;
    let owner = bench.connect("m2");
    bench.receive(owner, &response(nonce, MembershipResponse::default()));
    bench.receive(owner, &beat("m2", 2).message());
    requests(&mut bench);
    bench.receive(link, &at_m2("m3", 2));
    bench.advance(millis(1));
    assert_eq!(requests(&mut bench), []);
    assert!(
        !bench
            .dials
            .iter()
            .any(|(_, to)| *to == Endpoint::new(&internal("m2")))
    );
}

/// Sends a message of the application to the member `name`.
fn send_to(bench: &mut Bench, name: &str) -> SendOutcome {
    let sent_to = Request::Send {
        message: Box::new(private_data()),
        peers: vec![peer(name)],
    };
    match bench.ask(sent_to) {
        Ok(Response::Sent(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

/// The messages of the application sent since the last call: receiver and nonce.
fn sent_to(bench: &mut Bench) -> Vec<(String, u64)> {
    bench.sent_like(|message| match message.content() {
        Content::PrivateData(_) => Some(message.message().nonce),
        _ => None,
    })
}

/// A node whose member `name` has lost its link, as in a restart.
fn restarting(name: &str) -> Bench {
    let mut bench = Bench::new();
    bench.member("m9");
    let old = bench.member(name);
    bench.link_down(old);
    bench.dials.clear();
    bench.sent();
    bench
}

#[test]
fn a_message_sent_while_a_member_restarts_with_a_renewed_certificate_reaches_it() {
    let mut bench = restarting("m2");
    assert_eq!(send_to(&mut bench, "m2").dialling, [peer("m2")]);
    bench.fail_dial();
    bench.advance(millis(300));
    bench.fail_dial();
    bench.advance(secs(1));
    bench.answer_dial("m3");
    assert_eq!(sent_to(&mut bench), [("m3".to_owned(), 0)]);
    assert_eq!(bench.liveness("m2"), None);
    assert_eq!(bench.metrics().dropped, [].into());
}

#[test]
fn a_message_sent_to_a_member_that_then_leaves_reaches_the_renewed_member() {
    let mut bench = restarting("m2");
    send_to(&mut bench, "m2");
    bench.fail_dial();
    let other = bench.link_to("m9").unwrap();
    bench.receive(other, &beat("m2", 2).leaving().message());
    assert_eq!(bench.liveness("m2"), None);
    bench.advance(millis(300));
    bench.answer_dial("m3");
    assert_eq!(sent_to(&mut bench), [("m3".to_owned(), 0)]);
    assert_eq!(bench.metrics().dropped, [].into());
}

/// Sends private data to all members, of which `min_acks` must acknowledge. Returns the request and the nonce.
fn ask_all(bench: &mut Bench, min_acks: usize) -> (RequestId, u64) {
    let criteria = SendCriteria {
        timeout: secs(5),
        min_acks,
        max_peers: 9,
        channel: None,
        eligible: None,
    };
    let message = Box::new(private_data());
    let criteria = Box::new(criteria);
    let id = bench.begin(Request::SendByCriteria { message, criteria });
    (id, sent_to(bench)[0].1)
}

fn acknowledge(bench: &mut Bench, link: LinkId, nonce: u64) {
    let ack = message_of(nonce, Content::Ack(String::new()));
    bench.receive(link, &ack);
}

#[test]
fn the_renewed_member_acknowledges_in_place_of_the_old_one() {
    let mut bench = restarting("m2");
    let (id, nonce) = ask_all(&mut bench, 2);
    let other = bench.link_to("m9").unwrap();
    acknowledge(&mut bench, other, nonce);
    bench.fail_dial();
    bench.advance(millis(300));
    let link = bench.answer_dial("m3");
    acknowledge(&mut bench, link, nonce);
    let by = ["m9", "m3"].map(peer).into();
    assert_eq!(bench.reply(id), Some(Ok(Response::Acknowledged { by })));
}

#[test]
fn a_renewed_member_that_was_sent_the_message_too_acknowledges_once() {
    let mut bench = restarting("m2");
    let link = bench.member("m3");
    bench.sent();
    let (id, nonce) = ask_all(&mut bench, 2);
    acknowledge(&mut bench, link, nonce);
    bench.answer_dial("m3");
    let link = bench.link_to("m3").unwrap();
    acknowledge(&mut bench, link, nonce);
    assert_eq!(bench.reply(id), None, "m3 counts once");
    let other = bench.link_to("m9").unwrap();
    acknowledge(&mut bench, other, nonce);
    let by = ["m3", "m9"].map(peer).into();
    assert_eq!(bench.reply(id), Some(Ok(Response::Acknowledged { by })));
}

#[test]
fn the_request_ends_when_the_last_missing_peer_is_replaced_by_one_that_has_acknowledged() {
    let mut bench = restarting("m2");
    let link = bench.member("m3");
    bench.sent();
    let (id, nonce) = ask_all(&mut bench, 3);
    let other = bench.link_to("m9").unwrap();
    for link in [link, other] {
        acknowledge(&mut bench, link, nonce);
    }
    assert_eq!(bench.reply(id), None);
    bench.answer_dial("m3");
    let gone = AckFailure::NotSent(DropReason::PeerGone);
    let expected = RequestError::NotAcknowledged {
        wanted: 3,
        acknowledged: 2,
        failures: vec![(peer("m2"), gone)],
    };
    assert_eq!(bench.reply(id), Some(Err(expected)));
}

#[test]
fn a_message_to_named_peers_does_not_reach_peers_that_replace_them() {
    let mut bench = restarting("m2");
    let criteria = SendCriteria {
        timeout: secs(5),
        min_acks: 1,
        max_peers: 1,
        channel: None,
        eligible: Some([peer("m2")].into()),
    };
    let message = Box::new(private_data());
    let criteria = Box::new(criteria);
    let id = bench.begin(Request::SendByCriteria { message, criteria });
    bench.fail_dial();
    bench.advance(millis(300));
    bench.answer_dial("m3");
    assert_eq!(sent_to(&mut bench), []);
    let gone = AckFailure::NotSent(DropReason::PeerGone);
    let expected = RequestError::NotAcknowledged {
        wanted: 1,
        acknowledged: 0,
        failures: vec![(peer("m2"), gone)],
    };
    assert_eq!(bench.reply(id), Some(Err(expected)));
    assert_eq!(bench.metrics().dropped, [(DropReason::PeerGone, 1)].into());
}

fn message_of(nonce: u64, content: Content) -> SignedMessage {
    SignedMessage::unsigned(message(nonce, "", Tag::Undefined, content))
}
