//! Converts between the core's time and the runtime's; the driver's one timer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use gossip_core::Instant;

use crate::Runtime;

/// The core's clock: time since the driver started.
#[derive(Debug)]
pub(crate) struct Clock<R> {
    runtime: R,
    origin: StdInstant,
}

impl<R: Runtime> Clock<R> {
    pub(crate) fn new(runtime: R) -> Self {
        let origin = runtime.now();
        Self { runtime, origin }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::START + self.runtime.now().saturating_duration_since(self.origin)
    }

    /// When the core's time began.
    pub(crate) const fn origin(&self) -> StdInstant {
        self.origin
    }

    /// The runtime's instant that equals the core's; `None` if the runtime cannot express it.
    fn to_std(&self, at: Instant) -> Option<StdInstant> {
        self.origin.checked_add(Duration::from_nanos(at.as_nanos()))
    }
}

/// One sleep, replaced only when the deadline changes.
pub(crate) struct Timer<R: Runtime> {
    sleep: Pin<Box<Option<R::Sleep>>>,
    armed: Option<Instant>,
}

impl<R: Runtime> Timer<R> {
    pub(crate) fn new() -> Self {
        Self {
            sleep: Box::pin(None),
            armed: None,
        }
    }

    pub(crate) fn arm(&mut self, clock: &Clock<R>, deadline: Option<Instant>) {
        if self.armed == deadline {
            return;
        }
        self.armed = deadline;
        let at = deadline.and_then(|deadline| clock.to_std(deadline));
        self.sleep.set(at.map(|at| clock.runtime.sleep_until(at)));
    }

    /// Ready once the latest deadline has passed; the timer is then disarmed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = self.sleep.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        if sleep.poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.sleep.set(None);
        self.armed = None;
        Poll::Ready(())
    }
}
