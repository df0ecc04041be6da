//! The tasks that a driver has started, and their end.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use tracing::{Instrument as _, Span};

use crate::Runtime;

/// Starts tasks, and ends them all.
///
/// Nothing is ever sent on its channels: each tells by being closed, so that dropping it ends its
/// tasks too.
pub(crate) struct Tasks<R> {
    runtime: R,
    span: Span,
    alive: Sender<()>,
    ended: Receiver<()>,
    stop: Sender<()>,
    stopped: Receiver<()>,
    kill: Sender<()>,
    killed: Receiver<()>,
}

impl<R: Runtime> Tasks<R> {
    pub(crate) fn new(runtime: R, span: Span) -> Self {
        let (alive, ended) = async_channel::bounded(1);
        let (stop, stopped) = async_channel::bounded(1);
        let (kill, killed) = async_channel::bounded(1);
        Self {
            runtime,
            span,
            alive,
            ended,
            stop,
            stopped,
            kill,
            killed,
        }
    }

    pub(crate) fn runtime(&self) -> &R {
        &self.runtime
    }

    /// Starts a task that a graceful end waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.killed.clone(), task);
    }

    /// Starts a task that is dropped when the end begins.
    pub(crate) fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.stopped.clone(), task);
    }

    /// Held by a thread that a graceful end waits for.
    pub(crate) fn alive(&self) -> Sender<()> {
        self.alive.clone()
    }

    /// Ends all tasks: those that may be dropped at once, the others after at most `patience`.
    /// `false` if some had to be dropped.
    pub(crate) async fn join(self, patience: Duration) -> bool {
        let Self {
            runtime,
            alive,
            ended,
            stop,
            kill,
            ..
        } = self;
        drop(alive);
        stop.close();
        let in_time = within(&runtime, patience, ended.recv()).await.is_some();
        kill.close();
        in_time
    }

    fn spawn_until(&self, end: Receiver<()>, task: impl Future<Output = ()> + Send + 'static) {
        let alive = self.alive.clone();
        let guarded = async move {
            select(pin!(task), pin!(end.recv())).await;
            drop(alive);
        };
        self.runtime.spawn(guarded.instrument(self.span.clone()));
    }
}

/// Lets other tasks of the executor run: for a task that would otherwise go on for as long as a
/// remote feeds it.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs a user's future; `None` if it panicked.
pub(crate) async fn shielded<T>(future: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}

/// The result of `work`, or `None` if it takes longer than `limit`.
pub async fn within<T>(
    runtime: &impl Runtime,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let late = pin!(runtime.sleep_until(deadline(runtime, limit)));
    match select(pin!(work), late).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}

/// The instant `after` from now, or far in the future where that cannot be expressed.
pub fn deadline(runtime: &impl Runtime, after: Duration) -> Instant {
    later(runtime.now(), after)
}

/// The instant `by` after `at`, or far in the future where that cannot be expressed.
pub fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or_else(|| at + FAR)
}

const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
