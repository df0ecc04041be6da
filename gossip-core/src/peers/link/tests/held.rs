//! What an application sends waits for a peer that cannot be reached, or whoever takes its place.

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

    /// Fails the dials that come, until `end`; returns when they came.
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
fn what_is_held_waits_through_dials_that_fail_and_nothing_else_does() {
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
fn what_is_held_is_dropped_and_counted_when_its_time_is_over_and_not_before() {
    let mut rig = Rig::new();
    rig.hold("b", "one");
    let next = rig.fail_dials(1, HOLD - Duration::from_millis(10));
    assert!(next >= 5, "it is dialled again and again: {next}");
    assert_eq!(rig.metrics().dropped, BTreeMap::new());
    // The pauses end at the longest back-off.
    rig.fail_dials(next, HOLD + Duration::from_secs(7));
    assert_eq!(rig.metrics().dropped, [(DropReason::DialFailed, 1)].into());
    rig.take();
    rig.advance(Duration::from_secs(60));
    assert_eq!(rig.take(), [""; 0], "nobody is dialled for nothing");
}

#[test]
fn what_is_held_goes_to_the_peer_that_has_taken_the_place() {
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
    assert_eq!(rig.io.timers.next(), None, "b1 is not pursued any more");
}

#[test]
fn what_is_held_for_a_peer_alone_reaches_it_and_nobody_in_its_place() {
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
fn what_is_held_is_dropped_where_the_identity_of_its_peer_is_not_valid_any_more() {
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
    assert_eq!(rig.io.timers.next(), None, "nobody is dialled any more");
}

#[test]
fn what_is_held_survives_that_its_peer_is_held_dead() {
    let mut rig = Rig::new();
    rig.hold("b1", "held");
    rig.send("b1", "lost");
    rig.take();
    rig.close_peer("b1");
    assert_eq!(rig.take(), [""; 0], "the dial under way goes on");
    assert_eq!(rig.metrics().dropped, [(DropReason::PeerGone, 1)].into());
    rig.establish(1, Some(1), "b2");
    assert!(rig.take().contains(&"send 1 held".to_owned()));
}

#[test]
fn what_is_held_on_the_link_of_a_peer_that_leaves_waits_for_its_successor() {
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
        "the transport had it"
    );
}

#[test]
fn what_is_held_on_a_link_that_breaks_outlives_the_dials_after_it() {
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
fn what_is_held_counts_towards_the_bound_of_what_waits() {
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
fn what_is_held_on_the_link_of_a_peer_that_leaves_counts_towards_the_bound_of_what_waits() {
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
fn what_is_held_on_the_link_of_a_peer_that_leaves_waits_within_the_bound_of_bytes() {
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
fn what_was_queued_on_the_last_link_waits_within_the_bound_and_what_is_held_goes_last() {
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
fn what_is_held_does_not_outlive_the_node() {
    let mut rig = Rig::new();
    rig.hold("b", "one");
    rig.dial_failed(1);
    rig.run(|links, cx| links.stop(cx));
    assert_eq!(rig.metrics().dropped, [(DropReason::Stopped, 1)].into());
}
