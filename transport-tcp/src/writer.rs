use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::io::{AsyncWrite as _, AsyncWriteExt as _};
use futures_util::{Future as _, FutureExt as _};
use gossip_driver::{FrameQueue, FrameWriter, Outgoing, TcpRuntime, TransportError};

use crate::encoder::{Encoder, HELD};
use crate::fate::{Fate, Half};
use crate::idle::Idle;

/// If our side reads nothing for this long while the window holds, it does so no longer: what the
/// remote grants is not heard then.
pub(crate) const DEAF: Duration = Duration::from_millis(20);
/// A write buffer's size when little is sent; while nothing is, there is none.
const MIN_BUFFER: usize = 4 << 10;

/// The outgoing half of a [`TcpLink`](crate::TcpLink).
///
/// Dropping it, or its future, before the queue has ended breaks the link.
pub struct TcpWriter<R: TcpRuntime> {
    pub(crate) runtime: R,
    pub(crate) stream: R::WriteHalf,
    pub(crate) encoder: Encoder,
    pub(crate) fate: Arc<Fate>,
    pub(crate) keep_alive: Idle<R>,
    /// The window has held for this long.
    pub(crate) deaf: Idle<R>,
    pub(crate) ended: bool,
}

/// What ended a pause.
enum Pause {
    Frame(Outgoing),
    /// Something was taken, by us or by the remote.
    Taken,
    /// The window holds, and nobody reads what would open it.
    Deaf,
    KeepAlive,
    End,
}

impl<R: TcpRuntime> FrameWriter for TcpWriter<R> {
    async fn run(mut self, mut queue: FrameQueue) -> Result<(), TransportError> {
        let mut buffer = Vec::new();
        loop {
            self.encoder.listen(self.runtime.now());
            self.encoder.fill(&mut queue, &mut buffer)?;
            if buffer.is_empty() {
                self.stream.flush().await?;
                match self.pause(&mut queue, &mut buffer).await? {
                    Pause::Frame(outgoing) => {
                        buffer.reserve(MIN_BUFFER);
                        self.encoder.begin(outgoing)?;
                    }
                    Pause::Taken => {}
                    Pause::Deaf => self.encoder.ignore_window(),
                    Pause::KeepAlive => self.encoder.keep_alive(&mut buffer)?,
                    Pause::End => break,
                }
            } else {
                self.write(&mut buffer).await?;
            }
        }
        self.encoder.end(&mut buffer)?;
        self.write(&mut buffer).await?;
        self.stream.flush().await?;
        self.stream.close().await?;
        self.ended = true;
        Ok(())
    }
}

impl<R: TcpRuntime> TcpWriter<R> {
    /// Waits for something to do. While it waits, the empty `buffer` is given back.
    async fn pause(
        &mut self,
        queue: &mut FrameQueue,
        buffer: &mut Vec<u8>,
    ) -> Result<Pause, TransportError> {
        let held = self.encoder.is_held();
        if !held || self.encoder.is_heard() {
            self.deaf.restart(self.runtime.now());
        }
        let next = async {
            if held {
                queue.next_above(HELD).await
            } else {
                queue.next().await
            }
        };
        let mut next = pin!(next.fuse());
        poll_fn(|cx| {
            match next.as_mut().poll(cx) {
                Poll::Ready(Some(outgoing)) => return Poll::Ready(Ok(Pause::Frame(outgoing))),
                Poll::Ready(None) if !self.encoder.is_under_way() => {
                    return Poll::Ready(Ok(Pause::End));
                }
                Poll::Ready(None) | Poll::Pending => {}
            }
            if self.fate.poll_broken(Half::Writer, cx).is_ready() {
                return Poll::Ready(Err(TransportError::Closed));
            }
            if self.encoder.poll_flow(cx).is_ready() {
                return Poll::Ready(Ok(Pause::Taken));
            }
            if held && self.deaf.poll_elapsed(&self.runtime, cx).is_ready() {
                return Poll::Ready(Ok(Pause::Deaf));
            }
            if self.keep_alive.poll_elapsed(&self.runtime, cx).is_ready() {
                return Poll::Ready(Ok(Pause::KeepAlive));
            }
            *buffer = Vec::new();
            Poll::Pending
        })
        .await
    }

    async fn write(&mut self, buffer: &mut Vec<u8>) -> Result<(), TransportError> {
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let count = poll_fn(|cx| self.poll_write(cx, rest)).await?;
            rest = rest.get(count..).unwrap_or_default();
        }
        self.keep_alive.restart(self.runtime.now());
        self.encoder.written();
        buffer.clear();
        Ok(())
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, TransportError>> {
        match Pin::new(&mut self.stream).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => {
                Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero).into()))
            }
            Poll::Ready(written) => Poll::Ready(written.map_err(TransportError::from)),
            Poll::Pending if self.fate.poll_broken(Half::Writer, cx).is_ready() => {
                Poll::Ready(Err(TransportError::Closed))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<R: TcpRuntime> Drop for TcpWriter<R> {
    fn drop(&mut self) {
        if !self.ended {
            self.fate.seal();
        }
    }
}

impl<R: TcpRuntime> std::fmt::Debug for TcpWriter<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpWriter")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
