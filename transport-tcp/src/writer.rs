use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::io::{AsyncWrite as _, AsyncWriteExt as _};
use futures_util::{Future as _, FutureExt as _};
use gossip_driver::TcpRuntime;
use gossip_driver::transport::{FrameQueue, FrameWriter, Outgoing, TransportError};

use crate::close_signal::{CloseSignal, Half};
use crate::encoder::{Encoder, WINDOWED};
use crate::idle_timer::IdleTimer;

/// If the reader is inactive for this long while the window is full, the window is not enforced:
/// the reader would have to receive the updates that open it.
pub(crate) const SUSPEND_AFTER: Duration = Duration::from_millis(20);
/// Size of the write buffer when little is sent; an idle writer has none.
const MIN_BUFFER: usize = 4 << 10;

/// The outgoing half of a [`TcpLink`](crate::TcpLink).
///
/// Dropping it, or its future, before the queue has ended breaks the link.
pub struct TcpWriter<R: TcpRuntime> {
    pub(crate) runtime: R,
    pub(crate) stream: R::WriteHalf,
    pub(crate) encoder: Encoder,
    pub(crate) close: Arc<CloseSignal>,
    pub(crate) keep_alive: IdleTimer<R>,
    /// Runs while the window is full and the reader inactive.
    pub(crate) stuck: IdleTimer<R>,
    pub(crate) ended: bool,
}

/// Why a pause ended.
enum Pause {
    Frame(Outgoing),
    /// A window update arrived or is due.
    WindowUpdate,
    /// The window is full, and the reader that would receive updates is inactive.
    WindowStuck,
    KeepAlive,
    End,
}

impl<R: TcpRuntime> FrameWriter for TcpWriter<R> {
    async fn run(mut self, mut queue: FrameQueue) -> Result<(), TransportError> {
        let mut buffer = Vec::new();
        loop {
            self.encoder.update_window(self.runtime.now());
            self.encoder.fill(&mut queue, &mut buffer)?;
            if buffer.is_empty() {
                self.stream.flush().await?;
                match self.pause(&mut queue, &mut buffer).await? {
                    Pause::Frame(outgoing) => {
                        buffer.reserve(MIN_BUFFER);
                        self.encoder.begin(outgoing)?;
                    }
                    Pause::WindowUpdate => {}
                    Pause::WindowStuck => self.encoder.suspend_window(),
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
    /// Waits for something to write. Releases the empty `buffer` meanwhile.
    async fn pause(
        &mut self,
        queue: &mut FrameQueue,
        buffer: &mut Vec<u8>,
    ) -> Result<Pause, TransportError> {
        let held = self.encoder.is_blocked();
        if !held || self.encoder.is_reading() {
            self.stuck.restart(self.runtime.now());
        }
        let next = async {
            if held {
                queue.next_above(WINDOWED).await
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
            if self.close.poll_closed(Half::Writer, cx).is_ready() {
                return Poll::Ready(Err(TransportError::Closed));
            }
            if self.encoder.poll_flow(cx).is_ready() {
                return Poll::Ready(Ok(Pause::WindowUpdate));
            }
            if held && self.stuck.poll_elapsed(&self.runtime, cx).is_ready() {
                return Poll::Ready(Ok(Pause::WindowStuck));
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
            Poll::Pending if self.close.poll_closed(Half::Writer, cx).is_ready() => {
                Poll::Ready(Err(TransportError::Closed))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<R: TcpRuntime> Drop for TcpWriter<R> {
    fn drop(&mut self) {
        if !self.ended {
            self.close.close();
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
