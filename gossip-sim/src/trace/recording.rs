use std::fmt;

use gossip_core::{Command, Event, Instant, Metrics};
use serde::Serialize;

use super::{Trace, TraceHash};

/// The behaviour of a run in three hashes: equal for equal behaviour, regardless of the names of types, variants,
/// fields and counters and of texts. A world computes it if its [`WorldConfig::record`](crate::WorldConfig) is set.
///
/// Each variant is hashed as a number and its fields in order, a frame or block of more than 64 KiB as
/// in [`TraceHash`]. Error texts are not hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Fingerprint {
    /// All events delivered, each with its time and node.
    pub events: TraceHash,
    /// All commands of all nodes in order, each with its time and node; a message as its encoded bytes.
    pub commands: TraceHash,
    /// The counters of each node, at each crash and at the end of the run: values in the order of
    /// [`Metrics::counters`], refusals and drops with the positions of their reasons.
    pub counters: TraceHash,
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.events, self.commands, self.counters)
    }
}

/// Computes a [`Fingerprint`].
#[derive(Debug)]
pub(crate) struct Recording {
    events: Trace,
    commands: Trace,
    counters: Trace,
}

impl Recording {
    pub(crate) fn new() -> Self {
        Self {
            events: Trace::without_texts(),
            commands: Trace::without_texts(),
            counters: Trace::without_texts(),
        }
    }

    pub(crate) fn event(&mut self, now: Instant, node: u32, event: &Event) {
        self.events.record(now, node, event);
    }

    pub(crate) fn command(&mut self, now: Instant, node: u32, command: &Command) {
        self.commands.begin(now, node);
        self.commands.command(command);
        self.commands.end();
    }

    /// Records the counters of a node that crashed.
    pub(crate) fn life(&mut self, now: Instant, node: u32, metrics: &Metrics) {
        self.counters.life(now, node, metrics);
    }

    /// `running` are the counters of the nodes that run at the end.
    pub(crate) fn fingerprint<'a>(
        &self,
        now: Instant,
        running: impl Iterator<Item = (u32, &'a Metrics)>,
    ) -> Fingerprint {
        let mut counters = self.counters.clone();
        for (node, metrics) in running {
            counters.life(now, node, metrics);
        }
        Fingerprint {
            events: self.events.hash(),
            commands: self.commands.hash(),
            counters: counters.hash(),
        }
    }
}

impl Trace {
    fn life(&mut self, now: Instant, node: u32, metrics: &Metrics) {
        self.begin(now, node);
        for (_, value) in metrics.counters() {
            self.number(value);
        }
        self.number(metrics.refused.len() as u64);
        for (reason, count) in &metrics.refused {
            self.kind(*reason as u8, *count);
        }
        self.number(metrics.dropped.len() as u64);
        for (reason, count) in &metrics.dropped {
            self.kind(*reason as u8, *count);
        }
        self.end();
    }
}
