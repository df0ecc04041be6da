//! The tasks of a driver, and their end.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use futures_util::FutureExt as _;
use futures_util::future::select;
use tracing::{Instrument as _, Span};

use crate::Runtime;
use crate::transport::within;

/// Starts tasks, and ends them all.
///
/// No value is ever sent on its channels. Closing a channel is the signal, so dropping this ends the tasks
/// too.
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

    /// Starts a task that a graceful shutdown waits for.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.killed.clone(), task);
    }

    /// Starts a task that is dropped when the shutdown begins.
    pub(crate) fn spawn_until_stop(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_until(self.stopped.clone(), task);
    }

    /// Held by a thread that a graceful shutdown waits for.
    pub(crate) fn alive(&self) -> Sender<()> {
        self.alive.clone()
    }

    /// Ends all tasks: the ones of `spawn_until_stop` at once, the others after at most `timeout`.
    /// Returns `false` if some had to be dropped.
    pub(crate) async fn join(self, timeout: Duration) -> bool {
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
        let in_time = within(&runtime, timeout, ended.recv()).await.is_some();
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

/// Runs a user's future; `None` if it panicked.
pub(crate) async fn shielded<T>(future: impl Future<Output = T>) -> Option<T> {
    AssertUnwindSafe(future).catch_unwind().await.ok()
}
