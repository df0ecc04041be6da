use std::time::Duration;

use gossip_core::proto::{Content, GossipMessage, Tag, UnsignedMessage};

use super::*;
use crate::support::{Incoming, Manual, Outgoing, Pipe};
use crate::transport::{Link as _, TransportError};

const LINGER: Duration = Duration::from_secs(5);

struct Rig {
    links: Links,
    tasks: Tasks<Manual>,
    runtime: Manual,
    counters: Arc<Counters>,
}

impl Rig {
    fn new() -> Self {
        let runtime = Manual::new();
        let counters = Arc::new(Counters::default());
        let settings = LinkSettings {
            limits: Limits::default(),
            first_frame: 100,
            window: Window {
                messages: 3,
                bytes: 1000,
            },
            linger: LINGER,
        };
        let links = Links::new(settings, &Arc::default(), Arc::clone(&counters));
        let tasks = Tasks::new(runtime.clone(), tracing::Span::none());
        Self {
            links,
            tasks,
            runtime,
            counters,
        }
    }

    fn connect(&mut self) -> (LinkId, Pipe) {
        let (near, far) = Pipe::pair();
        let (reader, writer) = near.split();
        (self.attach(reader, writer), far)
    }

    fn attach(&mut self, reader: Incoming, writer: impl FrameWriter) -> LinkId {
        self.links
            .attach(Box::new(reader), Box::new(writer), &self.tasks)
    }

    /// A link that the core has admitted.
    fn admitted(&mut self) -> (LinkId, Pipe) {
        let (link, far) = self.connect();
        far.send(1);
        self.runtime.settle();
        assert_eq!(self.take(), Some((link, "frame")));
        self.runtime.settle();
        (link, far)
    }

    /// Takes one arrival as the driver does, with a core that admits all messages.
    fn take(&mut self) -> Option<(LinkId, &'static str)> {
        let (link, arrival) = self.links.next_arrival(|_| true)?;
        self.links.settle(link, true);
        let what = match arrival {
            Arrival::Message(_) | Arrival::Malformed(_) => "frame",
            Arrival::Down(LinkDownReason::Finished) => "finished",
            Arrival::Down(_) => "broken",
        };
        Some((link, what))
    }
}

impl Pipe {
    fn send(&self, count: usize) {
        self.send_sized(count, 50);
    }

    /// Sends a valid message.
    fn send_message(&self) {
        let message = GossipMessage {
            nonce: 0,
            channel: Bytes::new(),
            tag: Tag::Empty,
            content: Content::Empty,
        };
        let message = UnsignedMessage::new(message, None).sign(Bytes::new(), None);
        self.outgoing.try_send(message.encoded().clone()).unwrap();
    }

    fn send_sized(&self, count: usize, bytes: usize) {
        for _ in 0..count {
            self.outgoing.try_send(vec![0xff; bytes].into()).unwrap();
        }
    }

    fn unread(&self) -> usize {
        self.outgoing.len()
    }
}

#[test]
fn a_link_that_is_not_admitted_has_one_message_in_the_process() {
    let mut rig = Rig::new();
    let (link, far) = rig.connect();
    far.send(4);
    rig.runtime.settle();
    assert_eq!(far.unread(), 3);
    let (from, _) = rig.links.next_arrival(|_| true).unwrap();
    assert_eq!(from, link);
    rig.links.settle(link, false);
    rig.runtime.settle();
    assert_eq!(far.unread(), 3, "the second frame waits in the transport");
    rig.links.reconsider(|_| false);
    rig.runtime.settle();
    assert_eq!(far.unread(), 3);
    rig.links.reconsider(|_| true);
    rig.runtime.settle();
    assert_eq!(far.unread(), 0);
    assert_eq!(rig.take(), Some((link, "frame")));
}

#[test]
fn a_refused_link_is_read_up_to_its_window_until_it_is_admitted_again() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    far.send(8);
    rig.runtime.settle();
    assert_eq!(far.unread(), 5, "three messages are in the window");
    assert!(rig.links.next_arrival(|_| false).is_none());
    assert!(
        !rig.links.is_ready(),
        "a refused link does not keep the driver awake"
    );
    rig.links.reconsider(|_| true);
    for _ in 0..8 {
        assert_eq!(rig.take(), Some((link, "frame")));
        rig.runtime.settle();
    }
    assert_eq!(rig.take(), None);
}

#[test]
fn large_messages_close_the_window_by_their_bytes() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    far.send_sized(3, 999);
    far.send_sized(1, 5000);
    rig.runtime.settle();
    assert_eq!(far.unread(), 2);
    for _ in 0..4 {
        assert_eq!(rig.take(), Some((link, "frame")));
        rig.runtime.settle();
    }
    assert_eq!(
        far.unread(),
        0,
        "one message always fits, whatever its size"
    );
}

#[test]
fn a_flooding_link_delays_another_by_one_message() {
    let mut rig = Rig::new();
    let (flooding, flood) = rig.admitted();
    let (quiet, far) = rig.admitted();
    flood.send(8);
    rig.runtime.settle();
    far.send(1);
    rig.runtime.settle();
    assert_eq!(rig.take(), Some((flooding, "frame")));
    assert_eq!(rig.take(), Some((quiet, "frame")));
    assert_eq!(rig.take(), Some((flooding, "frame")));
}

#[test]
fn a_core_that_admits_few_messages_serves_all_links_in_turn() {
    let mut rig = Rig::new();
    let (links, ends): (Vec<_>, Vec<_>) = (0..3).map(|_| rig.admitted()).unzip();
    ends.iter().for_each(|far| far.send(6));
    rig.runtime.settle();
    let mut served = Vec::new();
    for _ in 0..9 {
        let room = std::cell::Cell::new(true);
        rig.links.reconsider(|_| true);
        while let Some((link, _)) = rig.links.next_arrival(|_| room.get()) {
            served.push(link);
            assert!(
                served.len() <= 9,
                "waited for the links to be served: {served:?}"
            );
            room.set(false);
            rig.links.settle(link, false);
        }
        rig.runtime.settle();
    }
    assert_eq!(served, links.repeat(3));
}

#[test]
fn a_new_link_does_not_overtake_waiting_links() {
    let mut rig = Rig::new();
    let (old, far) = rig.admitted();
    far.send(1);
    rig.runtime.settle();
    assert!(rig.links.next_arrival(|_| false).is_none());
    let (_new, far) = rig.connect();
    far.send_message();
    rig.runtime.settle();
    assert!(rig.links.next_arrival(|_| false).is_none());
    rig.links.reconsider(|_| true);
    assert_eq!(rig.take().map(|(link, _)| link), Some(old));
}

#[test]
fn the_end_of_a_link_follows_all_its_messages() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    far.send(3);
    far.outgoing.close();
    rig.runtime.settle();
    for expected in ["frame", "frame", "frame", "finished"] {
        assert_eq!(rig.take(), Some((link, expected)));
        rig.runtime.settle();
    }
    assert_eq!(rig.take(), None);
}

#[test]
fn the_end_of_a_refused_link_is_taken_without_admission() {
    // Before its first message was taken, or while the core checks that message.
    for taken in [false, true] {
        let mut rig = Rig::new();
        let (link, far) = rig.connect();
        far.send_message();
        rig.runtime.settle();
        assert_eq!(rig.links.next_arrival(|_| taken).is_some(), taken);
        if taken {
            rig.links.settle(link, false);
        }
        far.incoming.close();
        rig.links
            .send(link, Class::Control, Bytes::from_static(b"lost"));
        rig.runtime.settle();
        rig.runtime.advance(QUIET);
        rig.links.reconsider(|_| false);
        let (from, arrival) = rig.links.next_arrival(|_| false).unwrap();
        assert_eq!(from, link);
        assert!(matches!(arrival, Arrival::Down(_)), "{arrival:?}");
    }
}

#[test]
fn queued_frames_are_still_sent_after_the_remote_has_finished() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    for _ in 0..20 {
        rig.links
            .send(link, Class::Control, Bytes::from_static(b"late"));
    }
    far.outgoing.close();
    rig.runtime.settle();
    assert_eq!(rig.take(), Some((link, "finished")));
    let mut received = 0;
    while far.incoming.try_recv().is_ok() {
        received += 1;
        assert!(received <= 20, "more frames than were sent");
        rig.runtime.settle();
    }
    assert_eq!(received, 20);
    assert_eq!(rig.runtime.tasks(), 0, "both tasks have ended");
}

#[test]
fn a_finished_remote_that_does_not_read_is_dropped_after_the_linger_time() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    for _ in 0..20 {
        rig.links
            .send(link, Class::Control, Bytes::from_static(b"late"));
    }
    far.outgoing.close();
    rig.runtime.settle();
    assert_eq!(rig.take(), Some((link, "finished")));
    rig.runtime.settle();
    assert_eq!(rig.runtime.tasks(), 1, "the writer lingers");
    rig.runtime.advance(LINGER);
    assert_eq!(rig.runtime.tasks(), 0);
}

#[test]
fn a_stopping_node_reads_until_the_remote_has_ended_or_is_silent() {
    for ends in [true, false] {
        let mut rig = Rig::new();
        let (link, far) = rig.admitted();
        let (_refused, other) = rig.connect();
        far.send(4);
        other.send(4);
        rig.links
            .send(link, Class::Control, Bytes::from_static(b"bye"));
        rig.links.finish_all();
        rig.runtime.settle();
        assert_eq!(far.incoming.try_recv().unwrap(), "bye");
        far.send(5);
        rig.runtime.settle();
        assert_eq!((far.unread(), other.unread()), (0, 0));
        if ends {
            far.outgoing.close();
            other.outgoing.close();
            rig.runtime.settle();
        } else {
            assert_eq!(rig.runtime.tasks(), 2);
            for _ in 0..2 {
                rig.runtime.advance(QUIET);
            }
        }
        assert_eq!(rig.runtime.tasks(), 0);
    }
}

#[test]
fn a_link_with_a_failed_writer_ends_when_all_messages_are_taken_and_no_more_arrive() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    far.incoming.close();
    rig.links
        .send(link, Class::Control, Bytes::from_static(b"lost"));
    rig.runtime.settle();
    far.send(1);
    rig.runtime.advance(QUIET);
    assert_eq!(rig.take(), Some((link, "frame")));
    far.send(1);
    rig.runtime.advance(QUIET);
    assert_eq!(rig.take(), Some((link, "frame")));
    rig.runtime.advance(QUIET);
    rig.runtime.advance(QUIET);
    assert_eq!(rig.take(), Some((link, "broken")));
}

#[test]
fn closing_drops_both_halves_at_once() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    far.send(3);
    rig.runtime.settle();
    assert!(rig.links.close(link));
    assert!(!rig.links.close(link), "already closed");
    rig.runtime.settle();
    assert_eq!(rig.take(), None, "nothing more is received");
    assert!(far.outgoing.is_closed() && far.incoming.is_closed());
    assert_eq!(rig.runtime.tasks(), 0);
}

#[test]
fn finishing_sends_the_queued_frames_and_keeps_reading() {
    let mut rig = Rig::new();
    let (link, far) = rig.admitted();
    rig.links
        .send(link, Class::Control, Bytes::from_static(b"bye"));
    rig.links.finish(link);
    rig.runtime.settle();
    assert_eq!(far.incoming.try_recv().unwrap(), "bye");
    assert!(far.incoming.is_closed());
    far.send(1);
    rig.runtime.settle();
    assert_eq!(rig.take(), Some((link, "frame")));
}

#[test]
fn flushed_frames_return_their_credit_once() {
    let mut rig = Rig::new();
    let (link, _far) = rig.admitted();
    rig.links
        .send(link, Class::Push, Bytes::from_static(b"12345"));
    rig.links
        .send(link, Class::Control, Bytes::from_static(b"678"));
    assert_eq!(rig.links.next_flushed(), None);
    rig.runtime.settle();
    assert_eq!(rig.links.next_flushed(), Some((link, 2, 8)));
    assert_eq!(rig.links.next_flushed(), None);
}

#[test]
fn a_first_frame_beyond_the_handshake_limit_breaks_the_link() {
    let mut rig = Rig::new();
    let (link, far) = rig.connect();
    far.send_sized(1, 101);
    rig.runtime.settle();
    assert_eq!(
        rig.take(),
        Some((link, "frame")),
        "the core gets the illegal frame"
    );
    assert_eq!(rig.take(), Some((link, "broken")));
    assert_eq!(rig.counters.snapshot().frames_too_long, 1);
    let (link, far) = rig.admitted();
    far.send_sized(1, 101);
    rig.runtime.settle();
    assert_eq!(
        rig.take(),
        Some((link, "frame")),
        "later frames may be long"
    );
}

/// A writer that panics when it is called or when it is awaited.
struct Panicking {
    at_once: bool,
}

impl FrameWriter for Panicking {
    fn run(self, mut queue: FrameQueue) -> impl Future<Output = Result<(), TransportError>> + Send {
        assert!(!self.at_once, "a panic of the transport");
        async move {
            queue.next().await;
            panic!("a panic of the transport");
        }
    }
}

#[test]
fn a_writer_that_panics_breaks_its_link_after_the_received_messages() {
    for at_once in [false, true] {
        let mut rig = Rig::new();
        let (near, far) = Pipe::pair();
        let (reader, _): (Incoming, Outgoing) = near.split();
        let link = rig.attach(reader, Panicking { at_once });
        rig.links
            .send(link, Class::Control, Bytes::from_static(b"boom"));
        far.send(1);
        rig.runtime.settle();
        assert_eq!(rig.take(), Some((link, "frame")));
        rig.runtime.advance(LINGER);
        assert_eq!(rig.take(), Some((link, "broken")));
        assert_eq!(rig.counters.snapshot().transport_panics, 1);
    }
}
