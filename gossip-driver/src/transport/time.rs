//! Time limits on a [`Runtime`] of any kind.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::Runtime;

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

/// The instant `after` from now, or far in the future if that overflows.
pub fn deadline(runtime: &impl Runtime, after: Duration) -> Instant {
    later(runtime.now(), after)
}

/// The instant `by` after `at`, or far in the future if that overflows.
pub fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).unwrap_or_else(|| at + FAR)
}

const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Lets other tasks of the executor run: for a task that would otherwise run as long as a remote
/// sends.
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
