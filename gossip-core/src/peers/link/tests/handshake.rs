use super::*;

/// A link whose remote sends `conn`. Returns the commands and signals that follow.
fn present(rig: &mut Rig, link: u64, conn: ConnEstablish) -> Vec<String> {
    rig.link_up(link, None);
    rig.sign(link);
    rig.take();
    rig.first_message(link, &signed(Content::Conn(conn)));
    rig.take()
}

fn assert_refused(rig: &Rig, refusal: Refusal) {
    assert_eq!(rig.metrics().refused, BTreeMap::from([(refusal, 1)]));
    assert!(rig.links.connections.is_empty());
    assert_eq!(rig.io.timers.next(), None, "the timer is cancelled");
}

fn refused(link: u64, refusal: Refusal) -> Vec<String> {
    vec![
        format!("notify refused remote {link} {refusal:?}"),
        format!("refuse {link} {refusal:?}"),
    ]
}

#[test]
fn an_accepted_link_is_authenticated_in_both_directions() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    assert_eq!(rig.take(), ["sign 1"]);
    assert!(rig.links.admits(LinkId(1)), "one message is admitted");
    rig.sign(1);
    assert_eq!(rig.take(), ["send 1 conn"]);
    rig.first_message(1, &signed(Content::Conn(conn_of("b", 1))));
    assert_eq!(rig.take(), ["authenticate 1"]);
    assert!(!rig.links.admits(LinkId(1)), "one message only");
    rig.authenticated(1, Ok(identity("b")));
    assert_eq!(rig.take(), ["notify connected b", "established 1 b first"]);
    assert!(rig.links.admits(LinkId(1)));
    assert_eq!(rig.links.peer_of(LinkId(1)), Some(&peer("b")));
    assert_eq!(rig.links.capabilities(&peer("b")), CAPABILITIES);
    assert!(rig.links.conn_of(LinkId(1)).is_some());
    assert_eq!(rig.io.timers.next(), None);
}

#[test]
fn a_dialled_link_is_authenticated_in_both_directions() {
    let mut rig = Rig::new();
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("b"))));
    assert_eq!(rig.take(), ["dial 1 b"]);
    rig.establish(5, Some(1), "b");
    assert_eq!(
        rig.take(),
        [
            "send 5 conn",
            "notify connected b",
            "authenticate 5",
            "established 5 b via b first"
        ]
    );
}

#[test]
fn our_authentication_carries_our_identity_and_the_binding_of_the_connection() {
    let mut rig = Rig::new();
    let ours = Bytes::from_static(b"ours");
    rig.link_up_bound(
        1,
        None,
        Binding {
            ours: ours.clone(),
            theirs: binding(1),
        },
    );
    rig.sign(1);
    let Some(Command::Send {
        message,
        class: Class::Control,
        ..
    }) = rig.io.out.pop_front()
    else {
        panic!("nothing sent");
    };
    let Content::Conn(conn) = message.content() else {
        panic!("not an authentication")
    };
    assert_eq!(conn.pki_id, "m");
    assert_eq!(conn.identity, "identity of m");
    assert_eq!(conn.binding, ours);
    assert_eq!(conn.network_id, "net");
    assert_eq!(
        (conn.incarnation, conn.capabilities, conn.probe),
        (1, CAPABILITIES, false)
    );
    assert_eq!(message.message().tag, Tag::Empty);
    let first = message.encoded().clone();
    rig.link_up_bound(2, None, Binding::symmetric(ours));
    rig.sign(2);
    let Some(Command::Send { message, .. }) = rig.io.out.pop_front() else {
        panic!("nothing sent");
    };
    assert_ne!(
        first,
        message.encoded(),
        "even with deterministic signatures"
    );
}

#[test]
fn nothing_is_sent_before_our_authentication() {
    let mut rig = Rig::new();
    rig.send("b", "early");
    rig.link_up(1, Some(1));
    rig.first_message(1, &signed(Content::Conn(conn_of("b", 1))));
    rig.authenticated(1, Ok(identity("b")));
    assert_eq!(rig.take(), ["dial 1 b", "sign 1", "authenticate 1"]);
    rig.sign(1);
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "notify connected b",
            "send 1 early",
            "established 1 b via b first"
        ]
    );
}

#[test]
fn a_first_message_other_than_an_authentication_is_refused() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.take();
    rig.first_message(1, &text("hello"));
    assert_eq!(rig.take(), refused(1, Refusal::NotConn));
    assert_refused(&rig, Refusal::NotConn);
}

#[test]
fn a_first_frame_that_cannot_be_decoded_is_refused() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.take();
    rig.run(|links, cx| links.on_malformed(cx, LinkId(1)));
    assert_eq!(rig.take(), refused(1, Refusal::Malformed));
    assert_refused(&rig, Refusal::Malformed);
    assert_eq!(rig.metrics().malformed_frames, 1);
}

#[test]
fn another_network_is_refused() {
    let mut rig = Rig::new();
    let conn = ConnEstablish {
        network_id: Bytes::from_static(b"other"),
        ..conn_of("b", 1)
    };
    assert_eq!(
        present(&mut rig, 1, conn),
        refused(1, Refusal::WrongNetwork)
    );
    assert_refused(&rig, Refusal::WrongNetwork);
}

#[test]
fn a_peer_that_sends_no_network_id_is_accepted() {
    let mut rig = Rig::new();
    rig.establish_with(1, None, fabric_conn_of("b", 1));
    assert!(rig.links.is_connected(&peer("b")));
    assert_eq!(rig.links.capabilities(&peer("b")), 0);
}

#[test]
fn an_authentication_bound_to_another_connection_is_refused() {
    let mut rig = Rig::new();
    assert_eq!(
        present(&mut rig, 1, conn_of("b", 9)),
        refused(1, Refusal::WrongBinding)
    );
    assert_refused(&rig, Refusal::WrongBinding);
    let absent = ConnEstablish {
        binding: Bytes::new(),
        ..conn_of("b", 2)
    };
    assert_eq!(
        present(&mut rig, 2, absent),
        refused(2, Refusal::WrongBinding)
    );
}

#[test]
fn an_authentication_recorded_on_another_connection_is_refused() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    assert_eq!(
        present(&mut rig, 2, conn_of("b", 1)),
        refused(2, Refusal::Replayed)
    );
    assert_eq!(
        rig.metrics().refused,
        BTreeMap::from([(Refusal::Replayed, 1)])
    );
    assert!(
        rig.links.is_connected(&peer("b")),
        "the recorded connection is untouched"
    );
}

#[test]
fn a_replay_is_refused_without_a_transport_binding() {
    let mut rig = Rig::new();
    let unbound = || Binding::symmetric(Bytes::new());
    let conn = ConnEstablish {
        binding: Bytes::new(),
        ..conn_of("b", 1)
    };
    let conn = signed(Content::Conn(conn));
    for link in [1, 2] {
        rig.link_up_bound(link, None, unbound());
        rig.sign(link);
        rig.first_message(link, &conn);
    }
    rig.take();
    rig.authenticated(1, Ok(identity("b")));
    rig.authenticated(2, Ok(identity("b")));
    assert!(
        rig.take().contains(&"refuse 2 Replayed".to_owned()),
        "both authenticated at the same time"
    );
    let mut altered = conn.encoded().to_vec();
    altered.extend_from_slice(&[15 << 3 | 2, 1, 7]);
    let limits = gossip_proto::Limits::default();
    let altered = SignedMessage::decode(altered.into(), &limits).unwrap();
    for (link, replay) in [(3, conn), (4, altered)] {
        rig.link_up_bound(link, None, unbound());
        rig.take();
        rig.first_message(link, &replay);
        assert_eq!(rig.take(), refused(link, Refusal::Replayed));
    }
}

#[test]
fn a_reflection_closes_no_other_link_without_a_transport_binding() {
    let mut rig = Rig::new();
    let unbound = || Binding::symmetric(Bytes::new());
    let conn = ConnEstablish {
        binding: Bytes::new(),
        ..conn_of("b", 1)
    };
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("b"))));
    rig.link_up_bound(1, Some(1), unbound());
    rig.sign(1);
    rig.first_message(1, &signed(Content::Conn(conn)));
    rig.authenticated(1, Ok(identity("b")));
    rig.link_up_bound(2, None, unbound());
    rig.sign(2);
    let Some(Command::Send { message, .. }) = rig.io.out.pop_back() else {
        panic!("not sent")
    };
    rig.take();
    rig.first_message(2, &message);
    assert_eq!(rig.take(), refused(2, Refusal::OwnIdentity));
    assert!(rig.links.is_connected(&peer("b")));
}

#[test]
fn an_established_link_is_not_taken_for_the_other_end_of_a_self_dial() {
    let mut rig = Rig::new();
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("b"))));
    rig.establish(1, Some(1), "b");
    rig.link_up_bound(2, None, Binding::symmetric(binding(1)));
    rig.sign(2);
    rig.take();
    rig.first_message(2, &signed(Content::Conn(conn_of("m", 1))));
    assert_eq!(rig.take(), refused(2, Refusal::OwnIdentity));
    assert!(rig.links.is_connected(&peer("b")));
}

#[test]
fn the_same_bytes_are_accepted_again_if_the_binding_is_the_certificate() {
    let mut rig = Rig::new();
    let certificates = || Binding {
        ours: binding(98),
        theirs: binding(99),
    };
    let conn = signed(Content::Conn(conn_of("b", 99)));
    for link in [1, 2] {
        rig.link_up_bound(link, None, certificates());
        rig.sign(link);
        rig.first_message(link, &conn);
        rig.authenticated(link, Ok(identity("b")));
        assert!(rig.links.is_connected(&peer("b")));
        rig.link_down(link, LinkDownReason::Broken);
    }
    assert_eq!(rig.metrics().refused, BTreeMap::new());
}

#[test]
fn each_crypto_error_is_a_refusal_of_its_own() {
    let verdicts = [
        (CryptoError::BadSignature, Refusal::BadSignature),
        (CryptoError::Expired, Refusal::Expired),
        (CryptoError::Revoked, Refusal::Revoked),
        (CryptoError::Untrusted, Refusal::Untrusted),
        (CryptoError::MalformedIdentity, Refusal::MalformedIdentity),
    ];
    for (error, refusal) in verdicts {
        let mut rig = Rig::new();
        assert_eq!(present(&mut rig, 1, conn_of("b", 1)), ["authenticate 1"]);
        rig.authenticated(1, Err(error));
        assert_eq!(rig.take(), refused(1, refusal));
        assert_refused(&rig, refusal);
    }
}

#[test]
fn a_pki_id_that_the_identity_does_not_yield_is_refused() {
    let mut rig = Rig::new();
    present(&mut rig, 1, conn_of("b", 1));
    rig.authenticated(1, Ok(identity("c")));
    assert_eq!(rig.take(), refused(1, Refusal::StolenIdentity));
    assert_refused(&rig, Refusal::StolenIdentity);
}

#[test]
fn a_silent_remote_is_refused_after_the_deadline() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.sign(1);
    rig.take();
    rig.advance(Duration::from_millis(1999));
    assert_eq!(rig.take(), [""; 0]);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.take(), refused(1, Refusal::TimedOut));
    assert_refused(&rig, Refusal::TimedOut);
}

#[test]
fn a_second_message_before_the_verdict_closes_the_link() {
    let mut rig = Rig::new();
    present(&mut rig, 1, conn_of("b", 1));
    rig.first_message(1, &text("impatient"));
    assert_eq!(rig.take(), ["close 1 Violation"]);
    assert_eq!(rig.metrics().violations, 1);
    rig.authenticated(1, Ok(identity("b")));
    assert_eq!(rig.take(), [""; 0], "a late verdict changes nothing");
}

#[test]
fn a_key_that_cannot_sign_closes_the_link() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.take();
    rig.run(|links, cx| links.on_sign_failed(cx, LinkId(1)));
    assert_eq!(rig.take(), ["close 1 SigningFailed"]);
    assert!(rig.links.connections.is_empty());
}

#[test]
fn a_probe_is_answered_and_registers_nothing() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    let probe = ConnEstablish {
        probe: true,
        ..conn_of("b", 1)
    };
    rig.first_message(1, &signed(Content::Conn(probe)));
    rig.authenticated(1, Ok(identity("b")));
    assert_eq!(
        rig.take(),
        ["sign 1", "authenticate 1"],
        "our authentication is sent first"
    );
    rig.sign(1);
    assert_eq!(rig.take(), ["send 1 conn", "finish 1"]);
    assert!(!rig.links.is_connected(&peer("b")));
    assert_eq!(rig.links.peer_of(LinkId(1)), None);
    rig.link_down(1, LinkDownReason::Finished);
    assert!(rig.links.connections.is_empty());
    assert_eq!(rig.take(), [""; 0]);
}

#[test]
fn a_probe_in_answer_to_our_dial_is_a_failed_dial() {
    let mut rig = Rig::new();
    rig.send("b", "x");
    rig.take();
    let probe = ConnEstablish {
        probe: true,
        ..conn_of("b", 1)
    };
    rig.establish_with(1, Some(1), probe);
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "finish 1",
            "authenticate 1",
            "unreachable b b"
        ]
    );
}

#[test]
fn a_self_dial_through_an_alias_is_detected_on_either_end() {
    for first in [1, 2] {
        let mut rig = Rig::new();
        assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("alias"))));
        let shared = || Binding::symmetric(binding(77));
        rig.link_up_bound(1, Some(1), shared());
        rig.link_up_bound(2, None, shared());
        rig.sign(1);
        rig.sign(2);
        rig.take();
        let own = ConnEstablish {
            binding: binding(77),
            ..conn_of("m", 0)
        };
        rig.first_message(first, &signed(Content::Conn(own)));
        let other = 3 - first;
        assert_eq!(
            rig.take(),
            [
                format!("close {first} SelfDial"),
                format!("close {other} SelfDial"),
                "self dial alias".to_owned(),
                "dial failed alias Ended".to_owned(),
            ]
        );
        assert!(rig.links.connections.is_empty());
        assert_eq!(rig.metrics().refused, BTreeMap::new());
    }
}

#[test]
fn a_remote_that_reflects_our_own_authentication_is_refused() {
    let mut rig = Rig::new();
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("seed"))));
    rig.link_up(1, Some(1));
    rig.sign(1);
    let Some(Command::Send { message, .. }) = rig.io.out.pop_back() else {
        panic!("not sent")
    };
    rig.take();
    rig.first_message(1, &message);
    assert_eq!(
        rig.take(),
        [
            "notify refused remote 1 OwnIdentity",
            "refuse 1 OwnIdentity",
            "dial failed seed Refused(OwnIdentity)",
        ]
    );
}

#[test]
fn an_undecodable_frame_after_the_authentication_closes_the_link() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    rig.take();
    rig.run(|links, cx| links.on_malformed(cx, LinkId(1)));
    assert_eq!(
        rig.take(),
        [
            "close 1 Violation",
            "notify disconnected b",
            "disconnected b"
        ]
    );
}

#[test]
fn a_link_refused_after_its_authentication_disconnects_its_peer() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    rig.take();
    rig.run(|links, cx| links.refuse(cx, LinkId(1), Refusal::ForeignBootstrap));
    assert_eq!(
        rig.take(),
        [
            "notify refused remote 1 ForeignBootstrap",
            "refuse 1 ForeignBootstrap",
            "notify disconnected b",
            "disconnected b",
        ]
    );
}
