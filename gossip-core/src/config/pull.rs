use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Pulling identities and blocks in four steps: hello, digest, request, update.
///
/// Everybody who says hello is answered. We ask only while somebody is there who understands nothing
/// better, or while push is off.
#[derive(Clone, Debug)]
pub struct PullConfig {
    /// Between the beginnings of two rounds, give or take a quarter. Default 4 s (`pullInterval`). Must be
    /// greater than `digest_wait` and `response_wait` together.
    pub interval: Duration,
    /// Peers asked in each round. Default 3 (`pullPeerNum`); 0 asks nobody.
    pub peers: usize,
    /// How long digests are awaited, unless everybody asked has answered before. Default 1 s
    /// (`digestWaitTime`). Choose it a little below the `request_wait` of others.
    pub digest_wait: Duration,
    /// How long the request of a peer that has said hello is awaited. Default 1.5 s (`requestWaitTime`).
    /// Must be greater than `digest_wait`.
    pub request_wait: Duration,
    /// How long updates are awaited. Default 2 s (`responseWaitTime`).
    pub response_wait: Duration,
    /// How many of the ledger's latest blocks are offered besides those that wait for it. Default 10
    /// (`maxBlockCountToStore`).
    pub max_blocks: u64,
    /// Ids told in one digest, and taken from one; the next digest goes on where it ended. Default 4,096.
    pub max_ids: NonZeroUsize,
    /// Bytes of items sent for one request, and taken for one; one item is always allowed. Default
    /// 16 MiB.
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
