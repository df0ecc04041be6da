//! The checks of a [`Runtime`].

use std::future::Future;
use std::time::{Duration, Instant};

use futures_util::io::{AsyncReadExt as _, AsyncWriteExt as _};
use futures_util::join;

use super::TIMEOUT;
use crate::core::Endpoint;
use crate::transport::within;
use crate::{Runtime, TcpRuntime};

/// Runs every check of a runtime. Await it from inside the runtime, or from any thread if the
/// runtime drives itself.
///
/// # Panics
/// A check fails, or does not end within a minute; the message names it.
pub async fn suite<R: Runtime>(runtime: R) {
    sleeps_until_its_deadline(&runtime).await;
    past_deadlines_are_due_at_once(&runtime).await;
    sleeps_are_independent(&runtime).await;
    a_dropped_sleep_is_harmless(&runtime).await;
    tasks_run_without_their_starter(&runtime).await;
    tasks_start_tasks(&runtime).await;
    a_panicking_task_ends_no_other(&runtime).await;
}

/// Runs every check of a runtime's TCP, on free ports of 127.0.0.1.
///
/// # Panics
/// A check fails, or does not end within a minute; the message names it.
pub async fn tcp_suite<R: TcpRuntime>(runtime: R) {
    connects_and_names_both_ends(&runtime).await;
    halves_work_at_the_same_time(&runtime).await;
    closing_a_half_ends_the_remotes_reading(&runtime).await;
    connecting_to_a_closed_port_fails(&runtime).await;
    a_port_is_bound_once(&runtime).await;
}

/// `work`'s result, unless it takes longer than a minute.
pub(super) async fn in_time<R: Runtime, T>(
    runtime: &R,
    name: &str,
    work: impl Future<Output = T>,
) -> T {
    let result = within(runtime, TIMEOUT, work).await;
    result.unwrap_or_else(|| panic!("{name}: not done after {TIMEOUT:?}"))
}

async fn sleeps_until_its_deadline<R: Runtime>(runtime: &R) {
    let before = runtime.now();
    let deadline = before + Duration::from_millis(20);
    in_time(runtime, "a sleep", runtime.sleep_until(deadline)).await;
    assert!(
        runtime.now() >= deadline,
        "a sleep ended before its deadline"
    );
}

async fn past_deadlines_are_due_at_once<R: Runtime>(runtime: &R) {
    let now = runtime.now();
    let past = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
    in_time(runtime, "a sleep until now", runtime.sleep_until(now)).await;
    in_time(
        runtime,
        "a sleep until a second ago",
        runtime.sleep_until(past),
    )
    .await;
}

async fn sleeps_are_independent<R: Runtime>(runtime: &R) {
    let (done, order) = async_channel::bounded(100);
    let start = runtime.now();
    for millis in [60_u64, 20, 40] {
        let (sleep, done) = (runtime.clone(), done.clone());
        runtime.spawn(async move {
            sleep
                .sleep_until(start + Duration::from_millis(millis))
                .await;
            let _ = done.try_send((millis, sleep.now()));
        });
    }
    for _ in 0..3 {
        let (millis, at) = receive(runtime, "three sleeps", &order).await;
        assert!(
            at >= start + Duration::from_millis(millis),
            "a sleep of {millis} ms ended too early beside others"
        );
    }
}

async fn a_dropped_sleep_is_harmless<R: Runtime>(runtime: &R) {
    let deadline: Instant = runtime.now() + Duration::from_millis(10);
    drop(runtime.sleep_until(deadline));
    in_time(
        runtime,
        "a sleep beside a dropped one",
        runtime.sleep_until(deadline),
    )
    .await;
}

async fn tasks_run_without_their_starter<R: Runtime>(runtime: &R) {
    let (done, finished) = async_channel::bounded(100);
    let clone = runtime.clone();
    runtime.spawn(async move {
        clone
            .sleep_until(clone.now() + Duration::from_millis(5))
            .await;
        let _ = done.try_send(());
    });
    receive(runtime, "a spawned task", &finished).await;
}

async fn tasks_start_tasks<R: Runtime>(runtime: &R) {
    let (done, finished) = async_channel::bounded(100);
    for _ in 0..100 {
        let (inner, done) = (runtime.clone(), done.clone());
        runtime.spawn(async move {
            inner.spawn(async move {
                let _ = done.try_send(());
            });
        });
    }
    for _ in 0..100 {
        receive(runtime, "tasks started by tasks", &finished).await;
    }
}

async fn a_panicking_task_ends_no_other<R: Runtime>(runtime: &R) {
    let (done, finished) = async_channel::bounded(100);
    // The hook stays silent for a panic that is resumed.
    runtime.spawn(async { std::panic::resume_unwind(Box::new("on purpose")) });
    runtime.spawn(async move {
        let _ = done.try_send(());
    });
    receive(runtime, "a task beside one that panicked", &finished).await;
}

async fn connects_and_names_both_ends<R: TcpRuntime>(runtime: &R) {
    let work = async {
        let listener = listen(runtime).await;
        let to = runtime
            .local_endpoint(&listener)
            .expect("a listener knows its address");
        assert!(!to.as_str().ends_with(":0"), "the address {to} has no port");
        let (dialled, accepted) = join!(connect(runtime, &to), runtime.accept(&listener));
        let (mut dialled, (mut accepted, remote)) = both(dialled, accepted);
        assert!(
            remote.as_str().starts_with("127.0.0.1:"),
            "the remote is called {remote}"
        );
        dialled
            .write_all(b"ping")
            .await
            .expect("a connection takes bytes");
        dialled.flush().await.expect("a connection flushes");
        let mut bytes = [0; 4];
        accepted
            .read_exact(&mut bytes)
            .await
            .expect("a connection brings bytes");
        assert_eq!(&bytes, b"ping");
    };
    in_time(runtime, "a connection", work).await;
}

async fn halves_work_at_the_same_time<R: TcpRuntime>(runtime: &R) {
    const LENGTH: usize = 8 << 20;
    let echo = async |stream: R::Stream, byte: u8| {
        let (mut reader, mut writer) = R::split(stream);
        let sent = vec![byte; LENGTH];
        let mut received = vec![0; LENGTH];
        let (written, read) = join!(writer.write_all(&sent), reader.read_exact(&mut received));
        written
            .and(read)
            .expect("both halves work at the same time");
        received
    };
    let work = async {
        let (dialled, accepted) = connected(runtime).await;
        let (by_dialler, by_acceptor) = join!(echo(dialled, 1), echo(accepted, 2));
        assert!(
            by_dialler.iter().all(|byte| *byte == 2),
            "the dialler received other bytes"
        );
        assert!(
            by_acceptor.iter().all(|byte| *byte == 1),
            "the acceptor received other bytes"
        );
    };
    in_time(runtime, "both directions at once", work).await;
}

async fn closing_a_half_ends_the_remotes_reading<R: TcpRuntime>(runtime: &R) {
    let work = async {
        let (dialled, accepted) = connected(runtime).await;
        let (mut there, mut writer) = R::split(dialled);
        let (mut reader, mut back) = R::split(accepted);
        writer
            .write_all(b"last")
            .await
            .expect("a connection takes bytes");
        writer.close().await.expect("a half can be closed");
        let mut bytes = Vec::new();
        reader
            .read_to_end(&mut bytes)
            .await
            .expect("reading ends in order");
        assert_eq!(bytes, b"last");
        back.write_all(b"more")
            .await
            .expect("the other direction stays open");
        let mut bytes = [0; 4];
        there
            .read_exact(&mut bytes)
            .await
            .expect("the other direction stays open");
    };
    in_time(runtime, "closing a half", work).await;
}

async fn connecting_to_a_closed_port_fails<R: TcpRuntime>(runtime: &R) {
    let work = async {
        let listener = listen(runtime).await;
        let closed = runtime
            .local_endpoint(&listener)
            .expect("a listener knows its address");
        drop(listener);
        assert!(
            connect(runtime, &closed).await.is_err(),
            "connecting to a closed port succeeds"
        );
    };
    in_time(runtime, "connecting to a closed port", work).await;
}

async fn a_port_is_bound_once<R: TcpRuntime>(runtime: &R) {
    let listener = listen(runtime).await;
    let taken = runtime
        .local_endpoint(&listener)
        .expect("a listener knows its address");
    let second = in_time(runtime, "binding", runtime.bind(&taken)).await;
    let kind = second.err().map(|error| error.kind());
    assert_eq!(
        kind,
        Some(std::io::ErrorKind::AddrInUse),
        "a port can be bound twice"
    );
}

async fn listen<R: TcpRuntime>(runtime: &R) -> R::Listener {
    runtime
        .bind(&Endpoint::new("127.0.0.1:0"))
        .await
        .expect("a free port can be bound")
}

async fn connected<R: TcpRuntime>(runtime: &R) -> (R::Stream, R::Stream) {
    let listener = listen(runtime).await;
    let to = runtime
        .local_endpoint(&listener)
        .expect("a listener knows its address");
    let (dialled, accepted) = join!(connect(runtime, &to), runtime.accept(&listener));
    let (dialled, (accepted, _)) = both(dialled, accepted);
    (dialled, accepted)
}

async fn connect<R: TcpRuntime>(runtime: &R, to: &Endpoint) -> std::io::Result<R::Stream> {
    let addresses = runtime.resolve(to).await?;
    let named = addresses.iter().map(ToString::to_string);
    assert_eq!(
        named.collect::<Vec<_>>(),
        [to.as_str()],
        "an address is its own name"
    );
    runtime.connect(addresses[0]).await
}

fn both<A, B>(a: std::io::Result<A>, b: std::io::Result<B>) -> (A, B) {
    (
        a.expect("a listener can be dialled"),
        b.expect("a dial is accepted"),
    )
}

async fn receive<R: Runtime, T>(
    runtime: &R,
    name: &str,
    channel: &async_channel::Receiver<T>,
) -> T {
    in_time(runtime, name, channel.recv())
        .await
        .expect("a task was dropped before its end")
}
