//! W3: the core alone. No I/O; the crypto service and the ledger answer at once.

mod fixture;
mod messages;

use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use clap::ValueEnum;
use gossip_core::proto::{Limits, SignedMessage};
use gossip_core::{Event, LinkId};
use serde::{Deserialize, Serialize};

pub(crate) use self::fixture::Fixture;
use crate::measured::Measured;
use crate::size::size;

/// The message that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A pushed block that is already in the ledger.
    Duplicate,
    /// A pushed block that is next.
    FirstCopy,
    /// A heartbeat that is already known.
    KnownAlive,
    /// A new heartbeat of a known member.
    NewAlive,
}

/// One run: `amount` is a block's size, or the number of members.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) amount: usize,
    pub(crate) events: usize,
}

/// All cases of this workload.
pub(crate) const CASES: [(Kind, usize); 12] = [
    (Kind::Duplicate, 1 << 10),
    (Kind::Duplicate, 64 << 10),
    (Kind::Duplicate, 1 << 20),
    (Kind::FirstCopy, 1 << 10),
    (Kind::FirstCopy, 64 << 10),
    (Kind::FirstCopy, 1 << 20),
    (Kind::KnownAlive, 64),
    (Kind::KnownAlive, 1_000),
    (Kind::KnownAlive, 10_000),
    (Kind::NewAlive, 64),
    (Kind::NewAlive, 1_000),
    (Kind::NewAlive, 10_000),
];

/// Frames are made, decoded and handled in batches of this size, to bound the memory.
const BATCH: usize = 64;
const WARM_UP: usize = 4;

impl Case {
    pub(crate) fn new(kind: Kind, amount: usize) -> Self {
        let events = match (kind, amount) {
            (Kind::FirstCopy, 1_048_576) => 512,
            (Kind::FirstCopy, _) => 8_192,
            (Kind::Duplicate | Kind::KnownAlive | Kind::NewAlive, _) => 65_536,
        };
        Self {
            kind,
            amount,
            events,
        }
    }

    pub(crate) fn run(self) -> Result<Measured> {
        let mut fixture = match self.kind {
            Kind::Duplicate | Kind::FirstCopy => Fixture::new(8)?,
            Kind::KnownAlive | Kind::NewAlive => Fixture::new(self.amount)?,
        };
        fixture.take_work();
        let (mut decoding, mut handling) = (Duration::ZERO, Duration::ZERO);
        let mut done = 0;
        while done < self.events {
            let count = BATCH.min(self.events - done);
            let frames: Vec<(LinkId, Bytes)> = (done..done + count)
                .map(|index| self.frame(&fixture, index))
                .collect();
            // Freeing the frames is not part of the measurement.
            let kept = frames.clone();
            self.warm_up(&mut fixture);
            let started = Instant::now();
            let events = decode(frames);
            let decoded = Instant::now();
            handle(&mut fixture, events);
            handling += decoded.elapsed();
            decoding += decoded - started;
            done += count;
            drop(kept);
        }
        let work = fixture.take_work();
        let per_event = |total: Duration| total.as_secs_f64() * 1e9 / self.events as f64;
        let mut measured = Measured::default();
        measured.set("handle_ns", per_event(handling));
        measured.set("decode_ns", per_event(decoding));
        measured.set("checks", work.checks as f64 / self.events as f64);
        measured.set("sends", work.sends as f64 / self.events as f64);
        Ok(measured)
    }

    /// Making frames evicts the processor's caches; in a flood of copies they stay warm.
    fn warm_up(&self, fixture: &mut Fixture) {
        if matches!(self.kind, Kind::Duplicate | Kind::KnownAlive) {
            for index in 0..WARM_UP {
                let (link, frame) = self.frame(fixture, index);
                if let Ok(message) = SignedMessage::decode(frame, &Limits::default()) {
                    fixture.event(Event::Received { link, message });
                }
            }
        }
    }

    fn frame(&self, fixture: &Fixture, index: usize) -> (LinkId, Bytes) {
        let frame = match self.kind {
            Kind::Duplicate => messages::block(0, self.amount),
            Kind::FirstCopy => messages::block(index as u64, self.amount),
            Kind::KnownAlive => messages::alive(index % self.amount, 1),
            Kind::NewAlive => {
                messages::alive(index % self.amount, 2 + (index / self.amount) as u64)
            }
        };
        // Along a grown tree, new blocks come from one neighbour.
        let sender = match self.kind {
            Kind::FirstCopy => 0,
            Kind::Duplicate | Kind::KnownAlive | Kind::NewAlive => index,
        };
        (fixture.link(sender), frame)
    }
}

/// Not inlined: instructions are counted within these two functions.
#[inline(never)]
fn decode(frames: Vec<(LinkId, Bytes)>) -> Vec<Event> {
    let limits = Limits::default();
    let decoded = frames.into_iter().filter_map(|(link, frame)| {
        let message = SignedMessage::decode(frame, &limits).ok()?;
        Some(Event::Received { link, message })
    });
    black_box(decoded.collect())
}

#[inline(never)]
fn handle(fixture: &mut Fixture, events: Vec<Event>) {
    for event in events {
        fixture.event(event);
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Duplicate => write!(f, "duplicate of a block of {}", size(self.amount)),
            Kind::FirstCopy => write!(f, "first copy of a block of {}", size(self.amount)),
            Kind::KnownAlive => write!(f, "known heartbeat, {} members", self.amount),
            Kind::NewAlive => write!(f, "new heartbeat, {} members", self.amount),
        }
    }
}
