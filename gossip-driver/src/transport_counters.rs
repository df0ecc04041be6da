//! What the transport has counted, for handles that do not know its type.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::Transport;

/// Asks the transport as long as it is there, then shows what it said last. Handles must not keep
/// the transport alive: its place is free when the node has stopped.
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
