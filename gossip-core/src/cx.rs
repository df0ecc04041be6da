//! What every module is handed with an input.

use std::collections::VecDeque;

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
    pub(crate) timers: Timers,
    pub(crate) metrics: Metrics,
    pub(crate) last_ticket: u64,
}
