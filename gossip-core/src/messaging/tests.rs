//! Messages of the application, tested through the interface of a node.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test skips all variants that it does not look for"
)]

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, Kind, Leadership, PeerTime, SignedMessage, Tag};

use super::*;
use crate::node::bench::*;
use crate::{ChannelId, DropReason, LinkId, PeerId, Request, RequestError, RequestId, Response};

const TIMEOUT: Duration = Duration::from_secs(3);

fn ack(nonce: u64, error: &str) -> SignedMessage {
    let content = Content::Ack(error.into());
    SignedMessage::unsigned(message(nonce, "", Tag::Undefined, content))
}

fn criteria(min_acks: usize, max_peers: usize) -> SendCriteria {
    SendCriteria {
        timeout: TIMEOUT,
        min_acks,
        max_peers,
        channel: None,
        eligible: None,
    }
}

/// A node with three connected members.
fn three() -> (Bench, Vec<LinkId>) {
    let mut bench = Bench::new();
    let links = ["m2", "m3", "m4"].map(|name| bench.member(name)).into();
    bench.sent();
    (bench, links)
}

fn begin(bench: &mut Bench, criteria: SendCriteria) -> RequestId {
    let message = private_data();
    bench.begin(Request::SendByCriteria {
        message: Box::new(message),
        criteria: Box::new(criteria),
    })
}

/// The receivers of private data since the last call, and its nonce.
fn private_sent(bench: &mut Bench) -> (Vec<String>, u64) {
    let sent = bench.sent_like(|message| match message.content() {
        Content::PrivateData(_) => Some(message.message().nonce),
        _ => None,
    });
    let nonce = sent.first().map_or(0, |(_, nonce)| *nonce);
    assert!(sent.iter().all(|(_, other)| *other == nonce));
    let mut names: Vec<String> = sent.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    (names, nonce)
}

#[test]
fn a_request_is_answered_as_soon_as_enough_peers_have_acknowledged() {
    let (mut bench, links) = three();
    let id = begin(&mut bench, criteria(2, 3));
    let (sent, nonce) = private_sent(&mut bench);
    assert_eq!(sent, ["m2", "m3", "m4"]);
    assert_ne!(nonce, 0);
    bench.receive(links[1], &ack(nonce, ""));
    assert_eq!(bench.reply(id), None);
    bench.receive(links[0], &ack(nonce, ""));
    let by = vec![peer("m3"), peer("m2")];
    assert_eq!(bench.reply(id), Some(Ok(Response::Acknowledged { by })));
    bench.receive(links[2], &ack(nonce, ""));
    assert_eq!(bench.metrics().acks_unmatched, 1);
}

#[test]
fn too_few_acknowledgements_are_reported_with_the_answer_of_each_peer() {
    let (mut bench, links) = three();
    let id = begin(&mut bench, criteria(2, 3));
    let (_, nonce) = private_sent(&mut bench);
    bench.receive(links[0], &ack(nonce, ""));
    bench.receive(links[1], &ack(nonce, "uh oh"));
    bench.advance(TIMEOUT - Duration::from_millis(1));
    assert_eq!(bench.reply(id), None);
    bench.advance(Duration::from_millis(1));
    let error = bench.reply(id).unwrap().unwrap_err();
    let failures = vec![
        (peer("m3"), AckFailure::Refused("uh oh".into())),
        (peer("m4"), AckFailure::TimedOut),
    ];
    let expected = RequestError::NotAcknowledged {
        wanted: 2,
        acknowledged: 1,
        failures,
    };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        "1 of 2 acknowledgements received; uh oh (1), timed out (1)"
    );
}

#[test]
fn three_silent_peers_count_as_three_timeouts() {
    let (mut bench, _) = three();
    let id = begin(&mut bench, criteria(1, 3));
    bench.advance(TIMEOUT);
    let error = bench.reply(id).unwrap().unwrap_err().to_string();
    assert_eq!(error, "0 of 1 acknowledgements received; timed out (3)");
}

#[test]
fn the_timeout_for_acknowledgements_includes_the_dial() {
    let (mut bench, links) = three();
    bench.receive(links[0], &beat("m9", 1).message());
    let to_m9 = |timeout| SendCriteria {
        timeout,
        eligible: Some([peer("m9")].into()),
        ..criteria(1, 1)
    };
    let id = begin(&mut bench, to_m9(Duration::from_secs(1)));
    assert_eq!(bench.dials.len(), 1);
    bench.advance(Duration::from_secs(1));
    let error = bench.reply(id).unwrap().unwrap_err().to_string();
    assert_eq!(error, "0 of 1 acknowledgements received; timed out (1)");
}

#[test]
fn two_concurrent_messages_are_acknowledged_separately() {
    let (mut bench, links) = three();
    let only_m2 = || SendCriteria {
        eligible: Some([peer("m2")].into()),
        ..criteria(1, 1)
    };
    let first = begin(&mut bench, only_m2());
    let (_, nonce) = private_sent(&mut bench);
    let second = begin(&mut bench, only_m2());
    assert_ne!(private_sent(&mut bench).1, nonce);
    bench.receive(links[0], &ack(nonce, ""));
    assert!(matches!(bench.reply(first), Some(Ok(_))));
    assert_eq!(bench.reply(second), None);
}

#[test]
fn a_request_is_answered_as_soon_as_no_further_acknowledgement_can_arrive() {
    let (mut bench, links) = three();
    let id = begin(&mut bench, criteria(1, 3));
    let (_, nonce) = private_sent(&mut bench);
    for link in links {
        assert_eq!(bench.reply(id), None);
        bench.receive(link, &ack(nonce, "uh oh"));
    }
    let error = bench.reply(id).unwrap().unwrap_err().to_string();
    assert_eq!(error, "0 of 1 acknowledgements received; uh oh (3)");
}

#[test]
fn the_acknowledgement_of_a_purged_peer_is_no_longer_awaited() {
    let (mut bench, links) = three();
    let id = begin(&mut bench, criteria(1, 3));
    let (_, nonce) = private_sent(&mut bench);
    bench.receive(links[1], &ack(nonce, "uh oh"));
    bench.receive(links[2], &ack(nonce, "uh oh"));
    assert_eq!(bench.reply(id), None);
    bench.revoked.insert("m2".to_owned());
    let peers = Some(vec![peer("m2")]);
    bench.ask(Request::SuspectPeers { peers }).unwrap();
    let error = bench.reply(id).unwrap().unwrap_err().to_string();
    assert_eq!(
        error,
        "0 of 1 acknowledgements received; uh oh (2), its identity is no longer valid (1)"
    );
}

#[test]
fn an_acknowledgement_counts_once_from_a_peer_that_was_asked_and_with_its_nonce() {
    let (mut bench, links) = three();
    let other = bench.member("m5");
    let only = ["m2", "m3"].map(peer).into();
    let id = begin(
        &mut bench,
        SendCriteria {
            eligible: Some(only),
            ..criteria(2, 3)
        },
    );
    let (sent, nonce) = private_sent(&mut bench);
    assert_eq!(sent, ["m2", "m3"]);
    bench.receive(links[0], &ack(nonce, ""));
    bench.receive(links[0], &ack(nonce, ""));
    bench.receive(links[1], &ack(nonce ^ 1, ""));
    bench.receive(other, &ack(nonce, ""));
    assert_eq!(bench.reply(id), None);
    assert_eq!(bench.metrics().acks_unmatched, 3);
    bench.receive(links[1], &ack(nonce, ""));
    assert!(matches!(bench.reply(id), Some(Ok(_))));
}

#[test]
fn a_request_without_acknowledgements_is_answered_at_once() {
    let (mut bench, _) = three();
    let id = begin(&mut bench, criteria(0, 2));
    let by = Vec::new();
    assert_eq!(bench.reply(id), Some(Ok(Response::Acknowledged { by })));
    let (sent, _) = private_sent(&mut bench);
    assert_eq!(sent.len(), 2);
    let none = begin(&mut bench, criteria(0, 0));
    assert!(matches!(bench.reply(none), Some(Ok(_))));
    assert!(private_sent(&mut bench).0.is_empty());
}

#[test]
fn a_message_is_sent_to_at_most_the_configured_number_of_peers() {
    let (mut bench, _) = three();
    let mut reached = BTreeSet::new();
    for _ in 0..40 {
        begin(&mut bench, criteria(1, 1));
        let (sent, _) = private_sent(&mut bench);
        assert_eq!(sent.len(), 1);
        reached.extend(sent);
    }
    assert_eq!(reached.len(), 3, "drawn at random");
}

#[test]
fn criteria_that_cannot_be_met_are_refused_and_no_message_is_sent() {
    let (mut bench, _) = three();
    let ask = |bench: &mut Bench, criteria| {
        let id = begin(bench, criteria);
        bench.reply(id).unwrap().unwrap_err()
    };
    let (wanted, known) = (10, 3);
    assert_eq!(
        ask(&mut bench, criteria(10, 10)),
        RequestError::TooFewPeers { wanted, known }
    );
    let hasty = SendCriteria {
        timeout: Duration::ZERO,
        ..criteria(1, 1)
    };
    assert_eq!(ask(&mut bench, hasty), RequestError::NoTimeout);
    let elsewhere = SendCriteria {
        channel: Some(ChannelId::new("elsewhere")),
        ..criteria(0, 1)
    };
    let unknown = RequestError::UnknownChannel(ChannelId::new("elsewhere"));
    assert_eq!(ask(&mut bench, elsewhere), unknown);
    assert!(private_sent(&mut bench).0.is_empty());
}

#[test]
fn a_channel_restricts_the_receivers() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    bench.member("m2");
    bench.participant("m3");
    bench.sent();
    let in_main = SendCriteria {
        channel: Some(main_channel()),
        ..criteria(1, 5)
    };
    begin(&mut bench, in_main);
    assert_eq!(private_sent(&mut bench).0, ["m3"]);
}

#[test]
fn messages_that_await_acknowledgements_are_bounded() {
    let mut bench = Bench::with(|config| {
        config.messaging.max_awaiting = 2.try_into().unwrap();
    });
    bench.member("m2");
    let ids: Vec<_> = (0..3).map(|_| begin(&mut bench, criteria(1, 1))).collect();
    assert_eq!(bench.reply(ids[2]), Some(Err(RequestError::Busy)));
    bench.advance(TIMEOUT);
    assert!(bench.reply(ids[0]).is_some());
    let again = begin(&mut bench, criteria(1, 1));
    assert_eq!(bench.reply(again), None);
}

#[test]
fn the_text_of_a_remote_is_cut_between_characters() {
    let mut bench = Bench::with(|config| config.messaging.max_ack_text = 4);
    let link = bench.member("m2");
    bench.sent();
    let id = begin(&mut bench, criteria(1, 1));
    let (_, nonce) = private_sent(&mut bench);
    bench.receive(link, &ack(nonce, "aéé is too much"));
    let Some(Err(RequestError::NotAcknowledged { failures, .. })) = bench.reply(id) else {
        panic!("expected a refusal");
    };
    assert_eq!(failures[0].1, AckFailure::Refused("aé".into()));
}

#[test]
fn a_stop_answers_requests_that_await_acknowledgements() {
    let (mut bench, _) = three();
    let id = begin(&mut bench, criteria(1, 3));
    bench.begin(Request::Stop);
    assert_eq!(bench.reply(id), Some(Err(RequestError::Stopped)));
}

#[test]
fn a_message_is_sent_to_each_peer_once_and_failures_are_reported() {
    let (mut bench, _) = three();
    bench.connect("m5");
    bench.sent();
    let peers = ["m2", "m2", "m5", "none", "m1"].map(peer).to_vec();
    let message = Box::new(private_data());
    let Ok(Response::Sent(outcome)) = bench.ask(Request::Send { message, peers }) else {
        panic!("sent");
    };
    assert_eq!(outcome.queued, ["m2", "m5"].map(peer));
    let unsent = [
        (peer("none"), DropReason::NoAddress),
        (peer("m1"), DropReason::Oneself),
    ];
    assert_eq!(outcome.dropped, unsent);
    assert_eq!(private_sent(&mut bench).0, ["m2", "m5"]);
}

#[test]
fn illegal_messages_and_those_of_the_node_are_refused() {
    let (mut bench, links) = three();
    let mut illegal = private_data();
    illegal.tag = Tag::Empty;
    let peers = vec![peer("m2")];
    let refused = bench.ask(Request::Send {
        message: Box::new(illegal),
        peers: peers.clone(),
    });
    assert!(matches!(refused, Err(RequestError::Illegal(_))));
    let message = Box::new(ack(7, "").message().clone());
    let refused = bench.ask(Request::Send {
        message: message.clone(),
        peers,
    });
    assert_eq!(refused, Err(RequestError::NotForApplications(Kind::Ack)));
    let answered = bench.ask(Request::Respond {
        link: links[0],
        message: message.clone(),
    });
    assert_eq!(answered, Ok(Response::Done));
    bench.link_down(links[0]);
    let link = links[0];
    let gone = bench.ask(Request::Respond { link, message });
    assert_eq!(gone, Err(RequestError::NotConnected));
    let heartbeat = beat("m1", 9).message().message().clone();
    let refused = bench.ask(Request::Gossip {
        message: Box::new(heartbeat),
    });
    assert_eq!(refused, Err(RequestError::NotForApplications(Kind::Alive)));
}

fn raw_kinds(bench: &mut Bench) -> Vec<(String, Kind)> {
    let deliveries = std::mem::take(&mut bench.deliveries);
    let raw = deliveries
        .into_iter()
        .filter_map(|delivery| match delivery {
            Delivery::Raw(received) => {
                assert_eq!(&*received.identity(), &*identity_of(&name(&received.peer)));
                Some((name(&received.peer), received.message.content().kind()))
            }
            Delivery::Accepted { .. } | Delivery::Message(_) => None,
        });
    raw.collect()
}

fn name(peer: &PeerId) -> String {
    String::from_utf8_lossy(peer.as_bytes()).into_owned()
}

#[test]
fn a_raw_listener_gets_all_messages_but_acknowledgements_before_any_check() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let link = bench.participant("m2");
    let private = SignedMessage::unsigned(private_data());
    bench.receive(link, &private);
    assert_eq!((bench.deliveries.len(), bench.metrics().violations), (0, 1));
    let raw = true;
    let interest = Interest {
        raw,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
    bench.receive(link, &private);
    bench.receive(link, &ack(7, ""));
    bench.receive(link, &pushed(0, Bytes::from_static(b"no block")));
    let received = raw_kinds(&mut bench);
    let m2 = || "m2".to_owned();
    assert_eq!(received, [(m2(), Kind::PrivateData), (m2(), Kind::Data)]);
    assert_eq!(
        bench.metrics().violations,
        1,
        "the listener counts as its receiver"
    );
    assert_eq!(bench.metrics().blocks_bad, 1, "the node checks it too");
}

#[test]
fn a_listener_gets_each_accepted_message_of_its_channels_once() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let (first, second) = (bench.participant("m2"), bench.participant("m3"));
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
    for link in [first, second] {
        bench.receive(link, &pushed(0, good_block(0)));
        bench.receive(link, &state_info("m2", 2, 1));
        bench.receive(link, &declaration("m3", 1));
    }
    bench.receive(first, &pushed(1, Bytes::from_static(b"bad")));
    let kinds: Vec<Kind> = bench
        .deliveries
        .drain(..)
        .map(|delivery| match delivery {
            Delivery::Accepted { channel, message } => {
                assert_eq!(channel, main_channel());
                message.content().kind()
            }
            Delivery::Raw(received) | Delivery::Message(received) => panic!("{received:?}"),
        })
        .collect();
    assert_eq!(kinds, [Kind::Data, Kind::StateInfo, Kind::Leadership]);
    bench.ask(Request::Listen(Interest::default())).unwrap();
    bench.receive(first, &state_info("m2", 3, 2));
    assert!(bench.deliveries.is_empty());
}

fn leadership(name: &str, sequence: u64) -> Leadership {
    let time = PeerTime {
        incarnation: 1,
        sequence,
    };
    Leadership {
        pki_id: Bytes::copy_from_slice(name.as_bytes()),
        time,
        is_declaration: true,
    }
}

fn declaration(name: &str, sequence: u64) -> SignedMessage {
    let content = Content::Leadership(leadership(name, sequence));
    let message = message(0, "main", Tag::ChanAndOrg, content);
    sign(name, gossip_proto::UnsignedMessage::new(message, None))
}

fn leaders(bench: &mut Bench) -> Vec<(String, u64)> {
    let deliveries = std::mem::take(&mut bench.deliveries);
    let told = deliveries
        .into_iter()
        .filter_map(|delivery| match delivery {
            Delivery::Accepted { message, .. } => match message.content() {
                Content::Leadership(told) => {
                    Some((name(&PeerId::new(&told.pki_id)), told.time.sequence))
                }
                _ => None,
            },
            Delivery::Raw(_) | Delivery::Message(_) => None,
        });
    told.collect()
}

#[test]
fn leadership_messages_are_accepted_only_from_and_about_our_own_organisation() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let (ours, theirs) = (bench.participant("m2"), bench.participant("a2"));
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
    bench.receive(theirs, &declaration("m2", 1));
    bench.receive(ours, &declaration("a2", 1));
    assert_eq!(
        (leaders(&mut bench).len(), bench.metrics().violations),
        (0, 2)
    );
    bench.receive(ours, &declaration("m2", 1));
    assert_eq!(leaders(&mut bench), [("m2".into(), 1)]);
    assert!(
        bench
            .sent_like(|one| match one.content() {
                Content::Leadership(_) => Some(()),
                _ => None,
            })
            .is_empty()
    );
}

#[test]
fn a_late_replay_of_a_declaration_is_refused() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let (from, other) = (bench.participant("m2"), bench.participant("m3"));
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
    bench.receive(from, &declaration("m2", 1));
    bench.receive(from, &declaration("m2", 2));
    bench.advance(Duration::from_secs(3_600));
    bench.receive(other, &declaration("m2", 1));
    bench.receive(other, &declaration("m2", 2));
    assert_eq!(leaders(&mut bench), [("m2".into(), 1), ("m2".into(), 2)]);
}

#[test]
fn a_forged_declaration_does_not_shadow_the_genuine_one() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let (liar, honest) = (bench.participant("m3"), bench.participant("m2"));
    let interest = Interest {
        accepted: true,
        ..Interest::default()
    };
    bench.ask(Request::Listen(interest)).unwrap();
    let content = Content::Leadership(leadership("m2", 1));
    let forged = message(0, "main", Tag::ChanAndOrg, content);
    let forged = sign("m3", gossip_proto::UnsignedMessage::new(forged, None));
    bench.hold_checks = true;
    bench.receive(liar, &forged);
    bench.receive(honest, &declaration("m2", 1));
    bench.answer_all();
    assert_eq!(leaders(&mut bench), [("m2".into(), 1)]);
    assert_eq!(bench.metrics().verifications_failed, 1);
}

#[test]
fn our_declaration_is_signed_and_reaches_every_participant_of_our_organisation() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    for name in ["m2", "m3", "m4", "m5", "m6", "a2"] {
        bench.participant(name);
    }
    bench.member("m7");
    bench.sent();
    let content = Content::Leadership(leadership("m1", 1));
    let message = message(0, "main", Tag::ChanAndOrg, content);
    let Ok(Response::Published { push, .. }) = bench.ask(Request::Gossip {
        message: Box::new(message),
    }) else {
        panic!("sent");
    };
    assert_eq!((push.eligible, push.sent.queued.len()), (5, 5));
    let mut told = bench.sent_like(|one| match one.content() {
        Content::Leadership(_) => Some(one.envelope().is_signed()),
        _ => None,
    });
    told.sort_unstable();
    let expected = ["m2", "m3", "m4", "m5", "m6"].map(|name| (name.to_owned(), true));
    assert_eq!(told, expected);
}

#[test]
fn only_our_own_leadership_in_a_joined_channel_is_sent() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    let gossip = |bench: &mut Bench, name: &str, channel: &str| {
        let content = Content::Leadership(leadership(name, 1));
        let message = message(0, channel, Tag::ChanAndOrg, content);
        bench.ask(Request::Gossip {
            message: Box::new(message),
        })
    };
    assert_eq!(gossip(&mut bench, "m2", "main"), Err(RequestError::NotOurs));
    let unknown = RequestError::UnknownChannel(ChannelId::new("elsewhere"));
    assert_eq!(gossip(&mut bench, "m1", "elsewhere"), Err(unknown));
    bench.cannot_sign = true;
    let failed = Err(RequestError::SigningFailed);
    assert_eq!(gossip(&mut bench, "m1", "main"), failed);
}

#[test]
fn a_block_in_a_gossip_request_is_pushed_as_if_published() {
    let mut bench = Bench::joined(&["m", "a"], |_| {});
    bench.participant("m2");
    bench.sent();
    let message = pushed(0, good_block(0)).message().clone();
    let answer = bench.ask(Request::Gossip {
        message: Box::new(message),
    });
    assert!(matches!(
        answer,
        Ok(Response::Published { fresh: true, .. })
    ));
    assert_eq!(bench.blocks_pushed(), [("m2".to_owned(), 0)]);
    let bad = pushed(1, Bytes::from_static(b"bad")).message().clone();
    let refused = bench.ask(Request::Gossip {
        message: Box::new(bad),
    });
    assert!(
        matches!(refused, Err(RequestError::BadBlock(_))),
        "verified"
    );
}
