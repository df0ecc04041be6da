//! Counters that several tasks share.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that several tasks may increase; declared by [`counters!`](crate::counters).
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares counters: a public struct of their values, whose method `counters` lists them by name, and a
/// struct of [`Counter`](crate::transport::Counter)s for counting, whose method `snapshot` yields the first.
///
/// ```
/// gossip_driver::transport::counters! {
///     /// Events since the start.
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
            $(pub(crate) $name: $crate::transport::Counter,)*
        }

        impl $counts {
            pub(crate) fn snapshot(&self) -> $shown {
                $shown { $($name: self.$name.get()),* }
            }
        }
    };
}
