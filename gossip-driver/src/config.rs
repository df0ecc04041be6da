//! Settings of the loop, as opposed to those of the protocol.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::PeerBook;

/// Settings of the loop around the core. The defaults suit a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DriverConfig {
    /// Must be greater at each start of the same peer, or others hold the peer's messages for old
    /// ones. Default: nanoseconds since 1970 by the system's clock. Where that clock may go back
    /// between two starts, give a peer book.
    pub incarnation: Option<u64>,
    /// Sees to it that the incarnation grows even if the clock was set back, and remembers where others of our
    /// organisation are: those that were known at the last run are contacted if nobody else is found. Default:
    /// none.
    pub peer_book: Option<Arc<dyn PeerBook>>,
    /// Decides every random choice of the core. Default: random bytes of the operating system; set
    /// it only to repeat a run.
    pub seed: Option<[u8; 32]>,
    /// Threads that check and make signatures. Default: one per available core.
    pub crypto_threads: Option<NonZeroUsize>,
    /// Requests that wait to be taken by the loop; beyond it callers wait, or get `Busy` where they
    /// asked not to. Default 256.
    pub mailbox: NonZeroUsize,
    /// Requests taken and not yet answered; at this number the loop takes no more. Default 1,024.
    pub max_unanswered: NonZeroUsize,
    /// Messages received on one link that wait for the core; at this number the link is read no
    /// further. Default 8: small, since a waiting message is news getting old, and the transport
    /// holds more.
    pub link_messages: NonZeroUsize,
    /// Bytes of such messages; one message is always allowed. Default 1 MiB.
    pub link_bytes: NonZeroUsize,
    /// Notifications kept for the slowest listener; beyond it the oldest is lost, and the listener
    /// is told how many. Default 1,024.
    pub notifications: NonZeroUsize,
    /// Messages kept for each listener that accepts messages; what comes while so many wait is lost to it, and
    /// it is told how many. Default 256.
    pub deliveries: NonZeroUsize,
    /// How long a stop may take to flush links and end tasks before they are dropped. Default 5 s.
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
