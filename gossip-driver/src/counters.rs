//! What the driver counts besides the core.

use std::sync::atomic::{AtomicU64, Ordering};

use gossip_core::Metrics;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What the driver has counted since its start.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct DriverMetrics {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl DriverMetrics {
            /// Each counter with its name, in the order of declaration.
            #[must_use]
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)*
        }

        impl Counters {
            pub(crate) fn snapshot(&self) -> DriverMetrics {
                DriverMetrics { $($name: self.$name.0.load(Ordering::Relaxed)),* }
            }
        }
    };
}

counters! {
    /// Connections accepted.
    links_accepted,
    /// Connections dialled.
    links_dialled,
    /// Failures of the transport to accept.
    accepts_failed,
    /// Frames refused because they were longer than allowed; their links were closed.
    frames_too_long,
    /// Crypto jobs answered `Overloaded` because the pool's queue was full.
    crypto_jobs_shed,
    /// Panics of the crypto service; each was answered as a failed check.
    crypto_panics,
    /// Panics of the ledger; each was answered as a failure of the storage.
    ledger_panics,
    /// Panics of the transport; each broke one dial or link.
    transport_panics,
    /// Requests answered `Busy` because the mailbox was full.
    requests_refused,
    /// Notifications that a slow listener has not read before they were overwritten.
    notifications_overwritten,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Everything a node has counted: the core's numbers and the driver's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// Counted by the protocol.
    pub core: Metrics,
    /// Counted by the loop around it.
    pub driver: DriverMetrics,
}
