//! Settings of the loop, as opposed to those of the protocol.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::PeerBook;

/// Settings of the loop around the core. The defaults suit a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DriverConfig {
    /// Number of this start of the peer. It must be greater than at every earlier start, or other peers
    /// discard this peer's messages as old. Default: nanoseconds since 1970 by the system's clock. If
    /// that clock may be set back between two starts, set [`peer_book`](Self::peer_book).
    pub incarnation: Option<u64>,
    /// Keeps the incarnation and the endpoints of other peers of our organisation over restarts: the
    /// incarnation grows even if the clock was set back, and the peers of the last run are contacted if no
    /// bootstrap peer answers. Default: none.
    pub peer_book: Option<Arc<dyn PeerBook>>,
    /// Seed of all random choices of the core. Default: random bytes of the operating system. Set it only
    /// to repeat a run.
    pub seed: Option<[u8; 32]>,
    /// Threads that verify signatures and sign. Default: one per available core.
    pub crypto_threads: Option<NonZeroUsize>,
    /// Requests that wait for the loop. Beyond it callers wait; [`Channel::try_publish`](crate::Channel::try_publish)
    /// returns `Busy`. Default 256.
    pub mailbox: NonZeroUsize,
    /// Requests that the loop has taken and not answered yet; at this number it takes no more. Default 1,024.
    pub max_unanswered: NonZeroUsize,
    /// Messages of one link that wait for the core; at this number the link is not read. Default 8: a small
    /// number, since waiting messages become obsolete, and the transport buffers more.
    pub link_messages: NonZeroUsize,
    /// Bytes of such messages; a single message may be larger. Default 1 MiB.
    pub link_bytes: NonZeroUsize,
    /// Notifications kept for the slowest listener; beyond it the oldest is lost, and the listener reads how
    /// many were ([`Notice::Lagged`](crate::Notice)). Default 1,024.
    pub notifications: NonZeroUsize,
    /// Messages kept for each listener; further ones are lost to it, and it reads how many were
    /// ([`Delivered::Lagged`](crate::Delivered)). Default 256.
    pub deliveries: NonZeroUsize,
    /// How long an operation of the ledger may take before it is reported
    /// ([`Notice::LedgerStalled`](crate::Notice)). A channel whose height is not known by then is not joined.
    /// Default 10 s.
    pub ledger_timeout: Duration,
    /// How long a shutdown waits for links to flush and for tasks to end before it drops them. Default 5 s.
    pub shutdown_timeout: Duration,
}

impl Default for DriverConfig {
    fn default() -> Self {
        Self {
            incarnation: None,
            peer_book: None,
            seed: None,
            crypto_threads: None,
            mailbox: non_zero(256),
            max_unanswered: non_zero(1024),
            link_messages: non_zero(8),
            link_bytes: non_zero(1 << 20),
            notifications: non_zero(1024),
            deliveries: non_zero(256),
            ledger_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

const fn non_zero(value: usize) -> NonZeroUsize {
    match NonZeroUsize::new(value) {
        Some(value) => value,
        None => NonZeroUsize::MIN,
    }
}
