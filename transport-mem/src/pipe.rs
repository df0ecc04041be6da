use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use gossip_driver::transport::TransportError;

/// One direction of a link.
#[derive(Debug)]
pub(crate) struct Pipe {
    state: Mutex<PipeState>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    capacity: usize,
    breaks_at: Option<Instant>,
}

/// A chunk in flight.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// When it arrives.
    pub(crate) due: Instant,
    /// Its length.
    pub(crate) length: usize,
    /// What it carries.
    pub(crate) piece: Piece,
}

#[derive(Debug)]
pub(crate) enum Piece {
    /// A part of a frame, with the length of the whole frame.
    Part(usize),
    /// The last part of a frame, with the whole frame.
    Frame(Bytes),
    /// The end of the stream.
    End,
}

/// The result of [`Pipe::take`].
#[derive(Debug)]
pub(crate) enum Arrival {
    Piece(Piece),
    /// Nothing before this instant.
    NotBefore(Instant),
    /// Nothing until the reader is woken.
    Nothing,
}

#[derive(Debug, Default)]
struct PipeState {
    chunks: VecDeque<Chunk>,
    buffered: usize,
    broken: bool,
    /// No more chunks are accepted; buffered ones still arrive.
    cut: bool,
    stalled: bool,
}

impl Pipe {
    pub(crate) fn new(capacity: usize, breaks_at: Option<Instant>) -> Self {
        Self {
            state: Mutex::default(),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
            capacity,
            breaks_at,
        }
    }

    /// When the pipe breaks by itself.
    pub(crate) fn breaks_at(&self) -> Option<Instant> {
        self.breaks_at
    }

    pub(crate) fn break_off(&self) {
        let mut state = self.lock();
        state.broken = true;
        state.chunks.clear();
        drop(state);
        self.wake();
    }

    /// Breaks the pipe after the chunks that are buffered.
    pub(crate) fn cut(&self) {
        self.lock().cut = true;
        self.wake();
    }

    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.lock().stalled = stalled;
        self.wake();
    }

    /// The next piece at `now`. Without one, registers the reader's waker.
    pub(crate) fn take(&self, now: Instant, cx: &Context<'_>) -> Result<Arrival, TransportError> {
        self.reader.register(cx.waker());
        let mut state = self.check(now)?;
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
        Ok(Arrival::Piece(chunk.piece))
    }

    /// Ready if there is room for a chunk; otherwise registers the writer's waker.
    pub(crate) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.writer.register(cx.waker());
        if self.lock().buffered < self.capacity {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The error if the pipe is broken; otherwise registers the writer's waker.
    pub(crate) fn poll_broken(&self, now: Instant, cx: &Context<'_>) -> Option<TransportError> {
        self.writer.register(cx.waker());
        match self.check(now) {
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

    fn check(&self, now: Instant) -> Result<MutexGuard<'_, PipeState>, TransportError> {
        let state = self.lock();
        if state.broken || self.breaks_at.is_some_and(|breaks_at| breaks_at <= now) {
            return Err(reset());
        }
        Ok(state)
    }

    fn wake(&self) {
        self.reader.wake();
        self.writer.wake();
    }

    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reset() -> TransportError {
    io::Error::from(io::ErrorKind::ConnectionReset).into()
}
