//! The loop: one task that drains queues and never waits for another task.
//!
//! Each turn takes completions first (they free resources in flight), then new connections and send
//! credit, a few requests, a batch of messages, the links in turn, and last a due tick; so a busy
//! node handles the heartbeats it holds before it suspects a member. Commands are executed after each
//! event, by `try_send` and `spawn` only. After a bounded turn it yields to the executor.

mod execute;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_util::future::join;
use futures_util::task::AtomicWaker;
use gossip_core::{
    Event, Instant, LinkDownReason, LinkId, Node, Request, RequestError, RequestId, Ticket,
};
use tracing::{debug, info, warn};

use crate::clock::{Clock, Timer};
use crate::connect::Opened;
use crate::counters::Counters;
use crate::intake::Arrival;
use crate::ledger_stalls::{LedgerStall, LedgerStalls};
use crate::links::Links;
use crate::listeners::Listeners;
use crate::mailbox::{Answer, Mailbox, Reply};
use crate::notifications::{Notice, Notifier};
use crate::peer_book_writer::PeerBookWriter;
use crate::pool::Pool;
use crate::tasks::{Tasks, shielded};
use crate::transport::{Link, Transport, within, yield_now};
use crate::validators::Validators;
use crate::views::Publisher;
use crate::{Ledger, Runtime};

/// The most work of one turn, by kind: enough to amortise a wake-up, and so little that a turn takes well under a
/// millisecond.
const COMPLETIONS: usize = 256;
const CONNECTIONS: usize = 16;
const CREDITS: usize = 256;
const REQUESTS: usize = 16;
const ARRIVALS: usize = 64;

/// The result of work that a task or thread has done.
pub(crate) enum Completion<K: Link> {
    /// An event for the core.
    Event(Event),
    /// A dial succeeded.
    Dialled { ticket: Ticket, opened: Opened<K> },
    /// An operation of the ledger is late.
    LedgerStalled(LedgerStall),
}

/// Queues results of tasks and threads for the loop. They wait for room; the loop never waits for them.
pub(crate) struct Reporter<K: Link> {
    completed: Sender<Completion<K>>,
    wake: Arc<AtomicWaker>,
}

impl<K: Link> Reporter<K> {
    pub(crate) fn new(room: usize, wake: Arc<AtomicWaker>) -> (Self, Receiver<Completion<K>>) {
        let (completed, completions) = async_channel::bounded(room);
        (Self { completed, wake }, completions)
    }

    pub(crate) async fn report(&self, completion: Completion<K>) {
        if self.completed.send(completion).await.is_ok() {
            self.wake.wake();
        }
    }

    /// As `report`, from a thread.
    pub(crate) fn report_blocking(&self, event: Event) {
        if self
            .completed
            .send_blocking(Completion::Event(event))
            .is_ok()
        {
            self.wake.wake();
        }
    }
}

impl<K: Link> Clone for Reporter<K> {
    fn clone(&self) -> Self {
        Self {
            completed: self.completed.clone(),
            wake: Arc::clone(&self.wake),
        }
    }
}

/// The driver's end of the application's handles. Fields are dropped in order: the publisher last, since
/// its drop completes a shutdown.
pub(crate) struct Application {
    pub(crate) mailbox: Mailbox,
    pub(crate) notifier: Notifier,
    pub(crate) listeners: Arc<Listeners>,
    pub(crate) publisher: Publisher,
}

/// The loop's state. Fields are dropped in order, `application` last.
pub(crate) struct Driver<R: Runtime, T: Transport, L> {
    pub(crate) node: Node,
    pub(crate) clock: Clock<R>,
    pub(crate) timer: Timer<R>,
    pub(crate) wake: Arc<AtomicWaker>,
    pub(crate) transport: Arc<T>,
    pub(crate) ledger: Arc<L>,
    pub(crate) pool: Pool,
    pub(crate) links: Links,
    pub(crate) completions: Receiver<Completion<T::Link>>,
    pub(crate) reporter: Reporter<T::Link>,
    pub(crate) accepted: Receiver<Opened<T::Link>>,
    pub(crate) ledger_stalls: Arc<LedgerStalls>,
    pub(crate) ledger_timeout: Duration,
    pub(crate) dial_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) max_unanswered: usize,
    pub(crate) counters: Arc<Counters>,
    pub(crate) validators: Validators,
    pub(crate) state: State,
    pub(crate) tasks: Tasks<R>,
    pub(crate) peer_book: Option<PeerBookWriter>,
    pub(crate) application: Application,
}

/// The loop's own state between events.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Results that were known at once: the next turn starts with them.
    done: Vec<Event>,
    /// Requests taken and not yet answered.
    unanswered: BTreeMap<RequestId, Reply>,
    /// Requests that wait for other peers' ledgers, possibly for long. The core bounds their number.
    waiting: BTreeMap<RequestId, Reply>,
    next_request: u64,
    /// Answers and notifications of this turn: sent once the snapshots show their changes.
    answers: Vec<(Reply, Answer)>,
    notifications: Vec<Notice>,
    stop: Stop,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stop {
    #[default]
    Running,
    /// The core has the request to stop with this id. The loop ends with its answer, at the deadline at the latest.
    Asked {
        id: RequestId,
        deadline: Instant,
    },
    Done,
}

impl<R: Runtime, T: Transport, L: Ledger> Driver<R, T, L> {
    /// Runs until the node is stopped, then ends its tasks and threads.
    pub(crate) async fn run(mut self: Box<Self>) {
        info!("gossip started");
        self.turn();
        while self.state.stop != Stop::Done {
            if self.has_work() {
                yield_now().await;
            } else {
                self.wait().await;
            }
            self.turn();
        }
        self.finish().await;
    }

    /// Waits until there is work.
    async fn wait(&mut self) {
        let deadline = match self.state.stop {
            Stop::Asked { deadline, .. } => Some(
                self.node
                    .poll_timeout()
                    .map_or(deadline, |at| at.min(deadline)),
            ),
            Stop::Running | Stop::Done => self.node.poll_timeout(),
        };
        self.timer.arm(&self.clock, deadline);
        poll_fn(|cx| {
            self.wake.register(cx.waker());
            if self.has_work() {
                Poll::Ready(())
            } else {
                self.timer.poll(cx)
            }
        })
        .await;
    }

    fn has_work(&self) -> bool {
        !self.state.done.is_empty()
            || !self.completions.is_empty()
            || self.validators.has_verdicts()
            || !self.accepted.is_empty()
            || self.links.is_ready()
            || self.takes_requests() && !self.application.mailbox.is_empty()
            || self.state.stop == Stop::Running && self.application.publisher.is_stop_asked()
    }

    fn takes_requests(&self) -> bool {
        self.state.stop == Stop::Running && self.state.unanswered.len() < self.max_unanswered
    }

    /// Does a bounded amount of work. If some is left, the next turn follows at once.
    fn turn(&mut self) {
        self.stop_if_due();
        self.take_completions();
        self.take_connections();
        self.take_credits();
        self.take_requests();
        self.take_arrivals();
        self.tick_if_due();
        let Self { links, node, .. } = self;
        links.reconsider(|link| node.admits(link));
        if let Some(peer_book) = &mut self.peer_book {
            peer_book.update(self.clock.now(), &self.node);
        }
        self.publish();
    }

    fn stop_if_due(&mut self) {
        match self.state.stop {
            Stop::Running if self.application.publisher.is_stop_asked() => {
                info!("gossip stops");
                // The last snapshots show the node before the stop, not a partial state during it.
                self.application.publisher.publish(&self.node);
                self.application.publisher.freeze();
                let id = self.request_id();
                let deadline = self.clock.now() + self.shutdown_timeout;
                self.state.stop = Stop::Asked { id, deadline };
                self.handle(Event::Request {
                    id,
                    request: Request::Stop,
                });
            }
            Stop::Asked { deadline, .. } if deadline <= self.clock.now() => {
                warn!("the core did not stop in time");
                self.state.stop = Stop::Done;
            }
            Stop::Running | Stop::Asked { .. } | Stop::Done => {}
        }
    }

    fn take_completions(&mut self) {
        for event in std::mem::take(&mut self.state.done) {
            self.handle(event);
        }
        for _ in 0..COMPLETIONS {
            match self.completions.try_recv() {
                Ok(Completion::Event(event)) => self.handle(event),
                Ok(Completion::Dialled { ticket, opened }) => self.attach(opened, Some(ticket)),
                Ok(Completion::LedgerStalled(stall)) => self.on_ledger_stalled(stall),
                Err(_) => break,
            }
        }
        for _ in 0..COMPLETIONS {
            let Some((ticket, verdict)) = self.validators.next_verdict() else {
                break;
            };
            self.handle(Event::Validated { ticket, verdict });
        }
    }

    fn take_connections(&mut self) {
        for _ in 0..CONNECTIONS {
            let Ok(opened) = self.accepted.try_recv() else {
                break;
            };
            self.attach(opened, None);
        }
    }

    fn take_credits(&mut self) {
        for _ in 0..CREDITS {
            let Some((link, frames, bytes)) = self.links.next_flushed() else {
                break;
            };
            self.handle(Event::Flushed {
                link,
                frames,
                bytes,
            });
        }
    }

    fn take_requests(&mut self) {
        for _ in 0..REQUESTS {
            if !self.takes_requests() {
                break;
            }
            let Some(mut submission) = self.application.mailbox.take() else {
                break;
            };
            if let Some(queue) = submission.validator.take()
                && let Request::ValidateBlocks { channel, .. } = &submission.request
                && !self.validators.open(channel, queue)
            {
                let taken = RequestError::Validating(channel.clone());
                self.state.answers.push((submission.reply, Err(taken)));
                continue;
            }
            let id = self.request_id();
            let takes_long = matches!(submission.request, Request::AwaitCoverage { .. });
            let open = if takes_long {
                &mut self.state.waiting
            } else {
                &mut self.state.unanswered
            };
            open.insert(id, submission.reply);
            let mut request = submission.request;
            if let Request::Listen(interest) = &mut request {
                // The listeners may have changed since the request was made.
                *interest = self.application.listeners.interest();
            }
            self.handle(Event::Request { id, request });
        }
    }

    fn take_arrivals(&mut self) {
        for _ in 0..ARRIVALS {
            let Self { links, node, .. } = self;
            let Some((link, arrival)) = links.next_arrival(|link| node.admits(link)) else {
                break;
            };
            self.handle(match arrival {
                Arrival::Message(message) => Event::Received { link, message },
                Arrival::Malformed(error) => Event::Malformed { link, error },
                Arrival::Down(reason) => link_down(link, reason),
            });
            let admitted = self.node.admits(link);
            self.links.settle(link, admitted);
        }
    }

    fn tick_if_due(&mut self) {
        let now = self.clock.now();
        if self
            .node
            .poll_timeout()
            .is_some_and(|deadline| deadline <= now)
        {
            self.handle(Event::Tick);
        }
    }

    fn attach(&mut self, opened: Opened<T::Link>, dial: Option<Ticket>) {
        let Opened {
            remote,
            binding,
            reader,
            writer,
        } = opened;
        let link = self.links.attach(reader, writer, &self.tasks);
        debug!(%link, %remote, dialled = dial.is_some(), "link up");
        self.handle(Event::LinkUp {
            link,
            dial,
            remote,
            binding,
        });
    }

    /// Passes an event to the core and executes its commands.
    fn handle(&mut self, event: Event) {
        self.node.handle(self.clock.now(), event);
        while let Some(command) = self.node.poll_command() {
            self.execute(command);
        }
    }

    fn request_id(&mut self) -> RequestId {
        let id = RequestId(self.state.next_request);
        self.state.next_request = self.state.next_request.wrapping_add(1);
        id
    }

    /// Replaces the snapshots, then sends the turn's notifications and answers.
    fn publish(&mut self) {
        self.validators.retain(&self.node);
        self.application.publisher.publish(&self.node);
        for notification in self.state.notifications.drain(..) {
            if self.application.notifier.notify(notification) {
                self.counters.notifications_overwritten.add();
            }
        }
        for (reply, answer) in self.state.answers.drain(..) {
            reply.send(answer);
        }
    }

    /// Called when the core has stopped: flushes the links, ends tasks and threads, and completes the shutdown.
    async fn finish(self: Box<Self>) {
        let Self {
            transport,
            ledger,
            mut links,
            pool,
            state,
            completions,
            accepted,
            tasks,
            application,
            peer_book,
            shutdown_timeout,
            ..
        } = *self;
        let Application {
            mailbox,
            notifier,
            listeners,
            publisher,
        } = application;
        listeners.close();
        drop((mailbox, state, completions, accepted, pool, peer_book));
        links.finish_all();
        // A caller of `shutdown` may open the port and the ledger's file again at once.
        let closing = tasks.runtime().clone();
        let closed = within(
            &closing,
            shutdown_timeout,
            shielded(async { transport.close().await }),
        );
        let (closed, joined) = join(closed, tasks.join(shutdown_timeout)).await;
        if closed.is_none() {
            warn!("the transport did not close in time");
        }
        if !joined {
            warn!("some tasks did not end in time and were dropped");
        }
        info!("gossip stopped");
        drop((transport, ledger));
        drop((notifier, publisher));
    }
}

fn link_down(link: LinkId, reason: LinkDownReason) -> Event {
    debug!(%link, ?reason, "link down");
    Event::LinkDown { link, reason }
}
