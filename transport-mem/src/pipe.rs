use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use gossip_driver::TransportError;

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe {
    state: Mutex<State>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    capacity: usize,
    dies: Option<Instant>,
}

/// A piece of a frame on its way.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// When it arrives.
    pub(crate) due: Instant,
    /// Its length.
    pub(crate) length: usize,
    /// What it brings.
    pub(crate) load: Load,
}

#[derive(Debug)]
pub(crate) enum Load {
    /// A piece of a frame of this length.
    Part(usize),
    /// The last piece of a frame, and so the frame.
    Frame(Bytes),
    /// The writer sends nothing more.
    End,
}

/// What a reader finds.
#[derive(Debug)]
pub(crate) enum Arrival {
    Load(Load),
    /// Nothing before this instant.
    NotBefore(Instant),
    /// Nothing until the reader is woken.
    Nothing,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    buffered: usize,
    broken: bool,
    /// Nothing more is put in; what is in it still arrives.
    cut: bool,
    stalled: bool,
}

impl Pipe {
    pub(crate) fn new(capacity: usize, dies: Option<Instant>) -> Self {
        Self {
            state: Mutex::default(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            capacity,
            dies,
        }
    }

    /// When the pipe breaks by itself.
    pub(crate) fn dies(&self) -> Option<Instant> {
        self.dies
    }

    pub(crate) fn break_off(&self) {
        let mut state = self.lock();
        state.broken = true;
        state.chunks.clear();
        drop(state);
        self.wake();
    }

    /// Breaks the pipe behind what is in it.
    pub(crate) fn cut(&self) {
        self.lock().cut = true;
        self.wake();
    }

    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.wake();
    }

    /// What the reader finds at `now`; unless it is a load, the reader will be woken.
    pub(crate) fn take(&self, now: Instant, cx: &Context<'_>) -> Result<Arrival, TransportError> {
        self.reader.register(cx.waker());
        let mut state = self.live(now)?;
        if state.stalled {
            return Ok(Arrival::Nothing);
        }
        match state.chunks.front() {
            None if state.cut => return Err(reset()),
            None => return Ok(Arrival::Nothing),
            Some(next) if next.due > now => return Ok(Arrival::NotBefore(next.due)),
            Some(_) => {}
        }
        let Some(chunk) = state.chunks.pop_front() else {
            return Ok(Arrival::Nothing);
        };
        state.buffered -= chunk.length;
        drop(state);
        self.writer.wake();
        Ok(Arrival::Load(chunk.load))
    }

    /// Ready when there is room for a chunk; otherwise the writer will be woken.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.writer.register(cx.waker());
        if self.lock().buffered < self.capacity {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Why the pipe is of no use any more; if it still is, the writer will be woken.
    pub(crate) fn poll_broken(&self, now: Instant, cx: &Context<'_>) -> Option<TransportError> {
        self.writer.register(cx.waker());
        match self.live(now) {
            Ok(state) if state.cut => Some(reset()),
            Ok(_) => None,
            Err(error) => Some(error),
        }
    }

    /// Sends a chunk; it arrives no earlier than the one before.
    pub(crate) fn put(&self, mut chunk: Chunk) {
        let mut state = self.lock();
        if let Some(last) = state.chunks.back() {
            chunk.due = chunk.due.max(last.due);
        }
        state.buffered += chunk.length;
        state.chunks.push_back(chunk);
        drop(state);
        self.reader.wake();
    }

    fn live(&self, now: Instant) -> Result<MutexGuard<'_, State>, TransportError> {
        let state = self.lock();
        if state.broken || self.dies.is_some_and(|dies| dies <= now) {
            return Err(reset());
        }
        Ok(state)
    }

    fn wake(&self) {
        self.reader.wake();
        self.writer.wake();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reset() -> TransportError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}
