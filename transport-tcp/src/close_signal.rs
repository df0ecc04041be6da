use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// Shared by the halves of a link: if reading fails, or writing stops before its end, the other
/// half ends too and does not wait for the remote.
#[derive(Debug, Default)]
pub(crate) struct CloseSignal {
    closed: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// A half of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Half {
    Reader,
    Writer,
}

impl CloseSignal {
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Ready if the link is closed; otherwise registers the waker of `half`.
    pub(crate) fn poll_closed(&self, half: Half, cx: &Context<'_>) -> Poll<()> {
        let waker = match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        };
        waker.register(cx.waker());
        if self.closed.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
