//! The smallest context: time, configuration and outputs. The larger ones contain it.

use std::collections::VecDeque;

use gossip_proto::SignedMessage;

use crate::messaging::{Delivery, Interest};
use crate::signal::Signal;
use crate::ticket::{Owner, Tickets};
use crate::timer::Timers;
use crate::{
    ChannelId, CloseReason, Command, Config, Instant, LedgerOp, LinkId, Metrics, Notification,
    RequestError, RequestId, Response, Ticket,
};

/// The context of identities, links and `crypto`, and the part of every larger one that acts.
pub(crate) struct Out<'a> {
    pub(crate) now: Instant,
    pub(crate) config: &'a Config,
    pub(crate) io: &'a mut Io,
}

impl Out<'_> {
    pub(crate) fn emit(&mut self, command: Command) {
        self.io.out.push_back(command);
    }

    pub(crate) fn close_link(&mut self, link: LinkId, reason: CloseReason) {
        self.emit(Command::CloseLink { link, reason });
    }

    pub(crate) fn notify(&mut self, notification: Notification) {
        self.emit(Command::Notify(notification));
    }

    /// Answers a request.
    pub(crate) fn answer(&mut self, id: RequestId, result: Result<Response, RequestError>) {
        self.emit(Command::Reply { id, result });
    }

    /// Delivers a message accepted by a channel, if the application listens; only then is `message` called.
    pub(crate) fn deliver(&mut self, channel: &ChannelId, message: impl FnOnce() -> SignedMessage) {
        if self.io.interest.accepted {
            let (channel, message) = (channel.clone(), message());
            let delivery = Delivery::Accepted { channel, message };
            self.emit(Command::Deliver(delivery));
        }
    }

    /// Sends a signal to another module. It is handled after the current step.
    pub(crate) fn raise(&mut self, signal: impl Into<Signal>) {
        self.io.signals.push_back(signal.into());
    }

    /// Counts a failed signature and notifies the application.
    pub(crate) fn signing_failed(&mut self) {
        self.metrics().signing_failures += 1;
        self.notify(Notification::SigningFailed);
    }

    /// A new ticket.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.io.tickets.next()
    }

    /// Starts a ledger operation whose answer belongs to `owner`.
    pub(crate) fn ledger(&mut self, owner: Owner, op: LedgerOp) -> Ticket {
        let ticket = self.io.tickets.owned(owner);
        self.emit(Command::Ledger { ticket, op });
        ticket
    }

    pub(crate) fn timers(&mut self) -> &mut Timers {
        &mut self.io.timers
    }

    pub(crate) fn metrics(&mut self) -> &mut Metrics {
        &mut self.io.metrics
    }
}

/// The outputs of all modules, in one order, and the state they share.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) out: VecDeque<Command>,
    /// Signals between modules, first in, first out.
    pub(crate) signals: VecDeque<Signal>,
    pub(crate) timers: Timers,
    pub(crate) metrics: Metrics,
    pub(crate) tickets: Tickets,
    /// The messages that the application listens to.
    pub(crate) interest: Interest,
}
