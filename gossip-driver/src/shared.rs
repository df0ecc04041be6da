//! State that all handles of a node share.

use std::sync::Arc;
use std::time::Instant;

use async_broadcast::InactiveReceiver;

use crate::counters::Counters;
use crate::endpoint::EndpointRule;
use crate::ledger_stalls::LedgerStalls;
use crate::listeners::Listeners;
use crate::notifications::Notice;
use crate::requests::Requests;
use crate::transport_counters::TransportCounters;
use crate::views::Views;

/// State that all handles of a node share. The node stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) requests: Arc<Requests>,
    pub(crate) views: Arc<Views>,
    pub(crate) notifications: InactiveReceiver<Notice>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) transport: TransportCounters,
    /// The size of the payload buffer: blocks farther beyond the next number have no place.
    pub(crate) window: u64,
    /// The rule for endpoints that peers dial.
    pub(crate) endpoints: EndpointRule,
    /// When the core's time began.
    pub(crate) origin: Instant,
    pub(crate) ledger_stalls: Arc<LedgerStalls>,
    /// The most blocks that wait for a validator.
    pub(crate) max_validations: usize,
    pub(crate) listeners: Arc<Listeners>,
    /// The most messages that wait for each listener.
    pub(crate) max_deliveries: usize,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.requests.close();
    }
}
