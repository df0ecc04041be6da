use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use gossip_driver::Runtime;
use gossip_driver::transport::later;

/// Measures a period of silence. Its timer is set only by [`poll_elapsed`](Self::poll_elapsed), and
/// again only when it has fired.
pub(crate) struct IdleTimer<R: Runtime> {
    timeout: Duration,
    since: Instant,
    timer: Option<Pin<Box<R::Sleep>>>,
}

impl<R: Runtime> IdleTimer<R> {
    pub(crate) fn new(timeout: Duration, now: Instant) -> Self {
        Self {
            timeout,
            since: now,
            timer: None,
        }
    }

    pub(crate) fn restart(&mut self, now: Instant) {
        self.since = now;
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= self.timeout
    }

    pub(crate) fn poll_elapsed(&mut self, runtime: &R, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let deadline = later(self.since, self.timeout);
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(runtime.sleep_until(deadline)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
            if runtime.now() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}
