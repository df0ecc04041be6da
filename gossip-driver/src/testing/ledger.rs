use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, LedgerError};

use crate::transport::deadline;
use crate::{Ledger, Runtime};

/// A ledger in memory for tests. Clones are handles of the same ledger: a test keeps one and reads the
/// blocks that its node has stored.
///
/// ```
/// use gossip_driver::{Ledger as _, core::ChannelId, testing::MemLedger};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let (ledger, channel) = (MemLedger::new(), ChannelId::new("trade"));
/// ledger.commit(&channel, 0, "genesis".into()).await?;
/// assert_eq!(ledger.blocks(&channel), ["genesis"]);
/// assert!(ledger.commit(&channel, 2, "too far".into()).await.is_err());
/// # Ok::<_, gossip_driver::core::LedgerError>(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Clone)]
pub struct MemLedger {
    state: Arc<Mutex<State>>,
    pause: Arc<dyn Fn() -> Pause + Send + Sync>,
}

type Pause = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct State {
    chains: BTreeMap<ChannelId, Vec<Bytes>>,
    failing_from: Option<u64>,
}

impl MemLedger {
    /// An empty ledger that answers at once.
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            pause: Arc::new(|| Box::pin(ready(()))),
        }
    }

    /// An empty ledger whose operations take `delay` each.
    #[must_use]
    pub fn delayed<R: Runtime>(runtime: R, delay: Duration) -> Self {
        let pause = move || -> Pause {
            let runtime = runtime.clone();
            Box::pin(async move { runtime.sleep_until(deadline(&runtime, delay)).await })
        };
        Self {
            state: Arc::default(),
            pause: Arc::new(pause),
        }
    }

    /// The blocks of a channel, from number 0 on.
    #[must_use]
    pub fn blocks(&self, channel: &ChannelId) -> Vec<Bytes> {
        self.lock().chains.get(channel).cloned().unwrap_or_default()
    }

    /// Commits of block `seq` and later ones fail, as on a full disk, until [`MemLedger::heal`].
    pub fn fail_from(&self, seq: u64) {
        self.lock().failing_from = Some(seq);
    }

    /// Commits succeed again.
    pub fn heal(&self) {
        self.lock().failing_from = None;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        let mut state = self.lock();
        if state.failing_from.is_some_and(|from| from <= seq) {
            return Err(LedgerError::Storage("set to fail".into()));
        }
        let chain = state.chains.entry(channel.clone()).or_default();
        let height = chain.len() as u64;
        if seq != height {
            return Err(LedgerError::NotNext(format!(
                "block {seq} at height {height}"
            )));
        }
        chain.push(block);
        Ok(())
    }

    fn range(&self, channel: &ChannelId, range: RangeInclusive<u64>, max_bytes: u64) -> Vec<Bytes> {
        let state = self.lock();
        let Some(chain) = state.chains.get(channel) else {
            return Vec::new();
        };
        let start = usize::try_from(*range.start()).unwrap_or(usize::MAX);
        let count = range.end().saturating_sub(*range.start()).saturating_add(1);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut bytes = 0_u64;
        let fits = |block: &&Bytes| {
            let first = bytes == 0;
            bytes = bytes.saturating_add(block.len() as u64);
            first || bytes <= max_bytes
        };
        chain
            .iter()
            .skip(start)
            .take(count)
            .take_while(fits)
            .cloned()
            .collect()
    }
}

impl Default for MemLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl Ledger for MemLedger {
    async fn height(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        (self.pause)().await;
        Ok(self
            .lock()
            .chains
            .get(channel)
            .map_or(0, |chain| chain.len() as u64))
    }

    async fn commit(&self, channel: &ChannelId, seq: u64, block: Bytes) -> Result<(), LedgerError> {
        (self.pause)().await;
        self.append(channel, seq, block)
    }

    async fn read(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        (self.pause)().await;
        Ok(self.range(channel, range, max_bytes))
    }
}

impl fmt::Debug for MemLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemLedger").finish_non_exhaustive()
    }
}
