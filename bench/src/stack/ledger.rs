use std::future::{Future, ready};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use gossip_driver::Ledger;
use gossip_driver::core::{ChannelId, LedgerError};

/// A ledger in memory that reports each committed block to a callback.
pub(crate) struct BenchLedger {
    blocks: Mutex<Vec<Bytes>>,
    on_commit: Arc<dyn Fn(u64) + Send + Sync>,
}

impl BenchLedger {
    pub(crate) fn new(on_commit: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self {
            blocks: Mutex::default(),
            on_commit: Arc::new(on_commit),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for BenchLedger {
    fn height(&self, _: &ChannelId) -> impl Future<Output = Result<u64, LedgerError>> + Send {
        ready(Ok(self.lock().len() as u64))
    }

    fn commit(
        &self,
        _: &ChannelId,
        seq: u64,
        block: Bytes,
    ) -> impl Future<Output = Result<(), LedgerError>> + Send {
        self.lock().push(block);
        (self.on_commit)(seq);
        ready(Ok(()))
    }

    fn read(
        &self,
        _: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Vec<Bytes>, LedgerError>> + Send {
        let mut room = max_bytes;
        let blocks = self.lock();
        let first = usize::try_from(*range.start()).unwrap_or(usize::MAX);
        let count = usize::try_from(range.end() - range.start() + 1).unwrap_or(usize::MAX);
        let found = blocks.iter().skip(first).take(count).enumerate();
        let fitting = found.take_while(|(index, block)| {
            let length = block.len() as u64;
            let fits = *index == 0 || length <= room;
            room = room.saturating_sub(length);
            fits
        });
        ready(Ok(fitting.map(|(_, block)| block.clone()).collect()))
    }
}
