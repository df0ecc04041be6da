//! A minimal runtime of threads and transport of channels.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender, bounded};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{Either, select};
use gossip_driver::builder::Builder;
use gossip_driver::core::{Binding, Endpoint, JoinChannel, LinkId, OrgId};
use gossip_driver::testing::TestCrypto;
use gossip_driver::transport::{
    FrameQueue, FrameReader, FrameWriter, Link, Transport, TransportError,
};
use gossip_driver::{Gossip, MessageCryptoService, Runtime, SecurityAdvisor};

/// Runs each task on a thread of its own.
#[derive(Clone, Debug)]
pub struct Threads;

impl Runtime for Threads {
    type Sleep = futures_util::future::Map<async_io::Timer, fn(Instant)>;

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        async_io::Timer::at(deadline).map(|_| ())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        std::thread::spawn(move || async_io::block_on(task));
    }
}

/// The most rounds in which tasks may wake each other.
const MOST_ROUNDS: u32 = 100_000;

/// Runs tasks only on [`Manual::settle`] and [`Manual::advance`], in virtual time: afterwards all tasks are idle.
#[derive(Clone, Debug)]
pub struct Manual {
    spawned: Arc<Mutex<Spawned>>,
    now: Arc<Mutex<Instant>>,
}

#[derive(Default)]
struct Spawned(Vec<Pin<Box<dyn Future<Output = ()> + Send>>>);

impl std::fmt::Debug for Spawned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tasks", self.0.len())
    }
}

impl Manual {
    #[allow(
        clippy::new_without_default,
        reason = "a test's own clock starts when it says so"
    )]
    pub fn new() -> Self {
        Self {
            spawned: Arc::default(),
            now: Arc::new(Mutex::new(Instant::now())),
        }
    }

    /// Runs all tasks until none can proceed.
    pub fn settle(&self) {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Arc::clone(&woken).into();
        let mut tasks = Vec::new();
        let mut rounds = 0;
        while woken.0.swap(false, Ordering::SeqCst) {
            rounds += 1;
            assert!(
                rounds < MOST_ROUNDS,
                "{} tasks wake each other without end",
                tasks.len()
            );
            tasks.append(&mut self.spawned.lock().unwrap().0);
            let mut cx = Context::from_waker(&waker);
            tasks.retain_mut(|task: &mut Pin<Box<_>>| task.as_mut().poll(&mut cx).is_pending());
            if !self.spawned.lock().unwrap().0.is_empty() {
                woken.0.store(true, Ordering::SeqCst);
            }
        }
        self.spawned.lock().unwrap().0.append(&mut tasks);
    }

    /// Advances the clock, and runs the due tasks.
    pub fn advance(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
        self.settle();
    }

    pub fn tasks(&self) -> usize {
        self.spawned.lock().unwrap().0.len()
    }
}

struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Runtime for Manual {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        let now = Arc::clone(&self.now);
        let due = move |_: &mut Context<'_>| {
            if *now.lock().unwrap() >= deadline {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        };
        Box::pin(std::future::poll_fn(due))
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawned.lock().unwrap().0.push(Box::pin(task));
    }
}

/// Runs `future`, and fails the test if it takes implausibly long.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    async_io::block_on(within(future))
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    let late = async_io::Timer::after(Duration::from_secs(60));
    match select(std::pin::pin!(future), late).await {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("not done after a minute"),
    }
}

/// Waits until `check` holds, for numbers whose changes are not announced; fails the test if that takes implausibly
/// long.
pub async fn eventually(what: &str, check: impl Fn() -> bool) {
    let start = Instant::now();
    while !check() {
        let waited = start.elapsed();
        assert!(
            waited < Duration::from_secs(60),
            "waited a minute for {what}"
        );
        async_io::Timer::after(Duration::from_millis(1)).await;
    }
}

/// A network in which an endpoint is a name.
#[derive(Clone, Debug, Default)]
pub struct Net(Arc<Mutex<BTreeMap<Endpoint, Sender<Pipe>>>>);

impl Net {
    pub fn join(&self, name: &str) -> Port {
        let (sender, incoming) = bounded(16);
        self.0.lock().unwrap().insert(name.into(), sender);
        Port {
            net: self.clone(),
            name: name.into(),
            incoming,
        }
    }

    /// Dials as an unknown peer that sends frames of the test.
    pub fn dial(&self, name: &str) -> Pipe {
        let (near, far) = Pipe::pair();
        let listener = self.0.lock().unwrap().get(&Endpoint::new(name)).cloned();
        listener.unwrap().send_blocking(far).unwrap();
        near
    }
}

/// One node's place in a [`Net`].
#[derive(Debug)]
pub struct Port {
    net: Net,
    name: Endpoint,
    incoming: Receiver<Pipe>,
}

impl Transport for Port {
    type Link = Pipe;

    async fn accept(&self) -> Result<Pipe, TransportError> {
        self.incoming
            .recv()
            .await
            .map_err(|_| TransportError::Closed)
    }

    async fn dial(&self, to: &Endpoint) -> Result<Pipe, TransportError> {
        let listener = self.net.0.lock().unwrap().get(to).cloned();
        let unreachable = || TransportError::Unreachable(to.clone());
        let (near, far) = Pipe::pair();
        listener
            .ok_or_else(unreachable)?
            .send(far)
            .await
            .map_err(|_| unreachable())?;
        Ok(near)
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        Some(self.name.clone())
    }
}

/// A connection: whole frames, in order, at most eight under way.
#[derive(Debug)]
pub struct Pipe {
    pub outgoing: Sender<Bytes>,
    pub incoming: Receiver<Bytes>,
    binding: Bytes,
}

impl Pipe {
    pub fn pair() -> (Self, Self) {
        static SERIAL: Mutex<LinkId> = Mutex::new(LinkId(0));
        let serial = {
            let mut serial = SERIAL.lock().unwrap();
            serial.0 += 1;
            *serial
        };
        let binding = Bytes::from(format!("pipe {serial}"));
        let ((a, b), (c, d)) = (bounded(8), bounded(8));
        let near = Self {
            outgoing: a,
            incoming: d,
            binding: binding.clone(),
        };
        (
            near,
            Self {
                outgoing: c,
                incoming: b,
                binding,
            },
        )
    }
}

impl Link for Pipe {
    type Reader = Incoming;
    type Writer = Outgoing;

    fn remote(&self) -> Endpoint {
        Endpoint::new("pipe")
    }

    fn binding(&self) -> Binding {
        Binding::symmetric(self.binding.clone())
    }

    fn split(self) -> (Incoming, Outgoing) {
        (Incoming(self.incoming), Outgoing(self.outgoing))
    }
}

#[derive(Debug)]
pub struct Incoming(Receiver<Bytes>);

impl FrameReader for Incoming {
    async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
        match self.0.recv().await {
            Ok(frame) if frame.len() > limit => Err(TransportError::FrameTooLong { limit }),
            Ok(frame) => Ok(Some(frame)),
            Err(_) => Ok(None),
        }
    }
}

#[derive(Debug)]
pub struct Outgoing(Sender<Bytes>);

impl FrameWriter for Outgoing {
    async fn run(self, mut queue: FrameQueue) -> Result<(), TransportError> {
        while let Some(outgoing) = queue.next().await {
            let frame = outgoing.frame().clone();
            self.0
                .send(frame)
                .await
                .map_err(|_| TransportError::Closed)?;
            outgoing.flushed();
        }
        Ok(())
    }
}

/// A builder of a node with the identity of `crypto`, on threads; transport and ledger are still missing.
pub fn node(crypto: TestCrypto, bootstrap: &[&str]) -> Builder<Threads, TestCrypto> {
    node_with(crypto, bootstrap)
}

/// As [`node`], with an identity service of another kind.
pub fn node_with<C>(service: C, bootstrap: &[&str]) -> Builder<Threads, C>
where
    C: MessageCryptoService + SecurityAdvisor,
{
    let builder = Gossip::builder().runtime(Threads).identity(service);
    builder.bootstrap(bootstrap.iter().copied())
}

/// A channel of the organisation `org1` alone.
pub fn org1() -> JoinChannel {
    JoinChannel {
        sequence: 1,
        members: [(OrgId::new(b"org1"), Vec::new())].into(),
    }
}
