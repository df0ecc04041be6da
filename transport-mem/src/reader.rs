use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gossip_driver::Runtime;
use gossip_driver::transport::{FrameReader, TransportError};

use crate::pipe::{Arrival, Piece, Pipe};

/// The incoming half of a [`MemLink`](crate::MemLink). Dropping it before the end breaks this
/// direction.
pub struct MemReader<R: Runtime> {
    runtime: R,
    pipe: Arc<Pipe>,
    timer: Option<Pin<Box<R::Sleep>>>,
    ended: bool,
}

impl<R: Runtime> MemReader<R> {
    pub(crate) const fn new(runtime: R, pipe: Arc<Pipe>) -> Self {
        Self {
            runtime,
            pipe,
            timer: None,
            ended: false,
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, TransportError>> {
        loop {
            let until = match self.pipe.take(self.runtime.now(), cx) {
                Err(error) => return Poll::Ready(Err(error)),
                Ok(Arrival::Piece(piece)) => return Poll::Ready(Ok(piece)),
                Ok(Arrival::NotBefore(due)) => {
                    Some(self.pipe.breaks_at().map_or(due, |at| at.min(due)))
                }
                Ok(Arrival::Nothing) => self.pipe.breaks_at(),
            };
            let Some(until) = until else {
                return Poll::Pending;
            };
            let timer = self.timer.insert(Box::pin(self.runtime.sleep_until(until)));
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<R: Runtime> FrameReader for MemReader<R> {
    async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
        while !self.ended {
            match poll_fn(|cx| self.poll_piece(cx)).await? {
                Piece::Part(total) if total <= limit => {}
                Piece::Frame(frame) if frame.len() <= limit => return Ok(Some(frame)),
                Piece::End => {
                    self.ended = true;
                }
                Piece::Part(_) | Piece::Frame(_) => {
                    self.pipe.break_off();
                    return Err(TransportError::FrameTooLong { limit });
                }
            }
        }
        Ok(None)
    }
}

impl<R: Runtime> Drop for MemReader<R> {
    fn drop(&mut self) {
        self.pipe.break_off();
    }
}

impl<R: Runtime> std::fmt::Debug for MemReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemReader")
            .field("pipe", &self.pipe)
            .finish_non_exhaustive()
    }
}
