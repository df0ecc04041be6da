//! Held messages of the application wait for an unreachable peer, or for a peer that replaces it.

use super::*;
use crate::peers::outbox::Hold;

const HOLD: Duration = Duration::from_secs(15);

impl Rig {
    pub(super) fn hold(&mut self, name: &str, message: &str) -> Sent {
        self.send_held(name, message, false)
    }

    fn hold_for_named(&mut self, name: &str, message: &str) {
        self.send_held(name, message, true);
    }

    fn send_held(&mut self, name: &str, message: &str, only_named: bool) -> Sent {
        let hold = Hold {
            until: self.now + HOLD,
            only_named,
        };
        let frame = Frame {
            hold: Some(hold),
            ..Frame::push(text(message))
        };
        self.run(|links, cx| links.send(cx, &peer(name), &at(name), frame))
    }

    fn close_peer(&mut self, name: &str) {
        let (peer, reason) = (peer(name), CloseReason::PeerGone);
        self.run(|links, cx| links.close_peer(cx, &peer, reason));
    }

    /// Fails all dials until `end`. Returns the next ticket.
    fn fail_dials(&mut self, first: u64, end: Duration) -> u64 {
        let mut ticket = first;
        let mut bound = Bound::new("the time of dials to pass", 10_000);
        while self.now < Instant::START + end {
            bound.step((self.now, ticket));
            if self.io.timers.is_set(&TimerKey::Dial(Ticket(ticket))) {
                self.dial_failed(ticket);
                ticket += 1;
            }
            self.advance(Duration::from_millis(10));
        }
        ticket
    }
}

#[test]
fn only_held_messages_wait_through_failed_dials() {
    let mut rig = Rig::new();
    rig.hold("b", "one");
    rig.send("b", "lost");
    rig.hold("b", "two");
    rig.take();
    rig.dial_failed(1);
    assert_eq!(rig.take(), ["unreachable b b"]);
    assert_eq!(rig.metrics().dropped, [(DropReason::DialFailed, 1)].into());
    rig.advance(Duration::from_millis(250));
    assert_eq!(rig.take(), ["dial 2 b"]);
    rig.establish(1, Some(2), "b");
    let sent: Vec<_> = rig.take();
    let sent = sent.iter().filter(|one| one.starts_with("send"));
    assert!(sent.eq(["send 1 conn", "send 1 one", "send 1 two"]));
}

#[test]
fn held_messages_are_dropped_and_counted_after_their_time() {
    let mut rig = Rig::new();
    rig.hold("b", "one");
    let next = rig.fail_dials(1, HOLD - Duration::from_millis(10));
    assert!(next >= 5, "dialled repeatedly: {next}");
    assert_eq!(rig.metrics().dropped, BTreeMap::new());
    // The pauses grow up to the longest back-off.
    rig.fail_dials(next, HOLD + Duration::from_secs(7));
    assert_eq!(rig.metrics().dropped, [(DropReason::DialFailed, 1)].into());
    rig.take();
    rig.advance(Duration::from_secs(60));
    assert_eq!(rig.take(), [""; 0], "no dial without a message");
}

#[test]
fn held_messages_are_sent_to_a_peer_that_replaces_the_named_one() {
    let mut rig = Rig::new();
    rig.hold("b1", "hello");
    rig.dial_failed(1);
    rig.advance(Duration::from_millis(250));
    rig.take();
    rig.establish(1, Some(2), "b2");
    let out = rig.take();
    assert!(out.contains(&"send 1 hello".to_owned()), "{out:?}");
    assert!(out.contains(&"switch b1 b2".to_owned()));
    assert_eq!(rig.metrics().dropped, BTreeMap::new());
    assert_eq!(rig.io.timers.next(), None, "b1 is not dialled any more");
}

#[test]
fn messages_held_for_a_named_peer_only_are_sent_to_no_other() {
    let mut rig = Rig::new();
    rig.hold_for_named("b1", "for b1");
    rig.hold("b1", "for anyone");
    rig.dial_failed(1);
    rig.advance(Duration::from_millis(250));
    rig.take();
    rig.establish(1, Some(2), "b2");
    let out = rig.take();
    let sent = out.iter().filter(|one| one.starts_with("send"));
    assert!(sent.eq(["send 1 conn", "send 1 for anyone"]), "{out:?}");
    assert_eq!(rig.metrics().dropped, [(DropReason::PeerGone, 1)].into());
    rig.hold_for_named("c1", "for c1");
    rig.dial_failed(3);
    rig.advance(Duration::from_millis(250));
    rig.establish(2, Some(4), "c1");
    assert!(rig.take().contains(&"send 2 for c1".to_owned()));
}

#[test]
fn held_messages_are_dropped_if_the_identity_of_their_peer_becomes_invalid() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.establish(1, None, "b1");
    for message in ["sent", "queued"] {
        rig.hold("b1", message);
    }
    rig.hold("c1", "waits");
    rig.take();
    for name in ["b1", "c1"] {
        rig.run(|links, cx| links.drop_held(cx, &peer(name)));
        rig.close_peer(name);
    }
    assert_eq!(rig.metrics().dropped, [(DropReason::PeerGone, 2)].into());
    assert_eq!(rig.io.timers.next(), None, "no dial is scheduled");
}

#[test]
fn held_messages_survive_the_death_of_their_peer() {
    let mut rig = Rig::new();
    rig.hold("b1", "held");
    rig.send("b1", "lost");
    rig.take();
    rig.close_peer("b1");
    assert_eq!(rig.take(), [""; 0], "the dial in flight continues");
    assert_eq!(rig.metrics().dropped, [(DropReason::PeerGone, 1)].into());
    rig.establish(1, Some(1), "b2");
    assert!(rig.take().contains(&"send 1 held".to_owned()));
}

#[test]
fn messages_held_on_the_link_of_a_leaving_peer_wait_for_its_replacement() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.establish(1, None, "b1");
    rig.hold("b1", "sent");
    rig.hold("b1", "held");
    rig.send("b1", "lost");
    rig.take();
    rig.close_peer("b1");
    assert_eq!(
        rig.take(),
        [
            "close 1 PeerGone",
            "notify disconnected b1",
            "dial 1 b1",
            "disconnected b1",
        ]
    );
    assert_eq!(rig.metrics().dropped, [(DropReason::LinkClosed, 1)].into());
    rig.establish(2, Some(1), "b2");
    let out = rig.take();
    assert!(out.contains(&"send 2 held".to_owned()), "{out:?}");
    assert!(
        !out.contains(&"send 2 sent".to_owned()),
        "the transport held it"
    );
}

#[test]
fn messages_held_on_a_broken_link_survive_the_failed_dials_after_it() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.establish(1, None, "b");
    rig.hold("b", "sent");
    rig.hold("b", "held");
    rig.take();
    rig.link_down(1, LinkDownReason::Broken);
    rig.dial_failed(1);
    assert_eq!(rig.metrics().dropped, BTreeMap::new());
    rig.advance(Duration::from_millis(250));
    rig.establish(2, Some(2), "b");
    assert!(rig.take().contains(&"send 2 held".to_owned()));
}

#[test]
fn held_messages_count_towards_the_limit_on_waiting_ones() {
    let mut rig = Rig::new();
    rig.config.link.max_waiting = std::num::NonZeroUsize::new(2).unwrap();
    for message in ["oldest", "older", "newer"] {
        rig.hold("b", message);
        rig.dial_failed(1);
    }
    let full = DropReason::TooManyWaiting;
    assert_eq!(rig.metrics().dropped, [(full, 1)].into());
}

#[test]
fn messages_held_on_the_link_of_a_leaving_peer_count_towards_the_limit_on_waiting_ones() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.config.link.max_waiting = std::num::NonZeroUsize::new(2).unwrap();
    rig.establish(1, None, "b1");
    for message in ["sent", "oldest", "older", "newer"] {
        rig.hold("b1", message);
    }
    rig.close_peer("b1");
    let full = DropReason::TooManyWaiting;
    assert_eq!(rig.metrics().dropped, [(full, 1)].into());
    rig.config.outbox.window_frames = std::num::NonZeroUsize::new(9).unwrap();
    rig.take();
    rig.establish(2, Some(1), "b2");
    let out = rig.take();
    let sent = out.iter().filter(|one| one.starts_with("send"));
    assert!(sent.eq(["send 2 conn", "send 2 older", "send 2 newer"]));
}

#[test]
fn messages_held_on_the_link_of_a_leaving_peer_respect_the_byte_limit() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.config.link.max_waiting_bytes = 1000;
    rig.establish(1, None, "b1");
    for message in ["sent", &"x".repeat(800), &"y".repeat(800)] {
        rig.hold("b1", message);
    }
    rig.close_peer("b1");
    let full = DropReason::TooManyWaiting;
    assert_eq!(rig.metrics().dropped, [(full, 1)].into());
}

#[test]
fn the_queue_of_the_last_link_waits_within_the_limit_and_held_messages_are_dropped_last() {
    let mut rig = Rig::new();
    rig.config.outbox.window_frames = std::num::NonZeroUsize::MIN;
    rig.config.link.max_waiting = std::num::NonZeroUsize::new(3).unwrap();
    rig.establish(1, None, "b");
    rig.touch(1);
    rig.hold("b", "sent");
    rig.hold("b", "held");
    for message in ["oldest", "older", "newer", "newest"] {
        rig.send("b", message);
    }
    rig.link_down(1, LinkDownReason::Broken);
    let full = DropReason::TooManyWaiting;
    assert_eq!(rig.metrics().dropped, [(full, 2)].into());
    rig.config.outbox.window_frames = std::num::NonZeroUsize::new(9).unwrap();
    rig.take();
    rig.establish(2, Some(1), "b");
    let out = rig.take();
    let sent = out.iter().filter(|one| one.starts_with("send"));
    let expected = [
        "send 2 conn",
        "send 2 held",
        "send 2 newer",
        "send 2 newest",
    ];
    assert!(sent.eq(expected), "{out:?}");
}

#[test]
fn held_messages_are_dropped_at_the_stop() {
    let mut rig = Rig::new();
    rig.hold("b", "one");
    rig.dial_failed(1);
    rig.run(|links, cx| links.stop(cx));
    assert_eq!(rig.metrics().dropped, [(DropReason::Stopped, 1)].into());
}
