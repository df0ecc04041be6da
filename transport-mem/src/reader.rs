use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gossip_driver::{FrameReader, Runtime, TransportError};

use crate::pipe::{Arrival, Load, Pipe};

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

    fn poll_load(&mut self, cx: &mut Context<'_>) -> Poll<Result<Load, TransportError>> {
        loop {
            let until = match self.pipe.take(self.runtime.now(), cx) {
                Err(error) => return Poll::Ready(Err(error)),
                Ok(Arrival::Load(load)) => return Poll::Ready(Ok(load)),
                Ok(Arrival::NotBefore(due)) => Some(self.pipe.dies().map_or(due, |at| at.min(due))),
                Ok(Arrival::Nothing) => self.pipe.dies(),
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
            match poll_fn(|cx| self.poll_load(cx)).await? {
                Load::Part(total) if total <= limit => {}
                Load::Frame(frame) if frame.len() <= limit => return Ok(Some(frame)),
                Load::End => {
                    self.ended = true;
                }
                Load::Part(_) | Load::Frame(_) => {
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
