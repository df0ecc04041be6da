use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Heartbeats and liveness of members.
#[derive(Clone, Debug)]
pub struct MembershipConfig {
    /// Interval between heartbeats, ± 25 %. Default 5 s (`aliveTimeInterval`).
    pub alive_interval: Duration,
    /// Time of silence after which a member is dead; up to four times as long while the health score of this node is
    /// bad. Default 25 s (`aliveExpirationTimeout`), five heartbeats.
    pub alive_expiration: Duration,
    /// How long the record of a dead member is kept. Default 475 s, so that with the expiration a silent member is
    /// forgotten after 500 s (`msgExpirationFactor` 20).
    pub forget_after: Duration,
    /// Longest interval between attempts to reach one dead member; shorter while few are dead. Default 25 s
    /// (`reconnectInterval`).
    pub reconnect_interval: Duration,
    /// Longest interval between attempts to reach a seed, that is a bootstrap or anchor peer, however long it has been
    /// unreachable; ± 25 %. Two parts of a network need up to twice this time to find each other after a long
    /// partition. Default 6 s.
    pub seed_interval: Duration,
    /// Interval between exchanges of views with random members. Default 4 s (`pullInterval`).
    pub sync_interval: Duration,
    /// Members asked in each exchange. Default 3 (`pullPeerNum`).
    pub sync_peers: usize,
    /// Timeout of a membership request. Default 5 s.
    pub response_timeout: Duration,
    /// Time after the start during which our heartbeats carry our identity. Default 10 s (`publishCertPeriod`).
    pub publish_identity_for: Duration,
    /// Send pulses: where all members have the capability, a heartbeat without news is proven by a hash chain instead
    /// of a signature, many of them travel in one message, and membership requests carry a have set. Default true.
    pub pulses: bool,
    /// Limit on members, alive and dead. Beyond it the one dead the longest is forgotten, or the new one is refused.
    /// Default 16,384.
    pub max_members: NonZeroUsize,
    /// Limit on the heartbeats and identities in one membership response, in bytes; the next one continues with the
    /// rest. Default 4 MiB.
    pub max_response_bytes: usize,
    /// Membership requests answered per link and second, and likewise requests for the state infos of a channel; more
    /// are dropped. Default 4.
    pub max_requests_per_second: u32,
}

impl Default for MembershipConfig {
    fn default() -> Self {
        Self {
            alive_interval: Duration::from_secs(5),
            alive_expiration: Duration::from_secs(25),
            forget_after: Duration::from_secs(475),
            reconnect_interval: Duration::from_secs(25),
            seed_interval: Duration::from_secs(6),
            sync_interval: Duration::from_secs(4),
            sync_peers: 3,
            response_timeout: Duration::from_secs(5),
            publish_identity_for: Duration::from_secs(10),
            pulses: true,
            max_members: non_zero(16_384),
            max_response_bytes: 4 << 20,
            max_requests_per_second: 4,
        }
    }
}

/// Limit of the health multiplier: an isolated node has noticed it by then.
pub(crate) const MAX_HEALTH_MULTIPLIER: u32 = 4;

impl MembershipConfig {
    /// The longest time of silence after which a member is dead, at the worst health score.
    #[must_use]
    pub const fn longest_expiration(&self) -> Duration {
        self.alive_expiration.saturating_mul(MAX_HEALTH_MULTIPLIER)
    }

    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        positive("membership.alive_interval", self.alive_interval)?;
        positive("membership.sync_interval", self.sync_interval)?;
        positive("membership.reconnect_interval", self.reconnect_interval)?;
        positive("membership.seed_interval", self.seed_interval)?;
        positive("membership.response_timeout", self.response_timeout)?;
        if self.alive_expiration <= self.alive_interval {
            return Err(ConfigError::NotGreater {
                field: "membership.alive_expiration",
                other: "membership.alive_interval",
            });
        }
        Ok(())
    }
}
