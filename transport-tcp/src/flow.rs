use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Context;

use futures_util::task::AtomicWaker;

use crate::records::Counts;

/// The remote is told what was taken each time that this much has come together.
pub(crate) const TELL: u64 = 64 << 10;

/// What the halves of a link tell each other about frames below [`Class::Control`]: the reader how
/// much it has taken, for the writer to tell the remote, and how much the remote says it has taken.
///
/// [`Class::Control`]: gossip_driver::core::Class::Control
#[derive(Debug, Default)]
pub(crate) struct Flow {
    taken: AtomicU64,
    told: AtomicU64,
    granted: AtomicU64,
    listening: AtomicBool,
    writer: AtomicWaker,
}

impl Flow {
    /// The reader's news; wakes the writer if it has something to do about them.
    pub(crate) fn report(&self, counts: Counts) {
        let news = self.granted.swap(counts.granted, Ordering::AcqRel) != counts.granted;
        self.taken.store(counts.taken, Ordering::Release);
        if news || self.untold() >= TELL {
            self.writer.wake();
        }
    }

    /// Does anybody read? If not, what the remote grants is not heard.
    pub(crate) fn set_listening(&self, listening: bool) {
        self.listening.store(listening, Ordering::Release);
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.listening.load(Ordering::Acquire)
    }

    pub(crate) fn granted(&self) -> u64 {
        self.granted.load(Ordering::Acquire)
    }

    pub(crate) fn is_due(&self) -> bool {
        self.untold() >= TELL
    }

    /// What the remote is to be told now.
    pub(crate) fn tell(&self) -> Option<u32> {
        let untold = self.untold();
        if untold < TELL {
            return None;
        }
        let told = u32::try_from(untold).unwrap_or(u32::MAX);
        self.told.fetch_add(told.into(), Ordering::AcqRel);
        Some(told)
    }

    /// The writer waits: it is to be woken by news.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.writer.register(cx.waker());
    }

    fn untold(&self) -> u64 {
        let taken = self.taken.load(Ordering::Acquire);
        taken.saturating_sub(self.told.load(Ordering::Acquire))
    }
}
