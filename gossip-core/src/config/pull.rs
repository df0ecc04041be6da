use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Pull of identities and blocks in four steps: hello, digest, request, update.
///
/// Every hello is answered. We start rounds only while legacy peers are alive, or while push is off.
#[derive(Clone, Debug)]
pub struct PullConfig {
    /// Interval between the starts of two rounds, ± 25 %. Default 4 s (`pullInterval`). Must be greater than
    /// `digest_wait` and `response_wait` together.
    pub interval: Duration,
    /// Peers asked in each round. Default 3 (`pullPeerNum`); 0 starts no rounds.
    pub peers: usize,
    /// How long digests are awaited, unless all peers asked have answered before. Default 1 s (`digestWaitTime`).
    /// Choose it a little below the `request_wait` of other peers.
    pub digest_wait: Duration,
    /// How long the request that follows a hello is awaited. Default 1.5 s (`requestWaitTime`). Must be greater than
    /// `digest_wait`.
    pub request_wait: Duration,
    /// How long updates are awaited. Default 2 s (`responseWaitTime`).
    pub response_wait: Duration,
    /// Number of the ledger's latest blocks that are offered, besides those in the payload buffer. Default 10
    /// (`maxBlockCountToStore`).
    pub max_blocks: u64,
    /// Limit on the ids in a digest, sent or received; the next digest continues with the rest. Default 4,096.
    pub max_ids: NonZeroUsize,
    /// Limit on the items in one update, sent or received, in bytes; one item is always allowed. Default 16 MiB.
    pub max_update_bytes: u64,
}

impl Default for PullConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(4),
            peers: 3,
            digest_wait: Duration::from_secs(1),
            request_wait: Duration::from_millis(1500),
            response_wait: Duration::from_secs(2),
            max_blocks: 10,
            max_ids: non_zero(4096),
            max_update_bytes: 16 << 20,
        }
    }
}

impl PullConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        positive("pull.digest_wait", self.digest_wait)?;
        positive("pull.response_wait", self.response_wait)?;
        if self.interval <= self.digest_wait.saturating_add(self.response_wait) {
            return Err(ConfigError::NotGreater {
                field: "pull.interval",
                other: "pull.digest_wait and pull.response_wait together",
            });
        }
        if self.request_wait <= self.digest_wait {
            return Err(ConfigError::NotGreater {
                field: "pull.request_wait",
                other: "pull.digest_wait",
            });
        }
        Ok(())
    }
}
