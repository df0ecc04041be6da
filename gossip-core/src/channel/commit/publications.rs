//! Publications that wait for a place in the payload buffer.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{RequestId, StateTransferConfig};

/// Verified blocks of the application whose number, or whose bytes, do not fit yet.
///
/// Bounded in number by `max_publications` and in bytes by `window_bytes`; one always fits.
#[derive(Debug)]
pub(super) struct Publications {
    max: usize,
    max_bytes: u64,
    bytes: u64,
    /// Ordered by number, so that the nearest gets the first place.
    parked: BTreeMap<(u64, RequestId), Bytes>,
}

impl Publications {
    pub(super) fn new(config: &StateTransferConfig) -> Self {
        Self {
            max: config.max_publications.get(),
            max_bytes: config.window_bytes,
            bytes: 0,
            parked: BTreeMap::new(),
        }
    }

    /// Parks a publication; false, with nothing changed, if there are too many.
    #[must_use]
    pub(super) fn park(&mut self, id: RequestId, seq: u64, data: Bytes) -> bool {
        let bytes = self.bytes.saturating_add(data.len() as u64);
        let fits = self.parked.len() < self.max && bytes <= self.max_bytes;
        if !fits && !self.parked.is_empty() {
            return false;
        }
        if let Some(before) = self.parked.insert((seq, id), data) {
            self.bytes = self.bytes.saturating_sub(before.len() as u64);
        }
        self.bytes = bytes;
        true
    }

    /// Takes all, the lowest number first.
    pub(super) fn take(&mut self) -> BTreeMap<(u64, RequestId), Bytes> {
        self.bytes = 0;
        std::mem::take(&mut self.parked)
    }

    pub(super) fn len(&self) -> usize {
        self.parked.len()
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.parked.first_key_value().map(|((seq, _), _)| *seq)
    }
}
