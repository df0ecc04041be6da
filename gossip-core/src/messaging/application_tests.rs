//! Application messages: which peers they are sent to, and when they are delivered.

use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Application, Content, GossipMessage, SignedMessage, Tag};

use super::*;
use crate::node::bench::*;
use crate::{ChannelId, DropReason, LinkId, PeerId, Request, RequestError, Response};

fn application(channel: &str) -> GossipMessage {
    let content = Content::Application(Application {
        topic: "prices".into(),
        data: Bytes::from_static(b"opaque"),
    });
    message(0, channel, Tag::Empty, content)
}

fn sent(bench: &mut Bench) -> Vec<String> {
    let sent = bench
        .sent_like(|message| matches!(message.content(), Content::Application(_)).then_some(()));
    sent.into_iter().map(|(to, ())| to).collect()
}

fn send(bench: &mut Bench, to: &[&str]) -> SendOutcome {
    let peers = to.iter().map(|name| PeerId::new(name.as_bytes()));
    let answer = bench.ask(Request::Send {
        message: Box::new(application("")),
        peers: peers.collect(),
    });
    match answer {
        Ok(Response::Sent(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

fn listen(bench: &mut Bench) {
    let interest = Interest {
        messages: true,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
}

/// A connected member that runs Fabric's own gossip.
fn legacy(bench: &mut Bench, name: &str) -> LinkId {
    let link = bench.link_up(name, None);
    bench.authenticate_as_fabric(link);
    bench.receive(link, &beat(name, 1).message());
    bench.sent();
    link
}

fn delivered(bench: &mut Bench) -> Vec<(PeerId, String)> {
    let deliveries = std::mem::take(&mut bench.deliveries);
    let messages = deliveries.into_iter().map(|delivery| match delivery {
        Delivery::Message(received) => {
            let Content::Application(told) = received.message.content() else {
                panic!("{received:?}");
            };
            (received.peer.clone(), told.topic.clone())
        }
        other @ (Delivery::Accepted { .. } | Delivery::Raw(_)) => panic!("{other:?}"),
    });
    messages.collect()
}

#[test]
fn an_application_message_is_sent_only_to_peers_that_take_the_kind() {
    let mut bench = Bench::new();
    bench.member("m2");
    legacy(&mut bench, "m3");
    let outcome = send(&mut bench, &["m2", "m3"]);
    assert_eq!(sent(&mut bench), ["m2"]);
    assert_eq!(outcome.queued, [PeerId::new(b"m2")]);
    let dropped = (PeerId::new(b"m3"), DropReason::NotUnderstood);
    assert_eq!(outcome.dropped, [dropped]);
    let count = bench.metrics().dropped.get(&DropReason::NotUnderstood);
    assert_eq!(count.copied(), Some(1));
}

#[test]
fn an_application_message_that_waited_for_a_dial_is_dropped_if_the_peer_does_not_take_the_kind() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    bench.receive(link, &beat("m3", 1).message());
    bench.sent();
    assert_eq!(send(&mut bench, &["m3"]).dialling.len(), 1);
    let link = bench.link_up("m3", None);
    bench.authenticate_as_fabric(link);
    assert_eq!(sent(&mut bench), [] as [&str; 0]);
    let count = bench.metrics().dropped.get(&DropReason::NotUnderstood);
    assert_eq!(count.copied(), Some(1));
}

#[test]
fn criteria_choose_peers_that_take_application_messages() {
    let mut bench = Bench::new();
    legacy(&mut bench, "m2");
    bench.member("m3");
    bench.sent();
    let criteria = SendCriteria {
        timeout: Duration::from_secs(3),
        min_acks: 1,
        max_peers: 1,
        ..SendCriteria::default()
    };
    for _ in 0..8 {
        bench.begin(Request::SendByCriteria {
            message: Box::new(application("")),
            criteria: Box::new(criteria.clone()),
        });
        assert_eq!(sent(&mut bench), ["m3"]);
    }
    let too_many = bench.ask(Request::SendByCriteria {
        message: Box::new(application("")),
        criteria: Box::new(SendCriteria {
            min_acks: 2,
            max_peers: 2,
            ..criteria
        }),
    });
    let error = RequestError::TooFewPeers {
        wanted: 2,
        known: 1,
    };
    assert_eq!(too_many, Err(error));
}

#[test]
fn an_application_message_is_delivered_to_a_listener_and_counted_without_one() {
    let mut bench = Bench::new();
    let link = bench.member("m2");
    let told = SignedMessage::unsigned(application(""));
    bench.receive(link, &told);
    assert_eq!(bench.metrics().messages_unheard, 1);
    assert!(bench.deliveries.is_empty());
    listen(&mut bench);
    bench.receive(link, &told);
    let expected = (PeerId::new(b"m2"), "prices".to_owned());
    assert_eq!(delivered(&mut bench), [expected]);
    assert_eq!(bench.metrics().messages_unheard, 1);
    assert_eq!(bench.metrics().violations, 0);
}

#[test]
fn an_application_message_with_a_channel_is_delivered_if_we_joined_and_the_sender_is_a_member() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    listen(&mut bench);
    let (member, outsider) = (bench.member("a2"), bench.member("b2"));
    let told = |channel| SignedMessage::unsigned(application(channel));
    bench.receive(member, &told("main"));
    assert_eq!(delivered(&mut bench).len(), 1);
    bench.receive(outsider, &told("main"));
    assert_eq!(bench.metrics().violations, 1);
    bench.receive(member, &told("elsewhere"));
    assert!(delivered(&mut bench).is_empty());
    assert_eq!(main_channel(), ChannelId::new("main"));
}

#[test]
fn a_message_that_its_receivers_would_refuse_is_not_sent() {
    let mut bench = Bench::new();
    bench.member("m2");
    let long = Content::Application(Application {
        topic: "t".repeat(2_000),
        data: Bytes::new(),
    });
    let refused = bench.ask(Request::Send {
        message: Box::new(message(0, "", Tag::Empty, long)),
        peers: vec![PeerId::new(b"m2")],
    });
    let error = RequestError::TooLong {
        what: "topic",
        actual: 2_000,
        limit: 1 << 10,
    };
    assert_eq!(refused, Err(error));
    assert_eq!(sent(&mut bench), [] as [&str; 0]);
}
