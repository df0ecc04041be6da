//! A reader on a socket that always has more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_util::io::Cursor;
use gossip_driver::Runtime;
use gossip_driver::core::{Class, Endpoint};

use super::*;
use crate::Cipher;
use crate::cipher::CipherState;
use crate::encoder::Encoder;

/// A runtime whose sockets come from the test.
#[derive(Clone)]
struct Bare;

impl Runtime for Bare {
    type Sleep = std::future::Pending<()>;

    fn sleep_until(&self, _: Instant) -> Self::Sleep {
        std::future::pending()
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

    async fn connect(&self, _: &Endpoint) -> io::Result<Self::Stream> {
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

/// Always ready with what `more` seals next; panics when a single poll of the reader reads without
/// end.
struct Flood {
    more: Box<dyn FnMut() -> Vec<u8> + Send>,
    reads: Arc<AtomicUsize>,
}

impl futures_util::io::AsyncRead for Flood {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let reads = self.reads.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(reads <= 100, "the reader keeps the thread to itself");
        let bytes = (self.more)();
        into[..bytes.len()].copy_from_slice(&bytes);
        Poll::Ready(Ok(bytes.len()))
    }
}

fn state() -> CipherState {
    CipherState::new(Cipher::by_hardware(), &[7; 32]).unwrap()
}

fn reads_in_one_poll(more: impl FnMut() -> Vec<u8> + Send + 'static) -> usize {
    let reads = Arc::new(AtomicUsize::new(0));
    let mut reader = TcpReader {
        runtime: Bare,
        stream: Flood {
            more: Box::new(more),
            reads: Arc::clone(&reads),
        },
        decoder: Decoder::new(state()),
        fate: Arc::default(),
        flow: Arc::default(),
        counters: Arc::default(),
        idle: Idle::new(Duration::from_secs(60), Instant::now()),
    };
    let mut reading = std::pin::pin!(reader.read(100 << 20));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(reading.as_mut().poll(&mut cx).is_pending());
    reads.load(Ordering::Relaxed)
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
    let (sender, mut queue) = gossip_driver::frame_queue(|| {});
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
