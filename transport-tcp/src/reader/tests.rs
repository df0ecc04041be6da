//! A reader on a socket that never runs dry.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_util::io::Cursor;
use gossip_driver::Runtime;
use gossip_driver::core::{Class, Endpoint};

use super::*;
use crate::Cipher;
use crate::cipher::CipherState;
use crate::encoder::Encoder;

/// A runtime whose sockets come from the test and whose clock advances with each read.
#[derive(Clone)]
struct Bare {
    start: Instant,
    passed: Arc<AtomicU64>,
}

impl Bare {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            passed: Arc::default(),
        }
    }
}

impl Runtime for Bare {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Instant {
        self.start + Duration::from_secs(self.passed.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, deadline: Instant) -> Self::Sleep {
        let runtime = self.clone();
        Box::pin(poll_fn(move |_| {
            if runtime.now() < deadline {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        }))
    }

    fn spawn(&self, _: impl Future<Output = ()> + Send + 'static) {}
}

impl TcpRuntime for Bare {
    type Stream = Cursor<Vec<u8>>;
    type ReadHalf = Flood;
    type WriteHalf = Cursor<Vec<u8>>;
    type Listener = ();

    fn split(_: Self::Stream) -> (Flood, Self::WriteHalf) {
        unreachable!("a test makes its own halves")
    }

    async fn resolve(&self, _: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn connect(&self, _: SocketAddr) -> io::Result<Self::Stream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn bind(&self, _: &Endpoint) -> io::Result<()> {
        Ok(())
    }

    fn local_endpoint(&self, (): &()) -> io::Result<Endpoint> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept(&self, (): &()) -> io::Result<(Self::Stream, Endpoint)> {
        std::future::pending().await
    }
}

/// Yields what `more` seals next. If `more` returns nothing, the read is pending and a second
/// passes. Panics if a single poll of the reader does not end.
struct Flood {
    more: Box<dyn FnMut() -> Vec<u8> + Send>,
    rest: Vec<u8>,
    reads: Arc<AtomicUsize>,
    passed: Arc<AtomicU64>,
}

impl futures_util::io::AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(reads <= 100, "the reader keeps the thread to itself");
        if self.rest.is_empty() {
            self.rest = (self.more)();
        }
        if self.rest.is_empty() {
            self.reads.store(0, Ordering::Relaxed);
            self.passed.fetch_add(1, Ordering::Relaxed);
            return Poll::Pending;
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Poll::Ready(Ok(count))
    }
}

fn state() -> CipherState {
    CipherState::new(Cipher::by_hardware(), &[7; 32]).unwrap()
}

fn reader(more: impl FnMut() -> Vec<u8> + Send + 'static) -> TcpReader<Bare> {
    let runtime = Bare::new();
    let now = runtime.now();
    TcpReader {
        stream: Flood {
            more: Box::new(more),
            rest: Vec::new(),
            reads: Arc::default(),
            passed: Arc::clone(&runtime.passed),
        },
        runtime,
        decoder: Decoder::new(state()),
        close: Arc::default(),
        flow: Arc::default(),
        counters: Arc::default(),
        idle: IdleTimer::new(Duration::from_secs(60), now),
        quiet: IdleTimer::new(Duration::from_secs(2), now),
    }
}

fn reads_in_one_poll(more: impl FnMut() -> Vec<u8> + Send + 'static) -> usize {
    let mut reader = reader(more);
    let reads = Arc::clone(&reader.stream.reads);
    let mut reading = std::pin::pin!(reader.read(100 << 20));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reading.as_mut().poll(&mut cx).is_pending());
    reads.load(Ordering::Relaxed)
}

/// The error that a reader returns if the remote sends `first` and then a keep-alive every other
/// second, and the seconds until then.
fn kept_alive(mut first: Vec<u8>, mut encoder: Encoder) -> (Option<TransportError>, u64) {
    let mut waits = false;
    let mut reader = reader(move || {
        waits = !waits;
        let mut wire = std::mem::take(&mut first);
        if waits && wire.is_empty() {
            encoder.keep_alive(&mut wire).unwrap();
        }
        wire
    });
    let passed = Arc::clone(&reader.runtime.passed);
    let mut reading = std::pin::pin!(reader.read(100 << 20));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(result) = reading.as_mut().poll(&mut cx) {
            return (result.err(), passed.load(Ordering::Relaxed));
        }
    }
    (None, passed.load(Ordering::Relaxed))
}

#[test]
fn keep_alives_keep_a_link_alive_but_not_an_unfinished_frame() {
    let (error, seconds) = kept_alive(Vec::new(), Encoder::new(state()));
    assert!(
        error.is_none() && seconds > 300,
        "{error:?} after {seconds}"
    );

    let (sender, mut queue) = gossip_driver::transport::frame_queue(|| {});
    sender.push(Class::Bulk, vec![0; 1 << 20].into());
    let (mut encoder, mut first) = (Encoder::new(state()), Vec::new());
    encoder.fill(&mut queue, &mut first).unwrap();
    let (error, seconds) = kept_alive(first, encoder);
    assert!(matches!(error, Some(TransportError::TimedOut)), "{error:?}");
    assert!((60..=62).contains(&seconds), "after {seconds}");
}

#[test]
fn a_remote_that_floods_with_keep_alives_leaves_the_thread_to_others() {
    let mut encoder = Encoder::new(state());
    let reads = reads_in_one_poll(move || {
        let mut wire = Vec::new();
        encoder.keep_alive(&mut wire).unwrap();
        wire
    });
    assert_eq!(reads, READS);
}

#[test]
fn a_frame_that_does_not_end_leaves_the_thread_to_others() {
    let (sender, mut queue) = gossip_driver::transport::frame_queue(|| {});
    sender.push(Class::Bulk, vec![0; 50 << 20].into());
    let mut encoder = Encoder::new(state());
    let mut wire = std::collections::VecDeque::new();
    let reads = reads_in_one_poll(move || {
        if wire.is_empty() {
            let mut out = Vec::new();
            encoder.fill(&mut queue, &mut out).unwrap();
            wire.extend(out);
        }
        let count = wire.len().min(1000);
        wire.drain(..count).collect()
    });
    assert_eq!(reads, READS);
}

/// Whether a reader still holds a buffer after it has read a frame of `bytes` bytes and was polled
/// `polls` times without data, a second apart.
fn holds_a_buffer(bytes: usize, polls: usize) -> bool {
    let (sender, mut queue) = gossip_driver::transport::frame_queue(|| {});
    sender.push(Class::Bulk, vec![0; bytes].into());
    let mut encoder = Encoder::new(state());
    let mut reader = reader(move || {
        let mut wire = Vec::new();
        encoder.fill(&mut queue, &mut wire).unwrap();
        wire
    });
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut reading = std::pin::pin!(reader.read(100 << 20));
        let frame = loop {
            if let Poll::Ready(frame) = reading.as_mut().poll(&mut cx) {
                break frame.unwrap().unwrap();
            }
        };
        assert_eq!(frame.len(), bytes);
    }
    {
        let mut reading = std::pin::pin!(reader.read(100 << 20));
        for _ in 0..polls {
            assert!(reading.as_mut().poll(&mut cx).is_pending());
        }
    }
    !reader.decoder.has_no_buffer()
}

#[test]
fn a_buffer_that_bulk_has_filled_is_given_back_after_a_lull() {
    assert!(holds_a_buffer(1 << 20, 1));
    assert!(!holds_a_buffer(1 << 20, 3));
}

#[test]
fn a_link_on_which_little_arrives_holds_no_buffer_while_it_waits() {
    assert!(holds_a_buffer(100, 0));
    assert!(!holds_a_buffer(100, 1));
}
