//! The counters of the driver.

use gossip_core::Metrics;

crate::counters! {
    /// The driver's counters since its start.
    DriverMetrics, Counters {
    /// Connections accepted.
    links_accepted,
    /// Connections dialled.
    links_dialled,
    /// Dials that failed, timeouts included.
    dials_failed,
    /// Dials that took longer than the core's `link.dial_timeout`.
    dials_timed_out,
    /// Failures of the transport to accept.
    accepts_failed,
    /// Frames refused because they were longer than allowed; their links were closed.
    frames_too_long,
    /// Crypto jobs answered `Overloaded` because the pool's queue was full.
    crypto_jobs_shed,
    /// Blocks ignored because their validator's queue was full.
    candidates_shed,
    /// Blocks ignored because their channel's validator was dropped without
    /// [`Validator::finish`](crate::Validator::finish).
    candidates_unvalidated,
    /// Panics of the crypto service; each counts as a failed check.
    crypto_panics,
    /// Panics of the ledger; each counts as a failure of the storage.
    ledger_panics,
    /// Operations of the ledger that took longer than
    /// [`DriverConfig::ledger_timeout`](crate::DriverConfig::ledger_timeout).
    ledger_stalls,
    /// Panics of the transport; each broke one dial or link.
    transport_panics,
    /// Publications refused as `Busy` by the handle: no place in the payload buffer, or a full mailbox.
    requests_refused,
    /// Messages that a listener lost because its queue was full.
    deliveries_dropped,
    /// Application messages whose topic has no listener, while another topic has one. Messages that arrive while no
    /// topic has a listener count in the core, as `messages_unheard`.
    topics_unheard,
    /// Predicates of listeners that panicked; each ended its subscription.
    listener_panics,
    /// Notifications that a slow listener lost to newer ones.
    notifications_overwritten,
    }
}

/// All counters of a node: of the core, the driver and the transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// Counters of the protocol.
    pub core: Metrics,
    /// Counters of the driver.
    pub driver: DriverMetrics,
    /// Counters of the transport, by name.
    pub transport: Vec<(&'static str, u64)>,
}
