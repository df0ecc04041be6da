//! What every module is handed with an input.

use std::collections::VecDeque;

use crate::signal::Signal;
use crate::timer::Timers;
use crate::{Command, Config, Instant, Metrics, Notification, Ticket};

/// The present, the configuration, and where outputs go.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) io: &'a mut Io,
}

impl Cx<'_> {
    pub(crate) fn emit(&mut self, command: Command) {
        self.io.out.push_back(command);
    }

    pub(crate) fn notify(&mut self, notification: Notification) {
        self.emit(Command::Notify(notification));
    }

    /// Tells whom it concerns, upwards or sideways, when the present step is over.
    pub(crate) fn raise(&mut self, signal: impl Into<Signal>) {
        self.io.signals.push_back(signal.into());
    }

    /// A ticket never used before.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.io.last_ticket += 1;
        Ticket(self.io.last_ticket)
    }

    pub(crate) fn timers(&mut self) -> &mut Timers {
        &mut self.io.timers
    }

    pub(crate) fn metrics(&mut self) -> &mut Metrics {
        &mut self.io.metrics
    }
}

/// The outputs of all modules, in one order.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) out: VecDeque<Command>,
    /// What modules tell each other, first in, first out.
    pub(crate) signals: VecDeque<Signal>,
    pub(crate) timers: Timers,
    pub(crate) metrics: Metrics,
    pub(crate) last_ticket: u64,
}
