use super::*;

#[test]
fn messages_to_an_unconnected_peer_wait_for_one_dial() {
    let mut rig = Rig::new();
    for message in ["one", "two"] {
        assert_eq!(rig.send("b", message), Sent::Dialling);
    }
    assert_eq!(rig.take(), ["dial 1 b"]);
    rig.establish(1, Some(1), "b");
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "notify connected b",
            "send 1 one",
            "send 1 two",
            "authenticate 1",
            "established 1 b via b first",
        ]
    );
    assert_eq!(rig.send("b", "three"), Sent::Queued);
    assert_eq!(rig.take(), ["send 1 three"]);
}

#[test]
fn a_failed_dial_drops_all_messages_that_wait_for_it() {
    let mut rig = Rig::new();
    rig.send("b", "one");
    rig.send("b", "two");
    rig.take();
    rig.dial_failed(1);
    assert_eq!(rig.take(), ["unreachable b b"]);
    assert_eq!(
        (rig.metrics().dials_failed, rig.metrics().waiting_shed),
        (1, 2)
    );
    assert_eq!(rig.metrics().refused, BTreeMap::new());
}

#[test]
fn an_unanswered_dial_fails_after_the_timeout() {
    let mut rig = Rig::new();
    rig.run(|links, cx| links.dial(cx, &Endpoint::new("seed")));
    rig.send("b", "x");
    rig.take();
    rig.advance(Duration::from_secs(3));
    assert_eq!(
        rig.take(),
        ["dial failed seed Transport(TimedOut)", "unreachable b b"]
    );
    rig.link_up(1, Some(1));
    assert_eq!(rig.take(), ["close 1 DialAbandoned"], "too late");
}

#[test]
fn a_remote_that_closes_during_the_handshake_is_a_failed_dial_at_once() {
    let mut rig = Rig::new();
    rig.send("b", "x");
    rig.link_up(1, Some(1));
    rig.run(|links, cx| links.dial(cx, &Endpoint::new("b")));
    rig.sign(1);
    rig.take();
    rig.link_down(1, LinkDownReason::Broken);
    assert_eq!(rig.take(), ["dial failed b Ended", "unreachable b b"]);
}

#[test]
fn a_seed_that_is_being_dialled_is_not_dialled_again() {
    let mut rig = Rig::new();
    let dial = |rig: &mut Rig| rig.run(|links, cx| links.dial(cx, &Endpoint::new("seed")));
    assert!(dial(&mut rig));
    assert!(dial(&mut rig));
    assert_eq!(rig.take(), ["dial 1 seed"]);
    rig.link_up(1, Some(1));
    rig.take();
    assert!(dial(&mut rig), "it is being authenticated");
    assert_eq!(rig.take(), [""; 0]);
}

#[test]
fn pauses_between_dials_grow_with_jitter_up_to_the_limit() {
    let mut pauses = Vec::new();
    for seed in 0..20 {
        let mut rig = Rig::named("m", seed);
        let mut last = Duration::ZERO;
        for failures in 1..=12_u32 {
            rig.send("b", "x");
            let due = rig.io.timers.next().expect("a dial or a pause");
            assert!(
                rig.io
                    .timers
                    .is_set(&TimerKey::Dial(Ticket(u64::from(failures)))),
                "{due:?}"
            );
            rig.dial_failed(u64::from(failures));
            assert!(!rig.links.is_reachable_now(&peer("b")));
            rig.send("b", "y");
            rig.io.out.clear();
            let pause = rig.io.timers.next().expect("a pause").since(rig.now);
            let plain = Duration::from_millis(200 << (failures - 1)).min(Duration::from_secs(6));
            assert!(
                pause >= plain * 3 / 4 && pause <= plain * 5 / 4,
                "{pause:?} for {plain:?}"
            );
            assert!(pause <= Duration::from_secs(6));
            assert!(pause * 2 > last);
            last = pause;
            pauses.push(pause);
            rig.advance(pause);
            assert!(
                rig.take().contains(&format!("dial {} b", failures + 1)),
                "a frame waits"
            );
        }
    }
    pauses.sort();
    pauses.dedup();
    assert!(pauses.len() > 100, "jitter");
}

#[test]
fn failures_are_forgotten_after_a_while() {
    let mut rig = Rig::new();
    rig.send("b", "x");
    rig.dial_failed(1);
    rig.advance(Duration::from_secs(1));
    rig.send("b", "x");
    assert!(
        rig.take().contains(&"dial 2 b".to_owned()),
        "the pause is over"
    );
    rig.dial_failed(2);
    let pause = rig.io.timers.next().unwrap().since(rig.now);
    assert!(
        pause >= Duration::from_millis(300),
        "the second failure in a row: {pause:?}"
    );
    rig.advance(Duration::from_secs(61));
    assert_eq!(rig.io.timers.next(), None, "no failures are remembered");
    rig.send("b", "x");
    rig.dial_failed(3);
    let pause = rig.io.timers.next().unwrap().since(rig.now);
    assert!(
        pause <= Duration::from_millis(250),
        "a first failure: {pause:?}"
    );
}

#[test]
fn another_peer_of_the_organisation_expected_is_kept_and_served() {
    let mut rig = Rig::new();
    rig.send("b1", "hello");
    rig.take();
    rig.establish(1, Some(1), "b2");
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "notify connected b2",
            "send 1 hello",
            "authenticate 1",
            "established 1 b2 via b1 first",
            "switch b1 b2",
        ]
    );
    assert!(!rig.links.is_connected(&peer("b1")));
    assert_eq!(rig.io.timers.next(), None, "b1 is not pursued any more");
}

#[test]
fn a_peer_of_another_organisation_than_expected_is_refused() {
    let mut rig = Rig::new();
    rig.send("b1", "secret");
    rig.take();
    rig.establish(1, Some(1), "c1");
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "notify refused remote 1 Unexpected",
            "refuse 1 Unexpected",
            "authenticate 1",
            "unreachable b1 b1",
        ]
    );
    assert_eq!(
        rig.metrics().refused,
        BTreeMap::from([(Refusal::Unexpected, 1)])
    );
}

#[test]
fn without_an_expected_organisation_only_the_peer_itself_is_accepted() {
    let mut rig = Rig::new();
    let to = SendTo {
        endpoint: Some(Endpoint::new("b1")),
        expected_org: None,
    };
    rig.run(|links, cx| links.send(cx, &peer("b1"), &to, Frame::push(text("x"))));
    rig.establish(1, Some(1), "b2");
    assert!(rig.take().contains(&"refuse 1 Unexpected".to_owned()));
}

#[test]
fn a_peer_is_not_dialled_while_an_accepted_link_of_it_is_being_checked() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.sign(1);
    rig.first_message(1, &signed(Content::Conn(conn_of("b", 1))));
    rig.take();
    assert_eq!(rig.send("b", "x"), Sent::Dialling);
    assert_eq!(rig.take(), [""; 0]);
    rig.authenticated(1, Ok(identity("b")));
    assert_eq!(
        rig.take(),
        ["notify connected b", "send 1 x", "established 1 b first"]
    );
}

#[test]
fn a_false_claim_to_be_the_peer_only_defers_the_dial() {
    let mut rig = Rig::new();
    rig.link_up(1, None);
    rig.first_message(1, &signed(Content::Conn(conn_of("b", 1))));
    rig.send("b", "x");
    rig.take();
    rig.authenticated(1, Err(CryptoError::BadSignature));
    assert_eq!(
        rig.take(),
        [
            "notify refused remote 1 BadSignature",
            "refuse 1 BadSignature",
            "dial 1 b"
        ]
    );
}

#[test]
fn a_failed_dial_is_ignored_if_the_peer_has_connected_since() {
    let mut rig = Rig::new();
    rig.send("b", "x");
    rig.establish(1, None, "b");
    rig.take();
    rig.dial_failed(1);
    assert_eq!(rig.take(), [""; 0]);
    assert!(rig.links.is_connected(&peer("b")));
    assert_eq!(rig.metrics().waiting_shed, 0);
}

#[test]
fn the_queue_of_a_broken_link_is_sent_on_the_next_link() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.send("b", "handed over");
    rig.establish(1, Some(1), "b");
    rig.send("b", "one");
    rig.send("b", "two");
    rig.touch(1);
    rig.take();
    rig.link_down(1, LinkDownReason::Broken);
    assert_eq!(
        rig.take(),
        ["notify disconnected b", "dial 2 b", "disconnected b"]
    );
    rig.establish(2, Some(2), "b");
    assert!(rig.take().contains(&"send 2 one".to_owned()));
    rig.flushed(2, 1, 0);
    rig.flushed(2, 1, 0);
    assert_eq!(rig.take(), ["send 2 two"]);
}

#[test]
fn the_peer_of_an_ended_idle_link_is_not_dialled_again() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    rig.take();
    rig.link_down(1, LinkDownReason::Broken);
    assert_eq!(rig.take(), ["notify disconnected b", "disconnected b"]);
    assert_eq!(rig.io.timers.next(), None);
}

#[test]
fn a_remote_that_always_closes_our_new_links_is_dialled_with_back_off() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.send("b", "lost");
    rig.send("b", "kept");
    rig.establish(1, Some(1), "b");
    rig.take();
    rig.link_down(1, LinkDownReason::Broken);
    assert_eq!(
        rig.take(),
        ["notify disconnected b", "disconnected b"],
        "a pause first"
    );
    rig.advance(Duration::from_millis(250));
    assert_eq!(rig.take(), ["dial 2 b"]);
    rig.establish(2, Some(2), "b");
    rig.send("b", "more");
    rig.take();
    rig.link_down(2, LinkDownReason::Broken);
    assert_eq!(
        rig.take(),
        ["notify disconnected b", "disconnected b", "unreachable b b"],
        "a second failure without a message"
    );
}

#[test]
fn a_legacy_peer_that_closes_a_fresh_link_is_dialled_again_once_at_once() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.send("b", "lost");
    rig.send("b", "kept");
    rig.establish_with(1, Some(1), fabric_conn_of("b", 1));
    rig.take();
    rig.link_down(1, LinkDownReason::Finished);
    assert_eq!(
        rig.take(),
        ["notify disconnected b", "dial 2 b", "disconnected b"]
    );
    rig.establish_with(2, Some(2), fabric_conn_of("b", 2));
    rig.send("b", "more");
    rig.take();
    rig.link_down(2, LinkDownReason::Finished);
    let after = rig.take();
    assert!(after.contains(&"unreachable b b".to_owned()), "{after:?}");
}

#[test]
fn closing_a_peer_closes_its_links_and_drops_waiting_messages() {
    let mut rig = Rig::new();
    rig.establish(1, None, "z");
    rig.establish(2, None, "z");
    rig.send("b", "x");
    rig.take();
    for name in ["z", "b"] {
        rig.run(|links, cx| {
            links.close_peer(cx, &peer(name), CloseReason::PeerGone);
        });
    }
    let closed = rig.take();
    assert!(closed.contains(&"close 1 PeerGone".to_owned()));
    assert!(closed.contains(&"close 2 PeerGone".to_owned()));
    assert!(closed.contains(&"disconnected z".to_owned()));
    rig.link_up(3, Some(1));
    assert_eq!(rig.take(), ["close 3 DialAbandoned"]);
    assert_eq!(rig.io.timers.next(), None);
    assert_eq!(rig.metrics().waiting_shed, 1);
}

#[test]
fn nothing_is_sent_to_ourselves_or_without_an_address() {
    let mut rig = Rig::new();
    assert_eq!(rig.send("m", "x"), Sent::Dropped(DropReason::Oneself));
    let nowhere = SendTo::default();
    let sent = rig.run(|links, cx| links.send(cx, &peer("b"), &nowhere, Frame::control(text("x"))));
    assert_eq!(sent, Sent::Dropped(DropReason::NoAddress));
    assert_eq!(rig.metrics().dropped[&DropReason::NoAddress], 1);
    assert_eq!(rig.metrics().waiting_shed, 1);
    assert_eq!(rig.take(), [""; 0]);
}

#[test]
fn stopping_finishes_all_links_and_refuses_new_ones() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    rig.link_up(2, None);
    rig.send("c", "x");
    rig.take();
    rig.run(|links, cx| links.stop(cx));
    assert_eq!(rig.take(), ["finish 1", "close 2 Stopping"]);
    rig.link_up(3, Some(1));
    assert_eq!(rig.take(), ["close 3 Stopping"]);
    assert_eq!(rig.send("b", "x"), Sent::Dropped(DropReason::Stopped));
}

#[test]
fn another_peer_at_an_old_address_does_not_replace_a_connected_peer() {
    let mut rig = Rig::new();
    rig.send("b1", "for any peer");
    rig.establish(1, None, "b1");
    rig.take();
    rig.establish(2, Some(1), "b2");
    let lines = rig.take();
    assert!(
        lines.iter().all(|line| !line.starts_with("switch")),
        "{lines:?}"
    );
    assert!(rig.links.is_connected(&peer("b1")) && rig.links.is_connected(&peer("b2")));
}

#[test]
fn a_dial_abandoned_during_its_authentication_does_not_fail_the_next_one() {
    let mut rig = Rig::new();
    rig.send("b", "first");
    rig.link_up(1, Some(1));
    let reason = CloseReason::PeerGone;
    rig.run(|links, cx| links.close_peer(cx, &peer("b"), reason));
    rig.take();
    assert_eq!(rig.send("b", "second"), Sent::Dialling);
    rig.link_down(1, LinkDownReason::Broken);
    rig.advance(Duration::from_millis(100));
    rig.establish(2, Some(2), "b");
    let lines = rig.take();
    assert!(lines.contains(&"send 2 second".to_owned()), "{lines:?}");
}
