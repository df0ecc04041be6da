use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures_util::task::AtomicWaker;

/// What the halves of a link share: when reading fails, or writing stops before its end, the other
/// half ends too instead of waiting for a remote that will not come back.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    broken: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

/// One of the halves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Half {
    Reader,
    Writer,
}

impl Fate {
    pub(crate) fn seal(&self) {
        self.broken.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Ready when the link is broken; otherwise `half` will be woken.
    pub(crate) fn poll_broken(&self, half: Half, cx: &Context<'_>) -> Poll<()> {
        let waker = match half {
            Half::Reader => &self.reader,
            Half::Writer => &self.writer,
        };
        waker.register(cx.waker());
        if self.broken.load(Ordering::Acquire) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
