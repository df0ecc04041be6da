//! One direction of a link: classes, a rate, and the credit of the sender.

use std::collections::VecDeque;
use std::time::Duration;

use gossip_core::{Class, Instant};

/// Reason for which a pipe is held. Reasons are set and released independently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The receiver does not admit more frames: no frame departs.
    Receiver = 1,
    /// A fault of this pair of nodes: no frame departs.
    Stalled = 2,
    /// A fault of this direction between two groups of nodes: no frame departs.
    OneWay = 4,
    /// The receiver reads no frames: frames depart until the sender's credit has run out, which is not returned.
    Frozen = 8,
}

/// The holds with which no frame departs.
const STOPS: u8 = Hold::Receiver as u8 | Hold::Stalled as u8 | Hold::OneWay as u8;

/// A frame under way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Departure<F> {
    pub(crate) frame: F,
    /// The time at which its last byte leaves the sender.
    pub(crate) leaves: Instant,
}

/// One direction of a link. Frames wait for the line in one queue per class. The line serves the most urgent class, a
/// chunk at a time, so that a large frame delays an urgent one by at most one chunk.
///
/// The queues are unbounded: a node sends at most its window, which the world checks.
#[derive(Debug)]
pub(crate) struct Pipe<F> {
    busy_until: Instant,
    last_arrival: Instant,
    leaving: Option<u64>,
    /// Frames that have left and whose credit has not been returned.
    left: Credit,
    /// Frames handed over whose credit has not been returned.
    outstanding: Credit,
    /// The largest frame since no frame was outstanding.
    largest: u64,
    waiting: Option<Box<Waiting<F>>>,
    holds: u8,
    slowdown: u32,
    finish: Finish,
    /// A pump is planned.
    pub(crate) pump_planned: bool,
    /// The sender's next sweep of credits includes this pipe.
    pub(crate) in_sweep: bool,
}

/// Frames and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credit {
    pub(crate) frames: u32,
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Open,
    Asked,
    Done,
}

#[derive(Debug)]
struct Waiting<F> {
    queues: [VecDeque<(F, u64)>; Class::ALL.len()],
    sent: [u64; Class::ALL.len()],
}

/// Capacity of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Bytes per second.
    pub(crate) rate: u64,
    /// Bytes sent before the line checks for a more urgent frame.
    pub(crate) chunk: u64,
}

impl<F> Pipe<F> {
    pub(crate) const fn new() -> Self {
        Self {
            busy_until: Instant::START,
            last_arrival: Instant::START,
            leaving: None,
            left: Credit {
                frames: 0,
                bytes: 0,
            },
            outstanding: Credit {
                frames: 0,
                bytes: 0,
            },
            largest: 0,
            waiting: None,
            holds: 0,
            slowdown: 1,
            finish: Finish::Open,
            pump_planned: false,
            in_sweep: false,
        }
    }

    /// Accepts a frame, which departs at once if the line is free.
    pub(crate) fn send(
        &mut self,
        now: Instant,
        line: Line,
        class: Class,
        (frame, size): (F, u64),
    ) -> Option<Departure<F>> {
        if self.finish != Finish::Open {
            return None;
        }
        self.largest = if self.owes() {
            self.largest.max(size)
        } else {
            size
        };
        self.outstanding.add(size);
        if self.is_free(now) && self.waiting.is_none() && size <= line.chunk {
            return Some(self.depart(now, line, size, (frame, size)));
        }
        let waiting = self.waiting.get_or_insert_with(Box::default);
        waiting.queues[class.index()].push_back((frame, size));
        if self.is_free(now) {
            self.serve(now, line)
        } else {
            None
        }
    }

    /// Sends the next chunk; called at [`Pipe::pump_at`].
    pub(crate) fn serve(&mut self, now: Instant, line: Line) -> Option<Departure<F>> {
        self.settle(now);
        if !self.is_free(now) {
            return None;
        }
        let waiting = self.waiting.as_mut()?;
        let class = (0..Class::ALL.len()).find(|&class| !waiting.queues[class].is_empty())?;
        let size = waiting.queues[class].front()?.1;
        let rest = size - waiting.sent[class];
        if rest > line.chunk {
            waiting.sent[class] += line.chunk;
            self.busy_until = now + self.transmission(line, line.chunk);
            return None;
        }
        waiting.sent[class] = 0;
        let item = waiting.queues[class].pop_front()?;
        if waiting.queues.iter().all(VecDeque::is_empty) {
            self.waiting = None;
        }
        Some(self.depart(now, line, rest, item))
    }

    /// The time to call [`Pipe::serve`]; `None` unless frames wait, or much of the sender's `window` is
    /// outstanding.
    pub(crate) fn pump_at(&self, now: Instant, window: Option<Credit>) -> Option<Instant> {
        if self.holds & STOPS != 0 {
            return None;
        }
        let out = self.outstanding;
        let is_short = |window: Credit| {
            out.frames.saturating_mul(4) >= window.frames
                || out.bytes.saturating_mul(16) >= window.bytes
        };
        let owes = out.frames > 0 && self.holds == 0 && window.is_some_and(is_short);
        (self.waiting.is_some() || owes).then(|| self.busy_until.max(now))
    }

    /// The arrival of a frame that leaves at `leaves`: never before an earlier one.
    pub(crate) fn arrival(&mut self, leaves: Instant, latency: Duration) -> Instant {
        let latency = latency.saturating_mul(self.slowdown);
        self.last_arrival = self.last_arrival.max(leaves + latency);
        self.last_arrival
    }

    /// Delays all arrivals until `at`.
    pub(crate) fn not_before(&mut self, at: Instant) {
        self.last_arrival = self.last_arrival.max(at);
    }

    /// Credit that can be returned now; none while the pipe is held.
    pub(crate) fn take_credit(&mut self, now: Instant) -> Option<Credit> {
        self.settle(now);
        if self.holds != 0 || self.left.frames == 0 {
            return None;
        }
        let credit = std::mem::take(&mut self.left);
        self.outstanding.frames -= credit.frames;
        self.outstanding.bytes -= credit.bytes;
        Some(credit)
    }

    /// Returns whether the pipe returns no credit at present.
    pub(crate) const fn is_held(&self) -> bool {
        self.holds != 0
    }

    /// Returns whether the sender waits for credit.
    pub(crate) const fn owes(&self) -> bool {
        self.outstanding.frames > 0
    }

    /// Frames handed over whose credit has not been returned.
    pub(crate) const fn outstanding(&self) -> Credit {
        self.outstanding
    }

    /// The largest frame among those.
    pub(crate) const fn largest(&self) -> u64 {
        self.largest
    }

    /// Refuses further frames and ends the stream after the present ones.
    pub(crate) fn finish(&mut self) {
        if self.finish == Finish::Open {
            self.finish = Finish::Asked;
        }
    }

    /// The time at which the end of the stream leaves; returned once, when all frames have left.
    pub(crate) fn take_end(&mut self, now: Instant) -> Option<Instant> {
        if self.finish != Finish::Asked || self.waiting.is_some() || self.holds & STOPS != 0 {
            return None;
        }
        self.finish = Finish::Done;
        Some(self.busy_until.max(now))
    }

    /// Drops frames that have not left.
    pub(crate) fn cut(&mut self) {
        self.waiting = None;
        self.finish = Finish::Done;
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.holds |= hold as u8;
    }

    /// Releases a hold; returns whether it was set.
    pub(crate) fn release(&mut self, hold: Hold) -> bool {
        let held = self.holds & hold as u8 != 0;
        self.holds &= !(hold as u8);
        held
    }

    /// Divides the rate and multiplies the latency; 1 is normal.
    pub(crate) fn slow_down(&mut self, factor: u32) {
        self.slowdown = factor.max(1);
    }

    fn is_free(&self, now: Instant) -> bool {
        self.holds & STOPS == 0 && self.busy_until <= now
    }

    fn settle(&mut self, now: Instant) {
        if self.busy_until <= now
            && let Some(bytes) = self.leaving.take()
        {
            self.left.add(bytes);
        }
    }

    fn depart(&mut self, now: Instant, line: Line, rest: u64, item: (F, u64)) -> Departure<F> {
        self.settle(now);
        let (frame, size) = item;
        self.busy_until = now + self.transmission(line, rest);
        self.leaving = Some(size);
        Departure {
            frame,
            leaves: self.busy_until,
        }
    }

    fn transmission(&self, line: Line, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 * u128::from(self.slowdown)
            / u128::from(line.rate.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Credit {
    fn add(&mut self, bytes: u64) {
        self.frames += 1;
        self.bytes += bytes;
    }
}

impl<F> Default for Waiting<F> {
    fn default() -> Self {
        Self {
            queues: std::array::from_fn(|_| VecDeque::new()),
            sent: [0; Class::ALL.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: Line = Line {
        rate: 1_000_000_000,
        chunk: 100,
    };
    const WINDOW: Option<Credit> = Some(Credit {
        frames: 4,
        bytes: 10_000,
    });

    fn at(nanos: u64) -> Instant {
        Instant::from_nanos(nanos)
    }

    /// Serves until no frame waits; returns each frame with its departure.
    fn run(pipe: &mut Pipe<char>, mut now: Instant) -> Vec<(char, u64)> {
        let mut out = Vec::new();
        while let Some(due) = pipe.pump_at(now, WINDOW) {
            now = due;
            match pipe.serve(now, LINE) {
                Some(sent) => out.push((sent.frame, sent.leaves.as_nanos())),
                None if pipe.waiting.is_none() => break,
                None => {}
            }
        }
        out
    }

    #[test]
    fn a_free_line_sends_at_once_at_its_rate() {
        let mut pipe = Pipe::new();
        let gone = pipe.send(at(10), LINE, Class::Push, ('a', 50));
        assert_eq!(
            gone,
            Some(Departure {
                frame: 'a',
                leaves: at(60)
            })
        );
        assert_eq!(pipe.take_credit(at(59)), None);
        assert_eq!(
            pipe.take_credit(at(60)),
            Some(Credit {
                frames: 1,
                bytes: 50
            })
        );
        assert!(!pipe.owes());
    }

    #[test]
    fn an_urgent_frame_waits_for_one_chunk_of_a_large_one() {
        let mut pipe = Pipe::new();
        assert!(pipe.send(at(0), LINE, Class::Bulk, ('b', 1_000)).is_none());
        assert!(pipe.send(at(1), LINE, Class::Push, ('p', 10)).is_none());
        assert!(pipe.send(at(2), LINE, Class::Control, ('c', 10)).is_none());
        assert_eq!(
            run(&mut pipe, at(2)),
            [('c', 110), ('p', 120), ('b', 1_020)]
        );
    }

    #[test]
    fn frames_of_a_class_keep_their_order() {
        let mut pipe = Pipe::new();
        let mut out = Vec::new();
        for (frame, size) in [('a', 100), ('b', 1), ('c', 1)] {
            let gone = pipe.send(at(0), LINE, Class::Push, (frame, size));
            out.extend(gone.map(|gone| (gone.frame, gone.leaves.as_nanos())));
        }
        out.extend(run(&mut pipe, at(0)));
        assert_eq!(out, [('a', 100), ('b', 101), ('c', 102)]);
    }

    #[test]
    fn a_frame_never_arrives_before_an_earlier_one() {
        let mut pipe = Pipe::<char>::new();
        assert_eq!(pipe.arrival(at(10), Duration::from_nanos(50)), at(60));
        assert_eq!(pipe.arrival(at(11), Duration::from_nanos(5)), at(60));
    }

    #[test]
    fn a_held_pipe_sends_no_frame_and_returns_no_credit() {
        let mut pipe = Pipe::new();
        assert!(pipe.send(at(0), LINE, Class::Push, ('a', 10)).is_some());
        pipe.hold(Hold::Receiver);
        pipe.hold(Hold::Stalled);
        assert!(pipe.send(at(20), LINE, Class::Push, ('b', 10)).is_none());
        assert_eq!(pipe.take_credit(at(30)), None);
        assert_eq!(pipe.pump_at(at(30), WINDOW), None);
        assert!(pipe.release(Hold::Receiver));
        assert_eq!(pipe.pump_at(at(30), WINDOW), None);
        assert!(pipe.release(Hold::Stalled) && !pipe.release(Hold::Stalled));
        assert_eq!(
            pipe.take_credit(at(30)),
            Some(Credit {
                frames: 1,
                bytes: 10
            })
        );
        assert_eq!(run(&mut pipe, at(30)), [('b', 40)]);
    }

    #[test]
    fn a_pipe_to_a_frozen_node_sends_frames_without_returning_credit() {
        let mut pipe = Pipe::new();
        pipe.hold(Hold::Frozen);
        assert!(pipe.send(at(0), LINE, Class::Push, ('a', 10)).is_some());
        assert!(pipe.send(at(5), LINE, Class::Push, ('b', 10)).is_none());
        assert_eq!(pipe.pump_at(at(5), WINDOW), Some(at(10)));
        assert!(pipe.serve(at(10), LINE).is_some());
        assert_eq!(pipe.take_credit(at(30)), None);
        assert_eq!(pipe.pump_at(at(30), WINDOW), None, "nothing waits");
        assert!(pipe.release(Hold::Frozen));
        let all = Credit {
            frames: 2,
            bytes: 20,
        };
        assert_eq!(pipe.take_credit(at(30)), Some(all));
    }

    #[test]
    fn the_end_of_the_stream_leaves_once_after_the_last_frame() {
        let mut pipe = Pipe::new();
        assert!(pipe.send(at(0), LINE, Class::Push, ('a', 100)).is_some());
        assert!(pipe.send(at(0), LINE, Class::Push, ('b', 100)).is_none());
        pipe.finish();
        assert!(pipe.send(at(0), LINE, Class::Push, ('x', 1)).is_none());
        assert_eq!(pipe.take_end(at(0)), None);
        assert_eq!(run(&mut pipe, at(0)), [('b', 200)]);
        assert_eq!(pipe.take_end(at(100)), Some(at(200)));
        assert_eq!(pipe.take_end(at(300)), None);
    }

    #[test]
    fn a_slow_line_exhausts_the_window() {
        let mut pipe = Pipe::new();
        pipe.slow_down(100);
        assert!(pipe.send(at(0), LINE, Class::Push, ('a', 100)).is_some());
        assert_eq!(pipe.take_credit(at(9_999)), None);
        assert_eq!(
            pipe.outstanding(),
            Credit {
                frames: 1,
                bytes: 100
            }
        );
        assert!(pipe.take_credit(at(10_000)).is_some());
        assert_eq!(
            pipe.arrival(at(10_000), Duration::from_nanos(7)),
            at(10_700)
        );
    }
}
