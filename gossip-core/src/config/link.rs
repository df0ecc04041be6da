use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Connections and their authentication.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// How long a dial may take before it counts as failed. Default 3 s (`dialTimeout`).
    pub dial_timeout: Duration,
    /// How long a connection may take to authenticate. Default 2 s (`connTimeout`); raise it on
    /// machines so busy that signatures queue.
    pub handshake_timeout: Duration,
    /// How long the remote may take to close its half of a link that we finished. Default 5 s.
    pub linger: Duration,
    /// The first pause after a failed dial; doubles with each failure, with jitter. Default 200 ms.
    pub backoff_min: Duration,
    /// The longest pause between dials. Default 6 s: two parts of a network that were separated for long
    /// do not find each other sooner.
    pub backoff_max: Duration,
    /// Authenticated links kept at most. Beyond it the link idle the longest is finished; if none
    /// is idle the newcomer is refused. Half of them are for dials of ours. Default 128.
    pub max_links: NonZeroUsize,
    /// With links to so many members up, as many of them of our own organisation, gossip dials no
    /// more: it draws among those that are connected, whichever side dialled. A random graph of this degree
    /// holds together, and each further link costs a handshake and memory. Default 12.
    pub org_links: NonZeroUsize,
    /// Accepted links that may authenticate at the same time. Beyond it the oldest of the host that has
    /// the most of them gives way, or else the newcomer is refused. Default 64.
    pub max_handshakes: NonZeroUsize,
    /// Dials that may be pending, and peers for which one may be pending or backing off. Default
    /// 1,024.
    pub max_dials: NonZeroUsize,
    /// How long a message that the application sends waits for a peer that cannot be reached, while dials to it
    /// go on: a peer that restarts, with a renewed certificate or not, or another of its organisation in its
    /// place, gets it. After that it is dropped with the next dial that fails. What is sent by
    /// [`SendCriteria`](crate::SendCriteria) waits for their timeout instead, though enough peers may have
    /// acknowledged it earlier, and where they name the eligible for nobody else. It is dropped before its time
    /// where the peer's identity is revoked or expires, where too much waits for the peer, and where we close
    /// the link that it is queued on because the peer breaks the protocol. Default 15 s.
    pub hold_for: Duration,
    /// Messages that wait for a dial, per peer. The oldest is dropped. Default 64.
    pub max_waiting: NonZeroUsize,
    /// Bytes of messages that wait for a dial, per peer; one message is always allowed. Default
    /// 16 MiB.
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
        // Without it a link that we do not prefer would go before whoever dialled it can finish it.
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

/// What may be queued towards one link, by class, and how much the transport may hold.
#[derive(Clone, Debug)]
pub struct OutboxConfig {
    /// Frames of one class handed to the transport and not yet flushed. Default 32.
    pub window_frames: NonZeroUsize,
    /// Bytes of one class handed to the transport and not yet flushed; one frame is always allowed,
    /// whatever its size. Per class, so that a frame of 100 MB in the transport's hands does not
    /// keep a heartbeat back. Default 1 MiB.
    pub window_bytes: u64,
    /// Control frames waiting for the window. The oldest is dropped. Default 256.
    pub max_control: NonZeroUsize,
    /// Bytes of control frames waiting; one frame is always allowed. Default 16 MiB.
    pub max_control_bytes: u64,
    /// Pushed frames waiting for the window; the newest is refused. Default 64.
    pub max_push: NonZeroUsize,
    /// Bytes of pushed frames waiting; one frame is always allowed. Default 16 MiB.
    pub max_push_bytes: u64,
    /// Bulk frames waiting for the window; the newest is refused. Default 16.
    pub max_bulk: NonZeroUsize,
    /// Bytes of bulk frames waiting; one frame is always allowed. Default 64 MiB.
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

/// Checks of what arrives.
#[derive(Clone, Debug)]
pub struct GateConfig {
    /// Checks handed to the crypto service and not yet done, in all. When full, links are read no
    /// further. Default 1,024.
    pub max_pending: NonZeroUsize,
    /// The same for one link; what exceeds it waits, and the link is read no further. Default 64.
    pub max_pending_per_link: NonZeroUsize,
    /// Bytes kept for outstanding checks, in all; one message is always allowed. When full, links are
    /// read no further. Default 256 MiB.
    pub max_pending_bytes: u64,
    /// The same for one link. Default 32 MiB.
    pub max_pending_bytes_per_link: u64,
    /// Blocks shown to the application and not yet judged, where it wants to see them; together of at most
    /// `max_pending_bytes`. More are ignored. Default 256.
    pub max_validations: NonZeroUsize,
    /// How long a check may take before it counts as lost, and the application to judge a block. Default
    /// 30 s.
    pub check_timeout: Duration,
    /// Authentications remembered so that a replayed one is recognised. Default 4,096.
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
    /// Identities kept. Beyond it those of peers that are no members go first, then the ones used
    /// longest ago; our own stays. Default 16,384.
    pub max_identities: NonZeroUsize,
    /// How long an identity that was refused is remembered, so that what others tell with it is dropped
    /// without another check. Default 1 minute.
    pub refuse_for: Duration,
    /// Identities remembered as refused; the oldest goes first. Default 1,024.
    pub max_refused: NonZeroUsize,
    /// How long before our own identity expires the application is warned; again a day and an hour before.
    /// Default 7 days.
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
