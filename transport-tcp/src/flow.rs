use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::records::Counts;

/// A window update is due when this many bytes were consumed since the last one.
pub(crate) const UPDATE_THRESHOLD: u64 = 64 << 10;

/// Flow control between the halves of a link, for frames below [`Class::Control`]. The reader
/// reports the bytes that it has consumed, which the writer sends to the remote as window updates,
/// and the bytes that the remote has acknowledged.
///
/// [`Class::Control`]: gossip_driver::core::Class::Control
#[derive(Debug, Default)]
pub(crate) struct Flow {
    consumed: AtomicU64,
    announced: AtomicU64,
    acknowledged: AtomicU64,
    reading: AtomicBool,
    writer: AtomicWaker,
}

impl Flow {
    /// Takes the reader's counts; wakes the writer if they concern it.
    pub(crate) fn report(&self, counts: Counts) {
        let news = self
            .acknowledged
            .swap(counts.acknowledged, Ordering::AcqRel)
            != counts.acknowledged;
        self.consumed.store(counts.consumed, Ordering::Release);
        if news || self.unannounced() >= UPDATE_THRESHOLD {
            self.writer.wake();
        }
    }

    /// Whether a read is pending. Without one, window updates of the remote are not received.
    pub(crate) fn set_reading(&self, reading: bool) {
        self.reading.store(reading, Ordering::Release);
    }

    pub(crate) fn is_reading(&self) -> bool {
        self.reading.load(Ordering::Acquire)
    }

    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged.load(Ordering::Acquire)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.unannounced() >= UPDATE_THRESHOLD
    }

    /// The bytes to send in a window update, if one is due.
    pub(crate) fn take_update(&self) -> Option<u32> {
        let unannounced = self.unannounced();
        if unannounced < UPDATE_THRESHOLD {
            return None;
        }
        let announced = u32::try_from(unannounced).unwrap_or(u32::MAX);
        self.announced.fetch_add(announced.into(), Ordering::AcqRel);
        Some(announced)
    }

    /// Registers the writer's waker.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.writer.register(cx.waker());
    }

    fn unannounced(&self) -> u64 {
        let consumed = self.consumed.load(Ordering::Acquire);
        consumed.saturating_sub(self.announced.load(Ordering::Acquire))
    }
}
