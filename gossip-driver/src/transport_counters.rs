//! The counters of a transport whose type the handles do not know.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::transport::Transport;

/// Reads the transport's counters while the transport exists, and returns the last values afterwards. Handles do
/// not keep the transport alive, so its address is free once the node has stopped.
pub(crate) struct TransportCounters {
    ask: Box<dyn Fn() -> Option<Counts> + Send + Sync>,
    last: Mutex<Counts>,
}

type Counts = Vec<(&'static str, u64)>;

impl TransportCounters {
    pub(crate) fn new(transport: &Arc<impl Transport>) -> Self {
        let transport: Weak<_> = Arc::downgrade(transport);
        Self {
            ask: Box::new(move || Some(transport.upgrade()?.counters())),
            last: Mutex::default(),
        }
    }

    pub(crate) fn counters(&self) -> Counts {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = (self.ask)() {
            last.clone_from(&counters);
        }
        last.clone()
    }
}

impl fmt::Debug for TransportCounters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportCounters").finish_non_exhaustive()
    }
}
