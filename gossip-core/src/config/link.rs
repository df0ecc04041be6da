use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Connections, their authentication and dials.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Timeout of a dial. Default 3 s (`dialTimeout`).
    pub dial_timeout: Duration,
    /// Timeout of the authentication of a connection. Default 2 s (`connTimeout`). Raise it on machines so busy that
    /// signatures queue.
    pub handshake_timeout: Duration,
    /// Timeout for the remote to close its half of a link that we finished. Default 5 s.
    pub linger: Duration,
    /// The first pause after a failed dial. Doubles with each failure, with jitter. Default 200 ms.
    pub backoff_min: Duration,
    /// The longest pause between dials. Default 6 s. It bounds how soon two parts of a network find each other after a
    /// long partition.
    pub backoff_max: Duration,
    /// Limit on authenticated links. Beyond it the link idle the longest is finished; if none is idle, the new one is
    /// refused. Half of the links are reserved for accepted ones. Default 128.
    pub max_links: NonZeroUsize,
    /// Number of linked members, in total and of our own organisation, from which on gossip dials no more: it draws
    /// among connected peers, whichever side dialled. A random graph of this degree is connected, and each further link
    /// costs a handshake and memory. Default 12.
    pub org_links: NonZeroUsize,
    /// Limit on accepted links that authenticate at the same time. Beyond it the oldest one of the host with the most
    /// is refused if that host has more than the new one's host would have, else the new one. Default 64.
    pub max_handshakes: NonZeroUsize,
    /// Limit on pending dials, and on peers with a dial pending or backing off. Default 1,024.
    pub max_dials: NonZeroUsize,
    /// How long a message of the application waits for a peer that cannot be reached, while dials to it continue. If
    /// the peer restarts, with the same or a renewed certificate, or another peer of its organisation answers in its
    /// place, that peer receives the message. After this time the message is dropped with the next failed dial. A
    /// message sent by [`SendCriteria`](crate::SendCriteria) waits for its timeout instead, even if enough peers
    /// acknowledge it earlier, and where `eligible` is given, for the named peer only. A message is dropped before its
    /// time if the peer's identity is revoked or expires, if too many messages wait for the peer, or if we close its
    /// link because the peer violates the protocol. Default 15 s.
    pub hold_for: Duration,
    /// Limit on the messages that wait for a dial, per peer; the oldest is dropped. Default 64.
    pub max_waiting: NonZeroUsize,
    /// Limit on the bytes of these messages, per peer; one message is always allowed. Default 16 MiB.
    pub max_waiting_bytes: u64,
}

impl Default for LinkConfig {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(3),
            handshake_timeout: Duration::from_secs(2),
            linger: Duration::from_secs(5),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(6),
            max_links: non_zero(128),
            org_links: non_zero(12),
            max_handshakes: non_zero(64),
            max_dials: non_zero(1024),
            hold_for: Duration::from_secs(15),
            max_waiting: non_zero(64),
            max_waiting_bytes: 16 << 20,
        }
    }
}

impl LinkConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        positive("link.dial_timeout", self.dial_timeout)?;
        positive("link.handshake_timeout", self.handshake_timeout)?;
        // Without it a link on standby would be closed before its dialler can finish it.
        positive("link.linger", self.linger)?;
        positive("link.backoff_min", self.backoff_min)?;
        if self.backoff_max < self.backoff_min {
            return Err(ConfigError::NotGreater {
                field: "link.backoff_max",
                other: "link.backoff_min",
            });
        }
        Ok(())
    }
}

/// Queues of one link, by class, and the transport's window.
#[derive(Clone, Debug)]
pub struct OutboxConfig {
    /// Frames of one class that the transport holds, sent but not flushed. Default 32.
    pub window_frames: NonZeroUsize,
    /// Bytes of one class that the transport holds; one frame of any size is always allowed. Per class, so that a frame
    /// of 100 MB does not delay a heartbeat. Default 1 MiB.
    pub window_bytes: u64,
    /// Control frames queued for the window; the oldest is dropped. Default 256.
    pub max_control: NonZeroUsize,
    /// Bytes of queued control frames; one frame is always allowed. Default 16 MiB.
    pub max_control_bytes: u64,
    /// Push frames queued for the window; the newest is dropped. Default 64.
    pub max_push: NonZeroUsize,
    /// Bytes of queued push frames; one frame is always allowed. Default 16 MiB.
    pub max_push_bytes: u64,
    /// Bulk frames queued for the window; the newest is dropped. Default 16.
    pub max_bulk: NonZeroUsize,
    /// Bytes of queued bulk frames; one frame is always allowed. Default 64 MiB.
    pub max_bulk_bytes: u64,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            window_frames: non_zero(32),
            window_bytes: 1 << 20,
            max_control: non_zero(256),
            max_control_bytes: 16 << 20,
            max_push: non_zero(64),
            max_push_bytes: 16 << 20,
            max_bulk: non_zero(16),
            max_bulk_bytes: 64 << 20,
        }
    }
}

/// Checks of received messages.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Outstanding checks of the crypto service, in total. At the limit no link is read. Default 1,024.
    pub max_pending: NonZeroUsize,
    /// Outstanding checks of one link. At the limit the link is not read and further checks wait. Default 64.
    pub max_pending_per_link: NonZeroUsize,
    /// Bytes held for outstanding checks, in total; one message is always allowed. At the limit no link is read.
    /// Default 256 MiB.
    pub max_pending_bytes: u64,
    /// Bytes held for outstanding checks of one link. Default 32 MiB.
    pub max_pending_bytes_per_link: u64,
    /// Blocks shown to the application that await its verdict, together of at most `max_pending_bytes`. Further blocks
    /// are ignored. Default 256.
    pub max_validations: NonZeroUsize,
    /// Timeout of a check, and of the application's verdict on a block. Default 30 s.
    pub check_timeout: Duration,
    /// Authentications remembered to detect replays. Default 4,096.
    pub max_remembered_handshakes: NonZeroUsize,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            max_pending: non_zero(1024),
            max_pending_per_link: non_zero(64),
            max_pending_bytes: 256 << 20,
            max_pending_bytes_per_link: 32 << 20,
            max_validations: non_zero(256),
            check_timeout: Duration::from_secs(30),
            max_remembered_handshakes: non_zero(4096),
        }
    }
}

/// Known identities.
#[derive(Clone, Debug)]
pub struct IdentityConfig {
    /// Limit on known identities. Beyond it identities of peers that are not members are dropped first, then the least
    /// recently used ones; our own is kept. Default 16,384.
    pub max_identities: NonZeroUsize,
    /// How long a refused identity is remembered: messages that carry it are dropped without another check. Default 1
    /// minute.
    pub refuse_for: Duration,
    /// Limit on remembered refused identities; the oldest is dropped. Default 1,024.
    pub max_refused: NonZeroUsize,
    /// How long before our own identity expires the application is warned. Repeated a day and an hour before. Default 7
    /// days.
    pub warn_before: Duration,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            max_identities: non_zero(16_384),
            refuse_for: Duration::from_secs(60),
            max_refused: non_zero(1024),
            warn_before: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
