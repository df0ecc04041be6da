use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use runtime_smol::SmolRuntime;
use runtime_tokio::TokioRuntime;
use tracing_subscriber::EnvFilter;

/// Runs a test on its own tokio runtime.
pub fn on_tokio<F: Future>(test: impl FnOnce(TokioRuntime) -> F) -> F::Output {
    trace();
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let tokio = builder.worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async { test(TokioRuntime::current()).await })
}

/// Runs a test on smol's global executor.
pub fn on_smol<F: Future>(test: impl FnOnce(SmolRuntime) -> F) -> F::Output {
    trace();
    smol::block_on(test(SmolRuntime::global()))
}

/// The output of `future`, which must complete within a minute.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let timeout = pin!(smol::Timer::after(TIMEOUT));
    match select(pin!(future), timeout).await {
        Either::Left((output, _)) => output,
        Either::Right(_) => panic!("waited {TIMEOUT:?} in vain: {what}"),
    }
}

/// Waits until `check` holds, for at most a minute. Use it for values without notifications of changes,
/// such as counters.
pub async fn eventually(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        assert!(
            start.elapsed() < TIMEOUT,
            "waited {TIMEOUT:?} in vain: {what}"
        );
        smol::Timer::after(Duration::from_millis(2)).await;
    }
}

/// Generous, because the machine may be busy with other tests.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Enables the log configured by `RUST_LOG`.
fn trace() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .try_init();
}
