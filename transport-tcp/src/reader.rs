use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::io::AsyncRead as _;
use gossip_driver::TcpRuntime;
use gossip_driver::transport::{FrameReader, TransportError, yield_now};

use crate::close_signal::{CloseSignal, Half};
use crate::decoder::{Decoder, MIN_BUFFER, Step};
use crate::flow::Flow;
use crate::idle_timer::IdleTimer;
use crate::stats::Counters;

/// After this many reads without a complete frame, the reader yields to other tasks: a remote that
/// sends without pause and never completes a frame must not occupy a thread of the executor.
const READS: usize = 4;
/// After this time without bytes, a large read buffer is released.
pub(crate) const QUIET: Duration = Duration::from_millis(100);

/// The incoming half of a [`TcpLink`](crate::TcpLink).
///
/// An error ends the outgoing half too; dropping the reader does not.
pub struct TcpReader<R: TcpRuntime> {
    pub(crate) runtime: R,
    pub(crate) stream: R::ReadHalf,
    pub(crate) decoder: Decoder,
    pub(crate) close: Arc<CloseSignal>,
    pub(crate) flow: Arc<Flow>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) idle: IdleTimer<R>,
    pub(crate) quiet: IdleTimer<R>,
}

impl<R: TcpRuntime> FrameReader for TcpReader<R> {
    async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
        self.flow.set_reading(true);
        let result = self.frame(limit).await;
        self.flow.set_reading(false);
        if result.is_err() {
            self.close.close();
        }
        result
    }
}

impl<R: TcpRuntime> TcpReader<R> {
    async fn frame(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
        let mut waited = false;
        let mut reads = 0;
        loop {
            let step = self.decoder.next(limit)?;
            self.flow.report(self.decoder.counts());
            match step {
                Step::Frame(frame) => return Ok(Some(frame)),
                Step::End => return Ok(None),
                Step::NeedMore => {}
            }
            // The timeout does not run while no read is pending. Keep-alives during an unfinished
            // frame do not restart it: the frame's memory must not be held for ever.
            if self.decoder.take_progress() || !waited {
                self.idle.restart(self.runtime.now());
                waited = true;
            }
            if reads == READS {
                reads = 0;
                yield_now().await;
                if self.idle.is_over(self.runtime.now()) {
                    return Err(self.silent());
                }
            }
            reads += 1;
            if self.decoder.is_large() {
                self.quiet.restart(self.runtime.now());
            }
            let count = poll_fn(|cx| self.poll_receive(cx)).await?;
            if count == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the stream was cut before the remote ended it",
                )
                .into());
            }
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, TransportError>> {
        if let Poll::Ready(read) = self.poll_read(cx) {
            return Poll::Ready(read.map_err(TransportError::from));
        }
        if self.close.poll_closed(Half::Reader, cx).is_ready() {
            return Poll::Ready(Err(TransportError::Closed));
        }
        if self.idle.poll_elapsed(&self.runtime, cx).is_ready() {
            return Poll::Ready(Err(self.silent()));
        }
        if !self.decoder.is_large() || self.quiet.poll_elapsed(&self.runtime, cx).is_ready() {
            self.decoder.release_buffer();
        }
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if !self.decoder.has_no_buffer() {
            let count = ready!(stream.poll_read(cx, self.decoder.space()))?;
            self.decoder.received(count);
            return Poll::Ready(Ok(count));
        }
        let mut bytes = [0; MIN_BUFFER];
        let count = ready!(stream.poll_read(cx, &mut bytes))?;
        self.decoder.accept(bytes.get(..count).unwrap_or_default());
        Poll::Ready(Ok(count))
    }

    fn silent(&self) -> TransportError {
        self.counters.idle.add();
        TransportError::TimedOut
    }
}

impl<R: TcpRuntime> Drop for TcpReader<R> {
    fn drop(&mut self) {
        self.flow.set_reading(false);
    }
}

impl<R: TcpRuntime> std::fmt::Debug for TcpReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpReader").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
