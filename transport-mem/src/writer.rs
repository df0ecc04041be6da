use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use gossip_driver::Runtime;
use gossip_driver::transport::{FrameQueue, FrameWriter, Outgoing, TransportError, later};
use rand_chacha::ChaCha8Rng;
use rand_core::Rng as _;

use crate::Conditions;
use crate::pipe::{Chunk, Piece, Pipe};

/// Shorter pauses are accumulated: timers are no finer.
const TICK: Duration = Duration::from_millis(1);

/// The outgoing half of a [`MemLink`](crate::MemLink). Dropping it, or its future, before the queue
/// has ended breaks the link: this direction at once, the other after the chunks in flight.
pub struct MemWriter<R: Runtime> {
    runtime: R,
    pipe: Arc<Pipe>,
    /// The other direction.
    incoming: Arc<Pipe>,
    conditions: Conditions,
    rng: ChaCha8Rng,
    /// When the line has transmitted everything sent so far.
    line_free: Instant,
    ended: bool,
}

impl<R: Runtime> MemWriter<R> {
    pub(crate) fn new(
        runtime: R,
        pipe: Arc<Pipe>,
        incoming: Arc<Pipe>,
        conditions: Conditions,
        rng: ChaCha8Rng,
    ) -> Self {
        let line_free = runtime.now();
        Self {
            runtime,
            pipe,
            incoming,
            conditions,
            rng,
            line_free,
            ended: false,
        }
    }

    /// Waits until the pipe and the line have room for a chunk.
    async fn wait_room(&self) -> Result<(), TransportError> {
        let room = poll_fn(|cx| self.pipe.poll_room(cx));
        self.unless_broken(room).await?;
        if self.line_free > self.runtime.now() + TICK {
            self.unless_broken(self.runtime.sleep_until(self.line_free))
                .await?;
        }
        Ok(())
    }

    async fn unless_broken<T>(&self, work: impl Future<Output = T>) -> Result<T, TransportError> {
        let mut work = pin!(work);
        let mut timer = self
            .pipe
            .breaks_at()
            .map(|at| Box::pin(self.runtime.sleep_until(at)));
        poll_fn(|cx| {
            // The clock decides whether the pipe is broken; the timer only wakes this task.
            let _ = timer.as_mut().map(|timer| timer.as_mut().poll(cx));
            if let Some(error) = self.pipe.poll_broken(self.runtime.now(), cx) {
                return Poll::Ready(Err(error));
            }
            work.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    fn put(&mut self, length: usize, piece: Piece) {
        let now = self.runtime.now();
        let length_ns = (length as u128).saturating_mul(1_000_000_000);
        let took = self
            .conditions
            .bandwidth
            .map_or(0, |rate| length_ns / u128::from(rate.max(1)));
        let took = Duration::from_nanos(u64::try_from(took).unwrap_or(u64::MAX));
        self.line_free = later(self.line_free.max(now), took);
        let jitter = match u64::try_from(self.conditions.jitter.as_nanos()).unwrap_or(u64::MAX) {
            0 => Duration::ZERO,
            most => Duration::from_nanos(self.rng.next_u64() % most),
        };
        let due = later(later(self.line_free, self.conditions.latency), jitter);
        self.pipe.put(Chunk { due, length, piece });
    }

    /// Sends the next chunk of `under_way`'s last frame.
    fn advance(&mut self, under_way: &mut Vec<(Outgoing, usize)>) {
        let Some((outgoing, sent)) = under_way.last_mut() else {
            return;
        };
        let total = outgoing.frame().len();
        let length = (total - *sent).min(self.conditions.chunk.max(1));
        *sent += length;
        if *sent < total {
            self.put(length, Piece::Part(total));
        } else if let Some((outgoing, _)) = under_way.pop() {
            self.put(length, Piece::Frame(outgoing.frame().clone()));
            outgoing.flushed();
        }
    }
}

impl<R: Runtime> FrameWriter for MemWriter<R> {
    async fn run(mut self, mut queue: FrameQueue) -> Result<(), TransportError> {
        // Frames partly sent, the most urgent last.
        let mut under_way = Vec::new();
        loop {
            if under_way.is_empty() {
                let next = self.unless_broken(queue.next()).await?;
                let Some(outgoing) = next else { break };
                under_way.push((outgoing, 0));
            }
            self.wait_room().await?;
            if let Some((top, _)) = under_way.last()
                && let Some(urgent) = queue.try_next_above(top.class())
            {
                under_way.push((urgent, 0));
            }
            self.advance(&mut under_way);
        }
        self.wait_room().await?;
        self.put(0, Piece::End);
        self.ended = true;
        Ok(())
    }
}

impl<R: Runtime> Drop for MemWriter<R> {
    fn drop(&mut self) {
        if !self.ended {
            self.pipe.break_off();
            // A reader on the same link must not wait for a remote that is gone.
            self.incoming.cut();
        }
    }
}

impl<R: Runtime> std::fmt::Debug for MemWriter<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemWriter")
            .field("pipe", &self.pipe)
            .finish_non_exhaustive()
    }
}
