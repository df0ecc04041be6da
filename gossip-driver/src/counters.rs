//! What the driver counts besides the core.

use std::sync::atomic::{AtomicU64, Ordering};

use gossip_core::Metrics;

/// Declares counters: a public struct that shows them, with the method `counters` that lists them by
/// name, and beside it a struct of [`Counter`]s that counts, with the method `snapshot`.
///
/// ```
/// gossip_driver::counters! {
///     /// What happened so far.
///     Stats, Counters {
///         /// Connections taken.
///         accepted,
///     }
/// }
///
/// let counters = Counters::default();
/// counters.accepted.add();
/// assert_eq!(counters.snapshot().counters(), [("accepted", 1)]);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! counters {
    ($(#[$outer:meta])* $shown:ident, $counts:ident {
        $($(#[$doc:meta])* $name:ident),* $(,)?
    }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $shown {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl $shown {
            /// Each counter with its name, in the order of declaration.
            #[must_use]
            pub fn counters(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }

        #[derive(Debug, Default)]
        pub(crate) struct $counts {
            $(pub(crate) $name: $crate::Counter,)*
        }

        impl $counts {
            pub(crate) fn snapshot(&self) -> $shown {
                $shown { $($name: self.$name.get()),* }
            }
        }
    };
}

counters! {
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
    /// Blocks that a validator was not shown because it had not taken those before. They were ignored.
    candidates_shed,
    /// Panics of the crypto service; each was answered as a failed check.
    crypto_panics,
    /// Panics of the ledger; each was answered as a failure of the storage.
    ledger_panics,
    /// Panics of the transport; each broke one dial or link.
    transport_panics,
    /// Requests answered `Busy` because the mailbox was full.
    requests_refused,
    /// Messages that a listener wanted and had no room for.
    deliveries_dropped,
    /// Predicates of listeners that panicked; each ended its subscription.
    listener_panics,
    /// Notifications that a slow listener has not read before they were overwritten.
    notifications_overwritten,
    }
}

/// A number that many tasks increase; see [`counters!`](crate::counters).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The present count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything a node has counted: the core's numbers, the driver's and the transport's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// Counted by the protocol.
    pub core: Metrics,
    /// Counted by the loop around it.
    pub driver: DriverMetrics,
    /// Counted by the transport, by name.
    pub transport: Vec<(&'static str, u64)>,
}
