use std::num::NonZeroUsize;

use super::*;

fn cap(value: usize) -> NonZeroUsize {
    NonZeroUsize::new(value).unwrap()
}

#[test]
fn links_that_authenticate_are_limited_and_the_newest_is_refused() {
    let mut rig = Rig::new();
    rig.config.link.max_handshakes = cap(2);
    for link in 1..=3 {
        rig.link_up(link, None);
    }
    assert_eq!(
        rig.take(),
        [
            "notify refused remote 3 Overloaded",
            "refuse 3 Overloaded",
            "sign 1",
            "sign 2"
        ]
    );
    assert_eq!(rig.metrics().handshakes_shed, 1);
    rig.send("b", "x");
    rig.link_up(4, Some(1));
    assert_eq!(
        rig.take(),
        ["dial 1 b", "sign 4"],
        "a flood does not prevent our own dials"
    );
}

#[test]
fn beyond_the_limit_the_link_idle_the_longest_is_finished() {
    let mut rig = Rig::new();
    rig.config.link.max_links = cap(2);
    assert!(rig.links.room_for_more(&rig.config));
    for (link, name) in [(1, "b"), (2, "c")] {
        rig.establish(link, None, name);
        rig.flushed(link, 1, 1000);
        rig.advance(Duration::from_secs(1));
    }
    assert!(!rig.links.room_for_more(&rig.config));
    rig.touch(1);
    rig.take();
    rig.establish(3, None, "d");
    assert_eq!(
        rig.take(),
        [
            "send 3 conn",
            "notify disconnected c",
            "finish 2",
            "notify connected d",
            "authenticate 3",
            "disconnected c",
            "established 3 d first",
        ]
    );
    assert_eq!(rig.metrics().links_evicted, 1);
    assert_eq!(
        rig.links.peer_of(LinkId(2)),
        Some(&peer("c")),
        "still readable"
    );
}

#[test]
fn a_new_link_is_refused_while_all_links_are_busy() {
    let mut rig = Rig::new();
    rig.config.link.max_links = cap(1);
    rig.establish(1, None, "b");
    rig.send("b", "not flushed");
    rig.take();
    rig.establish(2, None, "c");
    assert_eq!(
        rig.take(),
        [
            "send 2 conn",
            "notify refused remote 2 Overloaded",
            "refuse 2 Overloaded",
            "authenticate 2",
        ]
    );
    assert!(rig.links.is_connected(&peer("b")));
}

#[test]
fn unauthenticated_connections_evict_no_link() {
    let mut rig = Rig::new();
    rig.config.link.max_links = cap(1);
    rig.establish(1, None, "b");
    rig.flushed(1, 1, 1000);
    for link in 2..100 {
        rig.link_up(link, None);
    }
    assert!(rig.links.is_connected(&peer("b")));
    assert_eq!(rig.metrics().links_evicted, 0);
}

#[test]
fn lingering_links_are_limited() {
    let mut rig = Rig::new();
    rig.config.link.max_links = cap(2);
    for link in 1..20 {
        rig.establish(link, None, &format!("p{link}"));
        rig.flushed(link, 1, 1000);
    }
    assert!(rig.links.connections.len() <= 4);
    assert!(rig.take().iter().any(|line| line.ends_with("Evicted")));
}

#[test]
fn messages_that_wait_for_a_dial_are_limited_and_the_oldest_is_dropped() {
    let mut rig = Rig::new();
    rig.config.link.max_waiting = cap(2);
    for message in ["one", "two", "three"] {
        assert_eq!(rig.send("b", message), Sent::Dialling);
    }
    assert_eq!(rig.metrics().waiting_shed, 1);
    rig.take();
    rig.establish(1, Some(1), "b");
    let sent: Vec<String> = rig
        .take()
        .into_iter()
        .filter(|line| line.starts_with("send"))
        .collect();
    assert_eq!(sent, ["send 1 conn", "send 1 two", "send 1 three"]);
}

#[test]
fn bytes_that_wait_for_a_dial_are_limited_except_for_one_message() {
    let mut rig = Rig::new();
    rig.config.link.max_waiting_bytes = 1000;
    rig.send("b", &"x".repeat(5000));
    assert_eq!(rig.metrics().waiting_shed, 0);
    rig.send("b", &"y".repeat(600));
    rig.send("b", &"z".repeat(600));
    assert_eq!(rig.metrics().waiting_shed, 2);
}

#[test]
fn a_heartbeat_that_waits_for_a_dial_is_superseded_by_a_newer_one() {
    let mut rig = Rig::new();
    let key = Supersede::Alive(peer("c"));
    for message in ["old", "new"] {
        rig.send_class("b", Class::Control, Some(key.clone()), message);
    }
    rig.take();
    rig.establish(1, Some(1), "b");
    let sent: Vec<String> = rig
        .take()
        .into_iter()
        .filter(|line| line.starts_with("send"))
        .collect();
    assert_eq!(sent, ["send 1 conn", "send 1 new"]);
    assert_eq!(rig.metrics().waiting_shed, 0);
}

#[test]
fn dials_in_flight_are_limited() {
    let mut rig = Rig::new();
    rig.config.link.max_dials = cap(2);
    assert_eq!(rig.send("b", "x"), Sent::Dialling);
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new("seed"))));
    assert!(!rig.run(|links, cx| links.dial(cx, &Endpoint::new("other"))));
    assert_eq!(rig.send("c", "x"), Sent::Dialling, "dialled later");
    assert_eq!(rig.send("d", "x"), Sent::Dropped(DropReason::TooManyPeers));
    assert_eq!(rig.metrics().waiting_shed, 1);
    assert_eq!(rig.take(), ["dial 1 b", "dial 2 seed"]);
    rig.dial_failed(2);
    rig.take();
    rig.advance(Duration::from_millis(250));
    assert_eq!(rig.take(), ["dial 3 c"]);
}

#[test]
fn a_peer_that_failed_long_ago_makes_room_for_another() {
    let mut rig = Rig::new();
    rig.config.link.max_dials = cap(1);
    rig.send("b", "x");
    rig.dial_failed(1);
    assert_eq!(
        rig.send("c", "x"),
        Sent::Dropped(DropReason::TooManyPeers),
        "b is backing off"
    );
    rig.advance(Duration::from_millis(300));
    assert_eq!(rig.send("c", "x"), Sent::Dialling);
}

#[test]
fn one_host_does_not_prevent_others_from_authenticating() {
    let mut rig = Rig::new();
    rig.config.link.max_handshakes = cap(4);
    let up = |rig: &mut Rig, link: u64, remote: &str| {
        let binding = Binding::symmetric(binding(link));
        let remote = Endpoint::new(remote);
        rig.run(|links, cx| links.on_link_up(cx, LinkId(link), None, remote, binding));
        rig.take().pop().unwrap()
    };
    for link in 1..=4 {
        up(&mut rig, link, &format!("flood:{link}"));
    }
    assert_eq!(up(&mut rig, 5, "flood:5"), "refuse 5 Overloaded");
    assert_eq!(up(&mut rig, 6, "honest:1"), "sign 6");
    assert!(
        !rig.links.is_handshaking(LinkId(1)),
        "the oldest was refused"
    );
    assert_eq!(up(&mut rig, 7, "other:1"), "sign 7");
    assert!(!rig.links.is_handshaking(LinkId(2)));
    assert_eq!(up(&mut rig, 8, "third:1"), "sign 8");
    let refused = up(&mut rig, 9, "fourth:1");
    assert_eq!(
        refused, "refuse 9 Overloaded",
        "no host has more than this one"
    );
    assert_eq!(rig.metrics().handshakes_shed, 5);
}
