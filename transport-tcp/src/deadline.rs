use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use gossip_driver::Runtime;

/// The result of `work`, or `None` if it takes longer than `limit`.
pub(crate) async fn within<R: Runtime, T>(
    runtime: &R,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let timer = pin!(runtime.sleep_until(runtime.now() + limit));
    match select(pin!(work), timer).await {
        Either::Left((result, _)) => Some(result),
        Either::Right(_) => None,
    }
}
