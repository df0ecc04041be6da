//! Start and end of a node, and their effects on callers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use bytes::Bytes;
use futures_util::future::{AbortHandle, Abortable, join_all, pending};
use futures_util::{FutureExt as _, StreamExt as _};
use gossip_driver::core::{ChannelId, Endpoint, LedgerError};
use gossip_driver::error::{JoinError, SpawnError};
use gossip_driver::testing::{MemLedger, TestCrypto};
use gossip_driver::transport::{Transport, TransportError};
use gossip_driver::{Gossip, Ledger, Runtime};

use support::{Net, Pipe, Port, Threads, eventually, node, org1, run};

/// A ledger that never answers, and signals its first call.
struct Stuck(Sender<()>);

impl Stuck {
    fn new() -> (Self, Receiver<()>) {
        let (sender, called) = async_channel::bounded(1);
        (Self(sender), called)
    }
}

impl Ledger for Stuck {
    async fn height(&self, _: &ChannelId) -> Result<u64, LedgerError> {
        let _ = self.0.try_send(());
        pending().await
    }

    async fn commit(&self, _: &ChannelId, _: u64, _: Bytes) -> Result<(), LedgerError> {
        pending().await
    }

    async fn read(
        &self,
        _: &ChannelId,
        _: std::ops::RangeInclusive<u64>,
        _: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        pending().await
    }
}

/// Threads whose tasks can be dropped all at once, as an executor does at its end.
#[derive(Clone, Default)]
struct Executor(Arc<Mutex<Vec<AbortHandle>>>);

impl Executor {
    fn kill(&self) {
        self.0.lock().unwrap().iter().for_each(AbortHandle::abort);
    }
}

impl Runtime for Executor {
    type Sleep = <Threads as Runtime>::Sleep;

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        Threads.sleep_until(deadline)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (abort, registration) = AbortHandle::new_pair();
        self.0.lock().unwrap().push(abort);
        Threads.spawn(async move {
            let _ = Abortable::new(task, registration).await;
        });
    }
}

/// A ledger that records, when it is dropped, whether a shutdown of its node had already completed.
struct DropRecorder {
    node: Arc<OnceLock<Gossip>>,
    completed_before: Arc<OnceLock<bool>>,
}

impl Drop for DropRecorder {
    fn drop(&mut self) {
        let node = self.node.get().unwrap();
        let completed = node.shutdown().now_or_never().is_some();
        self.completed_before.set(completed).unwrap();
    }
}

impl Ledger for DropRecorder {
    async fn height(&self, _: &ChannelId) -> Result<u64, LedgerError> {
        Ok(0)
    }

    async fn commit(&self, _: &ChannelId, _: u64, _: Bytes) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn read(
        &self,
        _: &ChannelId,
        _: std::ops::RangeInclusive<u64>,
        _: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        Ok(Vec::new())
    }
}

fn start<R: Runtime, L: Ledger>(runtime: R, ledger: L) -> Gossip {
    start_on(runtime, Net::default().join("alice"), ledger)
}

fn start_on<R: Runtime>(runtime: R, transport: impl Transport, ledger: impl Ledger) -> Gossip {
    let builder = node(TestCrypto::new("org1", "alice"), &[]).runtime(runtime);
    let builder = builder
        .transport(transport)
        .endpoint("alice")
        .ledger(ledger);
    let timeout = Duration::from_millis(200);
    let builder = builder.configure_driver(|driver| driver.shutdown_timeout = timeout);
    builder.spawn().unwrap()
}

#[test]
fn the_ledger_is_dropped_before_a_shutdown_completes() {
    let (node, completed_before) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
    let ledger = DropRecorder {
        node: Arc::clone(&node),
        completed_before: Arc::clone(&completed_before),
    };
    let gossip = start(Threads, ledger);
    node.set(gossip.clone()).unwrap();
    run(async {
        gossip.join_channel("trade", org1()).await.unwrap();
        gossip.shutdown().await;
    });
    assert_eq!(completed_before.get(), Some(&false));
}

/// A transport that records its closing, which never ends if `endless`.
struct Closing {
    port: Port,
    closed: Arc<OnceLock<()>>,
    endless: bool,
}

impl Transport for Closing {
    type Link = Pipe;

    async fn accept(&self) -> Result<Pipe, TransportError> {
        self.port.accept().await
    }

    async fn dial(&self, to: &Endpoint) -> Result<Pipe, TransportError> {
        self.port.dial(to).await
    }

    async fn close(&self) {
        if self.endless {
            pending::<()>().await;
        }
        self.closed.set(()).unwrap();
    }
}

#[test]
fn the_transport_is_closed_when_a_shutdown_completes_unless_it_takes_too_long() {
    for endless in [false, true] {
        let closed = Arc::new(OnceLock::new());
        let transport = Closing {
            port: Net::default().join("alice"),
            closed: Arc::clone(&closed),
            endless,
        };
        let gossip = start_on(Threads, transport, MemLedger::new());
        run(gossip.shutdown());
        assert_eq!(closed.get().is_none(), endless);
    }
}

/// A transport whose dials never end.
struct Silent(Port);

impl Transport for Silent {
    type Link = Pipe;

    async fn accept(&self) -> Result<Pipe, TransportError> {
        self.0.accept().await
    }

    async fn dial(&self, _: &Endpoint) -> Result<Pipe, TransportError> {
        pending().await
    }
}

#[test]
fn a_dial_that_takes_too_long_is_given_up_and_counted() {
    run(async {
        let alice = node(TestCrypto::new("org1", "alice"), &["bob"])
            .transport(Silent(Net::default().join("alice")))
            .endpoint("alice")
            .ledger(MemLedger::new())
            .configure(|config| config.link.dial_timeout = Duration::from_millis(10))
            .spawn()
            .unwrap();
        let timed_out = || alice.metrics().driver.dials_timed_out > 0;
        eventually("a dial that times out", timed_out).await;
        assert!(alice.metrics().driver.dials_failed >= 1);
    });
}

#[test]
fn a_shutdown_answers_requests_that_wait_for_the_ledger() {
    run(async {
        let (ledger, called) = Stuck::new();
        let gossip = start(Threads, ledger);
        let joining = gossip.join_channel("trade", org1());
        let stopping = async {
            called.recv().await.unwrap();
            gossip.shutdown().await;
        };
        let (joined, ()) = futures_util::future::join(joining, stopping).await;
        assert_eq!(joined.err(), Some(JoinError::Stopped));
    });
}

#[test]
fn calls_fail_when_the_executor_drops_the_node() {
    run(async {
        let runtime = Executor::default();
        let (ledger, called) = Stuck::new();
        let gossip = start(runtime.clone(), ledger);
        let joins = join_all((0..500).map(|number| {
            let gossip = gossip.clone();
            async move {
                gossip
                    .join_channel(format!("channel-{number}").as_str(), org1())
                    .await
            }
        }));
        let killing = async {
            called.recv().await.unwrap();
            runtime.kill();
        };
        let (joined, ()) = futures_util::future::join(joins, killing).await;
        let stopped = joined
            .into_iter()
            .filter(|join| join.as_ref().err() == Some(&JoinError::Stopped));
        assert!(stopped.count() > 0);
        gossip.shutdown().await;
    });
}

#[test]
fn dropping_the_last_handle_stops_the_node() {
    run(async {
        let gossip = start(Threads, MemLedger::new());
        let mut news = gossip.notifications();
        drop(gossip.clone());
        assert!(!gossip.is_stopped());
        drop(gossip);
        while news.next().await.is_some() {}
    });
}

#[test]
fn a_contradictory_configuration_starts_nothing() {
    let started = node(TestCrypto::new("org1", "alice"), &[])
        .transport(Net::default().join("alice"))
        .ledger(MemLedger::new())
        .configure(|config| config.link.linger = Duration::ZERO)
        .spawn();
    assert!(matches!(started, Err(SpawnError::Config(_))));
}
