use super::*;

/// `m` is smaller than `z`, and greater than `b`.
fn dialled(rig: &mut Rig, link: u64, name: &str) {
    assert!(rig.run(|links, cx| links.dial(cx, &Endpoint::new(&format!("{name} {link}")))));
    let last = rig.io.out.iter().rev().find_map(|command| match command {
        Command::Dial { ticket, .. } => Some(ticket.0),
        _ => None,
    });
    let ticket = last.expect("a dial");
    rig.establish(link, Some(ticket), name);
}

#[test]
fn the_link_dialled_by_the_smaller_peer_wins_and_takes_over_what_is_queued() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.establish(1, None, "z");
    for message in ["one", "two", "three"] {
        assert_eq!(rig.send("z", message), Sent::Queued);
    }
    assert_eq!(
        rig.take(),
        [
            "send 1 conn",
            "notify connected z",
            "send 1 one",
            "authenticate 1",
            "established 1 z first"
        ]
    );
    dialled(&mut rig, 2, "z");
    assert_eq!(
        rig.take(),
        [
            "dial 1 z 2",
            "send 2 conn",
            "send 2 two",
            "authenticate 2",
            "established 2 z via z 2"
        ],
        "the remote dialled the losing link and finishes it"
    );
    rig.flushed(2, 1, 0);
    rig.flushed(2, 1, 0);
    assert_eq!(rig.take(), ["send 2 three"]);
    rig.link_down(1, LinkDownReason::Finished);
    assert_eq!(rig.take(), [""; 0]);
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(2)));
    assert_eq!(rig.metrics().links_superseded, 1);
    assert_eq!(rig.io.timers.next(), None);
}

#[test]
fn our_losing_dial_is_finished_and_read_until_the_remote_closes_it() {
    let mut rig = Rig::new();
    dialled(&mut rig, 1, "b");
    rig.take();
    rig.establish(2, None, "b");
    assert_eq!(
        rig.take(),
        [
            "send 2 conn",
            "finish 1",
            "authenticate 2",
            "established 2 b"
        ]
    );
    assert_eq!(
        rig.links.peer_of(LinkId(1)),
        Some(&peer("b")),
        "messages on it are of b"
    );
    assert!(rig.links.admits(LinkId(1)));
    let sent = rig.run(|links, cx| links.send_on(cx, LinkId(1), Frame::control(text("answer"))));
    assert_eq!(sent, Sent::Queued);
    assert_eq!(
        rig.take(),
        ["send 2 answer"],
        "answers are sent on the other link"
    );
    rig.link_down(1, LinkDownReason::Finished);
    assert_eq!(rig.take(), [""; 0]);
    assert_eq!(rig.links.connections.len(), 1);
}

#[test]
fn a_losing_new_link_is_finished_by_its_dialler() {
    let mut rig = Rig::new();
    rig.establish(1, None, "b");
    rig.take();
    dialled(&mut rig, 2, "b");
    assert!(rig.take().contains(&"finish 2".to_owned()));
    let mut rig = Rig::new();
    dialled(&mut rig, 1, "z");
    rig.take();
    rig.establish(2, None, "z");
    assert_eq!(
        rig.take(),
        ["send 2 conn", "authenticate 2", "established 2 z"]
    );
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(1)));
}

#[test]
fn the_newest_of_two_dials_of_ours_stays() {
    let mut rig = Rig::new();
    dialled(&mut rig, 1, "z");
    rig.take();
    dialled(&mut rig, 2, "z");
    assert_eq!(
        rig.take(),
        [
            "dial 2 z 2",
            "send 2 conn",
            "finish 1",
            "authenticate 2",
            "established 2 z via z 2"
        ]
    );
}

#[test]
fn a_finished_link_that_the_remote_does_not_close_is_closed_after_the_linger() {
    let mut rig = Rig::new();
    dialled(&mut rig, 1, "z");
    dialled(&mut rig, 2, "z");
    rig.take();
    rig.advance(Duration::from_secs(5));
    assert_eq!(rig.take(), ["close 1 LingerExpired"]);
    assert!(rig.links.is_connected(&peer("z")));
}

#[test]
fn a_losing_link_kept_by_its_dialler_becomes_primary_if_the_winning_link_is_silent() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    dialled(&mut rig, 1, "z");
    rig.advance(Duration::from_secs(60));
    rig.establish(2, None, "z");
    rig.send("z", "lost");
    rig.send("z", "kept");
    rig.take();
    rig.advance(Duration::from_secs(5));
    assert_eq!(rig.take(), ["send 2 kept", "finish 1"]);
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(2)));
}

#[test]
fn a_losing_link_kept_by_its_dialler_is_finished_if_the_winning_link_carries_messages() {
    let mut rig = Rig::new();
    dialled(&mut rig, 1, "z");
    rig.establish(2, None, "z");
    rig.take();
    rig.advance(Duration::from_secs(1));
    rig.touch(1);
    rig.advance(Duration::from_secs(4));
    assert_eq!(rig.take(), ["finish 2"]);
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(1)));
}

#[test]
fn the_other_link_becomes_primary_at_once_if_the_preferred_one_breaks() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.establish(1, None, "z");
    dialled(&mut rig, 2, "z");
    rig.send("z", "gone");
    rig.send("z", "kept");
    rig.take();
    rig.flushed(1, 1, 0);
    rig.link_down(2, LinkDownReason::Broken);
    assert_eq!(rig.take(), ["send 1 kept"]);
    assert_eq!(rig.io.timers.next(), None);
}

#[test]
fn a_peer_restarted_with_the_same_key_is_connected_at_once() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    dialled(&mut rig, 1, "z");
    rig.send("z", "lost with the old process");
    rig.send("z", "queued");
    rig.take();
    rig.establish_with(
        2,
        None,
        ConnEstablish {
            incarnation: 2,
            ..conn_of("z", 2)
        },
    );
    assert_eq!(
        rig.take(),
        [
            "send 2 conn",
            "close 1 Superseded",
            "notify disconnected z",
            "notify connected z",
            "send 2 queued",
            "authenticate 2",
            "disconnected z",
            "established 2 z first",
        ]
    );
    rig.link_down(1, LinkDownReason::Closed);
    assert_eq!(rig.take(), [""; 0]);
}

#[test]
fn a_link_of_an_older_incarnation_is_closed() {
    let mut rig = Rig::new();
    rig.establish_with(
        1,
        None,
        ConnEstablish {
            incarnation: 2,
            ..conn_of("z", 1)
        },
    );
    rig.take();
    rig.establish_with(
        2,
        None,
        ConnEstablish {
            incarnation: 1,
            ..conn_of("z", 2)
        },
    );
    assert_eq!(
        rig.take(),
        ["send 2 conn", "close 2 Superseded", "authenticate 2"]
    );
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(1)));
}

#[test]
fn with_a_legacy_peer_our_dial_wins() {
    for name in ["b", "z"] {
        let mut rig = Rig::new();
        rig.establish_with(1, None, fabric_conn_of(name, 1));
        rig.run(|links, cx| links.dial(cx, &Endpoint::new(name)));
        rig.establish_with(2, Some(1), fabric_conn_of(name, 2));
        assert_eq!(rig.links.link_of(&peer(name)), Some(LinkId(2)));
        rig.establish_with(3, None, fabric_conn_of(name, 3));
        assert_eq!(rig.links.link_of(&peer(name)), Some(LinkId(2)));
        assert!(
            !rig.take().iter().any(|line| line.starts_with("finish")),
            "the legacy peer closes its own dial"
        );
    }
}

#[test]
fn the_newest_of_two_links_accepted_from_a_legacy_peer_is_primary() {
    let mut rig = Rig::new();
    rig.establish_with(1, None, fabric_conn_of("z", 1));
    rig.establish_with(2, None, fabric_conn_of("z", 2));
    assert_eq!(rig.links.link_of(&peer("z")), Some(LinkId(2)));
}

#[test]
fn standby_links_of_one_peer_are_limited() {
    let mut rig = Rig::new();
    for link in 1..=100 {
        rig.establish(link, None, "b");
    }
    let up = rig
        .links
        .connections
        .values()
        .filter(|connection| connection.up().is_some());
    assert_eq!(up.count(), 9, "the preferred one and eight more");
    assert_eq!(rig.links.link_of(&peer("b")), Some(LinkId(100)));
}
