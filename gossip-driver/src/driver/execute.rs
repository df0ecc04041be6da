use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, select};
use gossip_core::{
    ChannelId, Command, Delivery, Endpoint, Event, LedgerError, LedgerOp, LedgerOutcome,
    LinkDownReason, PeerId, Request, RequestId, Ticket, Verdict,
};
use tracing::{debug, trace, warn};

use super::{Completion, Driver, Stop, link_down};
use crate::connect::dial;
use crate::ledger_ops::perform;
use crate::ledger_stalls::LedgerStall;
use crate::mailbox::Answer;
use crate::notifications::Notice;
use crate::transport::{Transport, deadline};
use crate::validators::Submitted;
use crate::{Ledger, Runtime};

impl<R: Runtime, T: Transport, L: Ledger> Driver<R, T, L> {
    /// Executes a command without waiting.
    pub(super) fn execute(&mut self, command: Command) {
        match command {
            Command::Dial { ticket, endpoint } => self.dial(ticket, endpoint),
            Command::Send {
                link,
                class,
                message,
            } => {
                trace!(%link, ?class, bytes = message.encoded().len(), "send");
                self.links.send(link, class, message.encoded().clone());
            }
            Command::FinishLink { link } => {
                debug!(%link, "finish link");
                self.links.finish(link);
            }
            Command::CloseLink { link, reason } => {
                if self.links.close(link) {
                    debug!(%link, ?reason, "close link");
                    self.state
                        .done
                        .push(link_down(link, LinkDownReason::Closed));
                }
            }
            Command::Crypto { ticket, job } => {
                if let Some(outcome) = self.pool.submit(ticket, job) {
                    self.state.done.push(Event::CryptoDone { ticket, outcome });
                }
            }
            Command::Ledger { ticket, op } => self.use_ledger(ticket, op),
            Command::Validate {
                ticket,
                channel,
                seq,
                block,
                from,
            } => self.validate(ticket, channel, (seq, block, from)),
            Command::Deliver(delivery) => self.deliver(delivery),
            Command::Reply { id, result } => self.reply(id, result),
            Command::Notify(notification) => {
                debug!(?notification, "notification");
                self.state.notifications.push(Notice::Event(notification));
            }
        }
    }

    /// Queues a block for the channel's validator. If validation was finished, the block is accepted, and validation
    /// of the channel ends. If the validator was lost, the block is ignored.
    fn validate(
        &mut self,
        ticket: Ticket,
        channel: ChannelId,
        block: (u64, Bytes, Option<PeerId>),
    ) {
        let verdict = match self.validators.submit(ticket, &channel, block) {
            Submitted::Waits => return,
            Submitted::Full => {
                self.counters.candidates_shed.add();
                Verdict::Ignore
            }
            Submitted::Lost { first } => {
                self.counters.candidates_unvalidated.add();
                if first {
                    warn!(%channel, "the validator was dropped without `finish`: blocks are ignored until there is one");
                    self.state
                        .notifications
                        .push(Notice::ValidatorLost(channel));
                }
                Verdict::Ignore
            }
            Submitted::NoValidator => {
                self.validators.close(&channel);
                let id = self.request_id();
                let request = Request::ValidateBlocks { channel, on: false };
                self.state.done.push(Event::Request { id, request });
                Verdict::Accept
            }
        };
        self.state.done.push(Event::Validated { ticket, verdict });
    }

    fn dial(&self, ticket: Ticket, endpoint: Endpoint) {
        debug!(%ticket, %endpoint, "dial");
        let dialling = dial(
            self.tasks.runtime().clone(),
            Arc::clone(&self.transport),
            endpoint,
            self.dial_timeout,
            Arc::clone(&self.counters),
        );
        let reporter = self.reporter.clone();
        self.tasks.spawn_until_stop(async move {
            let completion = match dialling.await {
                Ok(opened) => Completion::Dialled { ticket, opened },
                Err(error) => Completion::Event(Event::DialFailed { ticket, error }),
            };
            reporter.report(completion).await;
        });
    }

    /// Starts an operation of the ledger. The core bounds their number: one commit per channel, and reads.
    fn use_ledger(&mut self, ticket: Ticket, op: LedgerOp) {
        let joining = matches!(op, LedgerOp::Height { joining: true, .. });
        let stall = LedgerStall::of(&op, self.tasks.runtime().now());
        if joining && self.ledger_stalls.has_height_of(&stall.channel) {
            // The last join of this channel still waits for the ledger.
            self.state.done.push(no_height(ticket));
            return;
        }
        let (ledger, counters) = (Arc::clone(&self.ledger), Arc::clone(&self.counters));
        let (reporter, stalls) = (self.reporter.clone(), Arc::clone(&self.ledger_stalls));
        let runtime = self.tasks.runtime().clone();
        let late = deadline(&runtime, self.ledger_timeout);
        self.tasks.spawn(async move {
            let mut work = pin!(perform(&*ledger, op, &counters));
            let late = pin!(runtime.sleep_until(late));
            let outcome = match select(work.as_mut(), late).await {
                Either::Left((outcome, _)) => outcome,
                Either::Right(_) => {
                    stalls.begin(ticket, stall.clone());
                    reporter.report(Completion::LedgerStalled(stall)).await;
                    if joining {
                        reporter.report(Completion::Event(no_height(ticket))).await;
                    }
                    // It is not cancelled. The core ignores the outcome if it no longer waits for it.
                    let outcome = work.await;
                    stalls.end(ticket);
                    outcome
                }
            };
            let event = Event::LedgerDone { ticket, outcome };
            reporter.report(Completion::Event(event)).await;
        });
    }

    /// Reports an operation of the ledger that is late.
    pub(super) fn on_ledger_stalled(&mut self, stall: LedgerStall) {
        self.counters.ledger_stalls.add();
        let LedgerStall {
            channel, operation, ..
        } = &stall;
        warn!(%channel, ?operation, timeout = ?self.ledger_timeout, "the ledger does not answer");
        self.state.notifications.push(Notice::LedgerStalled(stall));
    }

    /// Queues a message for its listeners. If it has none, the core delivers no more such messages.
    fn deliver(&mut self, delivery: Delivery) {
        let listeners = &self.application.listeners;
        if !listeners.deliver(delivery, &self.counters) {
            let request = Request::Listen(listeners.interest());
            let id = self.request_id();
            self.state.done.push(Event::Request { id, request });
        }
    }

    fn reply(&mut self, id: RequestId, result: Answer) {
        if matches!(self.state.stop, Stop::Asked { id: stop, .. } if stop == id) {
            self.state.stop = Stop::Done;
            return;
        }
        let state = &mut self.state;
        let reply = state.unanswered.remove(&id);
        if let Some(reply) = reply.or_else(|| state.waiting.remove(&id)) {
            state.answers.push((reply, result));
        }
    }
}

/// The height of a channel that is being joined is not known in time.
fn no_height(ticket: Ticket) -> Event {
    let error = LedgerError::Storage("the ledger does not answer".into());
    Event::LedgerDone {
        ticket,
        outcome: LedgerOutcome::Height(Err(error)),
    }
}
