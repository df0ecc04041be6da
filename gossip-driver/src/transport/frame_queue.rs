//! The queue between the driver and the writer of one link.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use gossip_core::Class;

/// Creates a queue. `on_flushed` is called each time credit becomes available after there was none: it
/// wakes the task that calls [`FrameSender::take_flushed`].
pub fn frame_queue(on_flushed: impl Fn() + Send + Sync + 'static) -> (FrameSender, FrameQueue) {
    let shared = Arc::new(Shared {
        state: Mutex::default(),
        waker: AtomicWaker::new(),
        on_flushed: Box::new(on_flushed),
    });
    (
        FrameSender {
            shared: Arc::clone(&shared),
        },
        FrameQueue { shared },
    )
}

/// The driver's end. Dropping it ends the queue, as [`FrameSender::finish`] does.
///
/// The queue has no bound of its own: the core never queues more than the link's window.
#[derive(Debug)]
pub struct FrameSender {
    shared: Arc<Shared>,
}

impl FrameSender {
    /// Queues a frame. Does nothing if the writer's end was dropped.
    pub fn push(&self, class: Class, frame: Bytes) {
        {
            let mut state = self.shared.lock();
            if state.abandoned {
                return;
            }
            state.frames[class.index()].push_back(frame);
        }
        self.shared.waker.wake();
    }

    /// Ends the queue: the writer sends the queued frames, then closes its half.
    pub fn finish(&self) {
        self.shared.lock().finished = true;
        self.shared.waker.wake();
    }

    /// Frames that the writer has not taken yet.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().frames.iter().map(VecDeque::len).sum()
    }

    /// Frames and bytes flushed since the last call.
    #[must_use]
    pub fn take_flushed(&self) -> (u32, u64) {
        let mut state = self.shared.lock();
        std::mem::take(&mut state.flushed)
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.finish();
    }
}

/// The writer's end.
#[derive(Debug)]
pub struct FrameQueue {
    shared: Arc<Shared>,
}

impl FrameQueue {
    /// The next frame, the most urgent class first; `None` once the queue has ended and is empty.
    pub async fn next(&mut self) -> Option<Outgoing> {
        poll_fn(|cx| {
            self.shared.waker.register(cx.waker());
            let mut state = self.shared.lock();
            match state.pop(Class::ALL.len()) {
                Some((class, frame)) => Poll::Ready(Some(self.outgoing(class, frame))),
                None if state.finished => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The next frame of a class more urgent than `class`, as soon as one is queued; `None` once the
    /// queue has ended and is empty.
    pub async fn next_above(&mut self, class: Class) -> Option<Outgoing> {
        poll_fn(|cx| {
            self.shared.waker.register(cx.waker());
            let mut state = self.shared.lock();
            match state.pop(class.index()) {
                Some((class, frame)) => Poll::Ready(Some(self.outgoing(class, frame))),
                None if state.finished && state.is_empty() => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The next frame if one is queued.
    pub fn try_next(&mut self) -> Option<Outgoing> {
        let popped = self.shared.lock().pop(Class::ALL.len());
        popped.map(|(class, frame)| self.outgoing(class, frame))
    }

    /// The next frame of a class more urgent than `class`, if one is queued.
    pub fn try_next_above(&mut self, class: Class) -> Option<Outgoing> {
        let popped = self.shared.lock().pop(class.index());
        popped.map(|(class, frame)| self.outgoing(class, frame))
    }

    fn outgoing(&self, class: Class, frame: Bytes) -> Outgoing {
        Outgoing {
            class,
            frame,
            shared: Arc::clone(&self.shared),
        }
    }
}

impl Drop for FrameQueue {
    /// Frees the queued frames, which no writer will send. Their credit does not return.
    fn drop(&mut self) {
        let abandoned = {
            let mut state = self.shared.lock();
            state.abandoned = true;
            std::mem::take(&mut state.frames)
        };
        drop(abandoned);
    }
}

/// A frame being sent.
///
/// [`flushed`](Self::flushed) returns its credit, so that the core sends more on the link. Dropping it
/// returns no credit: a writer that has failed must not get frames that it cannot send.
#[derive(Debug)]
#[must_use = "the credit of a frame returns only by `flushed`"]
pub struct Outgoing {
    class: Class,
    frame: Bytes,
    shared: Arc<Shared>,
}

impl Outgoing {
    /// Its class: how urgent it is.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// Its bytes.
    #[must_use]
    pub fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// Returns the frame's credit. Call it when the frame is written.
    pub fn flushed(self) {
        let first = {
            let mut state = self.shared.lock();
            let first = state.flushed.0 == 0;
            state.flushed.0 = state.flushed.0.saturating_add(1);
            state.flushed.1 = state.flushed.1.saturating_add(self.frame.len() as u64);
            first
        };
        if first {
            (self.shared.on_flushed)();
        }
    }
}

struct Shared {
    state: Mutex<State>,
    waker: AtomicWaker,
    on_flushed: Box<dyn Fn() + Send + Sync>,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameQueue").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    frames: [VecDeque<Bytes>; Class::ALL.len()],
    finished: bool,
    /// Whether the writer's end was dropped.
    abandoned: bool,
    flushed: (u32, u64),
}

impl State {
    fn is_empty(&self) -> bool {
        self.frames.iter().all(VecDeque::is_empty)
    }

    fn pop(&mut self, classes: usize) -> Option<(Class, Bytes)> {
        Class::ALL.into_iter().take(classes).find_map(|class| {
            self.frames[class.index()]
                .pop_front()
                .map(|frame| (class, frame))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::FutureExt as _;

    use super::*;

    fn frame(byte: u8) -> Bytes {
        Bytes::copy_from_slice(&[byte])
    }

    fn taken(outgoing: Option<Outgoing>) -> Option<(Class, u8)> {
        outgoing.map(|outgoing| (outgoing.class(), outgoing.frame()[0]))
    }

    #[test]
    fn the_most_urgent_class_comes_first_and_a_class_keeps_its_order() {
        let (sender, mut queue) = frame_queue(|| {});
        for (class, byte) in [
            (Class::Bulk, 1),
            (Class::Push, 2),
            (Class::Bulk, 3),
            (Class::Control, 4),
        ] {
            sender.push(class, frame(byte));
        }
        assert_eq!(taken(queue.try_next_above(Class::Control)), None);
        assert_eq!(
            taken(queue.try_next_above(Class::Bulk)),
            Some((Class::Control, 4))
        );
        assert_eq!(taken(queue.try_next_above(Class::Push)), None);
        let rest = [(Class::Push, 2), (Class::Bulk, 1), (Class::Bulk, 3)];
        for expected in rest {
            assert_eq!(taken(queue.try_next()), Some(expected));
        }
        assert_eq!(taken(queue.try_next()), None);
    }

    #[test]
    fn a_finished_queue_yields_its_frames_and_then_ends() {
        let (sender, mut queue) = frame_queue(|| {});
        sender.push(Class::Push, frame(1));
        drop(sender);
        assert_eq!(
            taken(queue.next().now_or_never().unwrap()),
            Some((Class::Push, 1))
        );
        assert!(queue.next().now_or_never().unwrap().is_none());
    }

    #[test]
    fn a_writer_that_waits_for_urgent_frames_gets_no_other_and_sees_the_end() {
        let (sender, mut queue) = frame_queue(|| {});
        sender.push(Class::Push, frame(1));
        sender.finish();
        assert!(queue.next_above(Class::Push).now_or_never().is_none());
        assert_eq!(
            taken(queue.next_above(Class::Bulk).now_or_never().unwrap()),
            Some((Class::Push, 1))
        );
        assert!(
            queue
                .next_above(Class::Push)
                .now_or_never()
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_waiting_writer_is_woken_by_a_frame_and_by_the_end() {
        let (sender, mut queue) = frame_queue(|| {});
        let woken = Arc::new(Woken(AtomicU32::new(0)));
        let waker = futures_util::task::waker(Arc::clone(&woken));
        let mut cx = std::task::Context::from_waker(&waker);
        {
            let mut next = pin!(queue.next());
            assert!(next.as_mut().poll_unpin(&mut cx).is_pending());
            sender.push(Class::Bulk, frame(9));
            assert_eq!(woken.0.load(Ordering::SeqCst), 1);
            assert!(next.as_mut().poll_unpin(&mut cx).is_ready());
        }
        let mut next = pin!(queue.next());
        assert!(next.as_mut().poll_unpin(&mut cx).is_pending());
        sender.finish();
        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
        assert!(matches!(
            next.as_mut().poll_unpin(&mut cx),
            Poll::Ready(None)
        ));
    }

    #[test]
    fn credit_returns_when_a_frame_is_sent_and_is_announced_once_until_taken() {
        let announced = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&announced);
        let (sender, mut queue) = frame_queue(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        (0..3).for_each(|byte| sender.push(Class::Push, frame(byte)));
        let first = queue.try_next().unwrap();
        assert_eq!(sender.take_flushed(), (0, 0));
        first.flushed();
        queue.try_next().unwrap().flushed();
        assert_eq!(announced.load(Ordering::SeqCst), 1);
        assert_eq!(sender.take_flushed(), (2, 2));
        queue.try_next().unwrap().flushed();
        assert_eq!(announced.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_frame_that_was_not_sent_returns_no_credit() {
        let (sender, mut queue) = frame_queue(|| {});
        sender.push(Class::Push, frame(1));
        drop(queue.try_next());
        assert_eq!(sender.take_flushed(), (0, 0));
    }

    #[test]
    fn a_dropped_queue_keeps_no_frames_and_returns_no_credit() {
        let (sender, queue) = frame_queue(|| {});
        sender.push(Class::Push, frame(1));
        drop(queue);
        sender.push(Class::Push, frame(2));
        assert_eq!((sender.waiting(), sender.take_flushed()), (0, (0, 0)));
    }

    struct Woken(AtomicU32);

    impl futures_util::task::ArcWake for Woken {
        fn wake_by_ref(woken: &Arc<Self>) {
            woken.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}
