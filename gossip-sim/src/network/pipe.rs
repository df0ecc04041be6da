//! One direction of a link: classes, a rate, and the credit of the sender.

use std::collections::VecDeque;
use std::time::Duration;

use gossip_core::{Class, Instant};

/// Why a pipe is held. Each reason is given and taken back on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The receiver does not admit more: nothing moves.
    Receiver = 1,
    /// A fault of this pair of nodes: nothing moves.
    Stalled = 2,
    /// A fault of this direction between two groups of nodes: nothing moves.
    OneWay = 4,
    /// The receiver reads nothing: frames go on until the sender's credit, which does not come back,
    /// has run out.
    Frozen = 8,
}

/// The holds that let nothing depart.
const STOPS: u8 = Hold::Receiver as u8 | Hold::Stalled as u8 | Hold::OneWay as u8;

/// A frame that is on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Departure<F> {
    pub(crate) frame: F,
    /// When its last byte leaves the sender.
    pub(crate) leaves: Instant,
}

/// Frames that wait for the line are kept by class; the line serves the most urgent class, a chunk
/// at a time, so that a large frame delays an urgent one by one chunk at most.
///
/// It has no bound of its own: a node sends no more than its window, which the world checks.
#[derive(Debug)]
pub(crate) struct Pipe<F> {
    busy_until: Instant,
    last_arrival: Instant,
    leaving: Option<u64>,
    /// Left, but the sender has not been told.
    left: Credit,
    /// Handed over, and the sender has not been told that it left.
    outstanding: Credit,
    /// The largest frame since nothing was outstanding.
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

/// What a line can do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    /// Bytes per second.
    pub(crate) rate: u64,
    /// Bytes sent before a more urgent frame is looked for.
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

    /// Takes a frame over; it departs at once if the line is free.
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

    /// Goes on after [`Pipe::pump_at`].
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

    /// When to call [`Pipe::serve`], if there is a reason: frames wait, or much credit of a sender that takes
    /// it is out.
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

    /// When a frame that leaves at `leaves` arrives: never before an earlier one.
    pub(crate) fn arrival(&mut self, leaves: Instant, latency: Duration) -> Instant {
        let latency = latency.saturating_mul(self.slowdown);
        self.last_arrival = self.last_arrival.max(leaves + latency);
        self.last_arrival
    }

    /// Lets nothing arrive before `at`.
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

    /// Does no credit come back at present?
    pub(crate) const fn is_held(&self) -> bool {
        self.holds != 0
    }

    /// Does the sender wait for credit?
    pub(crate) const fn owes(&self) -> bool {
        self.outstanding.frames > 0
    }

    /// What the sender has handed over without having its credit back.
    pub(crate) const fn outstanding(&self) -> Credit {
        self.outstanding
    }

    /// The largest frame among those.
    pub(crate) const fn largest(&self) -> u64 {
        self.largest
    }

    /// No more frames will be handed over.
    pub(crate) fn finish(&mut self) {
        if self.finish == Finish::Open {
            self.finish = Finish::Asked;
        }
    }

    /// The moment the end of the stream leaves, told once, when all frames have left before.
    pub(crate) fn take_end(&mut self, now: Instant) -> Option<Instant> {
        if self.finish != Finish::Asked || self.waiting.is_some() || self.holds & STOPS != 0 {
            return None;
        }
        self.finish = Finish::Done;
        Some(self.busy_until.max(now))
    }

    /// Drops what has not left.
    pub(crate) fn cut(&mut self) {
        self.waiting = None;
        self.finish = Finish::Done;
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.holds |= hold as u8;
    }

    /// Takes a reason to hold back; was it one?
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

    /// Serves until nothing moves any more; what left, and when.
    fn run(pipe: &mut Pipe<char>, mut now: Instant) -> Vec<(char, u64)> {
        let mut out = Vec::new();
        while let Some(due) = pipe.pump_at(now, WINDOW) {
            now = due;
            match pipe.serve(now, LINE) {
                Some(gone) => out.push((gone.frame, gone.leaves.as_nanos())),
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
    fn a_held_pipe_moves_nothing_and_returns_no_credit() {
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
    fn a_pipe_to_one_who_is_frozen_moves_on_without_returning_credit() {
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
    fn the_end_leaves_after_the_last_frame_and_once() {
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
