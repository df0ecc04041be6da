//! Messages that a link has received and the driver has not taken yet.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use gossip_core::proto::{DecodeError, SignedMessage};
use gossip_core::{LinkDownReason, LinkId};

/// An item of a link's queue. `Down` is the last.
#[derive(Debug)]
pub(crate) enum Arrival {
    Message(SignedMessage),
    Malformed(DecodeError),
    Down(LinkDownReason),
}

/// The most that one link may hold for the driver: the reader stops reading beyond it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// The queue of one link, filled by its reader task and emptied by the driver.
///
/// It starts closed: after the first message the reader waits until the core admits more and the driver
/// opens the queue. So a link that has not authenticated has at most one message in this process.
#[derive(Debug)]
pub(crate) struct Intake {
    link: LinkId,
    window: Window,
    state: Mutex<State>,
    reader: AtomicWaker,
    ready: Arc<ReadyLinks>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<(Arrival, usize)>,
    bytes: usize,
    open: bool,
    scheduled: bool,
    /// Whether the node stops: arrivals are dropped.
    discards: bool,
    pushed: u64,
}

impl Intake {
    pub(crate) fn new(link: LinkId, window: Window, ready: Arc<ReadyLinks>) -> Self {
        let state = Mutex::default();
        Self {
            link,
            window,
            state,
            reader: AtomicWaker::new(),
            ready,
        }
    }

    /// Adds the content of a frame of `bytes` bytes. The reader waits for [`Intake::room`] first.
    ///
    /// The end of a link may be taken before the core admits the link, unless messages wait before it. If the
    /// link was never opened, its message is dropped: the remote is no longer connected.
    pub(crate) fn push(&self, arrival: Arrival, bytes: usize) {
        let schedule = {
            let mut state = self.lock();
            state.pushed = state.pushed.wrapping_add(1);
            if state.discards {
                return;
            }
            let ends = matches!(arrival, Arrival::Down(_));
            let is_message = |arrival: &Arrival| matches!(arrival, Arrival::Message(_));
            if ends && !state.open {
                state.queue.retain(|(arrival, _)| !is_message(arrival));
            }
            let ends = ends && !state.queue.iter().any(|(arrival, _)| is_message(arrival));
            state.queue.push_back((arrival, bytes));
            state.bytes = state.bytes.saturating_add(bytes);
            !std::mem::replace(&mut state.scheduled, true) || ends
        };
        if schedule {
            self.ready.push(self.link);
        }
    }

    /// Waits until the queue is open and has room for one more frame.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            self.reader.register(cx.waker());
            let state = self.lock();
            let room = state.queue.is_empty()
                || state.queue.len() < self.window.messages && state.bytes < self.window.bytes;
            if state.discards || state.open && room {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Takes the next arrival. The end of a link and a malformed first frame may always be taken, other arrivals only
    /// if the core admits them.
    pub(crate) fn take(&self, admitted: impl FnOnce() -> bool) -> Taken {
        let mut state = self.lock();
        match state.queue.front() {
            None => {
                state.scheduled = false;
                return Taken::Nothing;
            }
            Some((Arrival::Down(_), _)) => {}
            Some((Arrival::Malformed(_), _)) if !state.open => {}
            Some((Arrival::Message(_) | Arrival::Malformed(_), _)) => {
                if !admitted() {
                    return Taken::Refused;
                }
            }
        }
        let Some((arrival, bytes)) = state.queue.pop_front() else {
            return Taken::Nothing;
        };
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.reader.wake();
        Taken::Arrival(arrival)
    }

    /// Schedules the link's next turn and lets the reader continue, once the core admits more from the link.
    pub(crate) fn resume(&self) {
        let (opened, waiting) = {
            let mut state = self.lock();
            state.scheduled = !state.queue.is_empty();
            (!std::mem::replace(&mut state.open, true), state.scheduled)
        };
        if opened {
            self.reader.wake();
        }
        if waiting {
            self.ready.push(self.link);
        }
    }

    /// Drops all arrivals from now on, so that the reader can read to the end of the link.
    pub(crate) fn discard(&self) {
        {
            let mut state = self.lock();
            state.discards = true;
            state.queue.clear();
        }
        self.reader.wake();
    }

    /// The number of arrivals so far; `None` while an arrival waits that may still be taken.
    pub(crate) fn arrived(&self) -> Option<u64> {
        let state = self.lock();
        (state.queue.is_empty() || !state.open).then_some(state.pushed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of [`Intake::take`].
#[derive(Debug)]
pub(crate) enum Taken {
    Arrival(Arrival),
    /// An arrival waits, but the core admits nothing from this link now.
    Refused,
    /// The queue is empty; the next push schedules the link again.
    Nothing,
}

/// Links with arrivals or returned credit for the driver, in the order of their turns. Each link is listed at most
/// once, which bounds the list by the number of links.
#[derive(Debug)]
pub(crate) struct ReadyLinks {
    links: Mutex<VecDeque<LinkId>>,
    driver: Arc<AtomicWaker>,
}

impl ReadyLinks {
    pub(crate) fn new(driver: Arc<AtomicWaker>) -> Self {
        Self {
            links: Mutex::default(),
            driver,
        }
    }

    pub(crate) fn push(&self, link: LinkId) {
        self.lock().push_back(link);
        self.driver.wake();
    }

    pub(crate) fn pop(&self) -> Option<LinkId> {
        self.lock().pop_front()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<LinkId>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
