//! The tools that every module is handed with an input: the present, the configuration, and where outputs go.

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

/// The smallest context: what identities, membership, links and the crypto room act through.
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

    /// Answers a request of the application.
    pub(crate) fn answer(&mut self, id: RequestId, result: Result<Response, RequestError>) {
        self.emit(Command::Reply { id, result });
    }

    /// Hands out what a channel has accepted, if the application listens; `message` is made only then.
    pub(crate) fn deliver(&mut self, channel: &ChannelId, message: impl FnOnce() -> SignedMessage) {
        if self.io.interest.accepted {
            let (channel, message) = (channel.clone(), message());
            let delivery = Delivery::Accepted { channel, message };
            self.emit(Command::Deliver(delivery));
        }
    }

    /// Tells the module that it concerns, upwards or sideways, when the present step is over.
    pub(crate) fn raise(&mut self, signal: impl Into<Signal>) {
        self.io.signals.push_back(signal.into());
    }

    /// Our own key could not sign.
    pub(crate) fn signing_failed(&mut self) {
        self.metrics().signing_failures += 1;
        self.notify(Notification::SigningFailed);
    }

    /// A ticket never used before.
    pub(crate) fn ticket(&mut self) -> Ticket {
        self.io.tickets.next()
    }

    /// Uses the ledger; the answer goes to `owner`.
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

/// The outputs of all modules, in one order, and what they share.
#[derive(Debug, Default)]
pub(crate) struct Io {
    pub(crate) out: VecDeque<Command>,
    /// What modules tell each other, first in, first out.
    pub(crate) signals: VecDeque<Signal>,
    pub(crate) timers: Timers,
    pub(crate) metrics: Metrics,
    pub(crate) tickets: Tickets,
    /// What the application wants to be handed.
    pub(crate) interest: Interest,
}
