//! What the driver counts besides the core.

use gossip_core::Metrics;

crate::counters! {
    /// What the driver has counted since its start.
    DriverMetrics, Counters {
    /// Connections accepted.
    links_accepted,
    /// Connections dialled.
    links_dialled,
    /// Dials that failed, those that took too long included.
    dials_failed,
    /// Dials that took longer than the core's `link.dial_timeout`.
    dials_timed_out,
    /// Failures of the transport to accept.
    accepts_failed,
    /// Frames refused because they were longer than allowed; their links were closed.
    frames_too_long,
    /// Crypto jobs answered `Overloaded` because the pool's queue was full.
    crypto_jobs_shed,
    /// Blocks that a validator's full queue had no room for. They were ignored.
    candidates_shed,
    /// Panics of the crypto service; each was answered as a failed check.
    crypto_panics,
    /// Panics of the ledger; each was answered as a failure of the storage.
    ledger_panics,
    /// Panics of the transport; each broke one dial or link.
    transport_panics,
    /// Publications refused as `Busy` by the handle: no place in the payload buffer, or a full mailbox.
    requests_refused,
    /// Messages lost to a listener because its queue was full.
    deliveries_dropped,
    /// Application messages whose topic has no listener, while other topics have one. The core counts those that
    /// arrive while no topic has one, as `messages_unheard`.
    topics_unheard,
    /// Predicates of listeners that panicked; each ended its subscription.
    listener_panics,
    /// Notifications lost to a slow listener because newer ones took their place.
    notifications_overwritten,
    }
}

/// Everything that a node has counted: in the core, in the driver and in the transport.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// Counted by the protocol.
    pub core: Metrics,
    /// Counted by the driver.
    pub driver: DriverMetrics,
    /// Counted by the transport, by name.
    pub transport: Vec<(&'static str, u64)>,
}
