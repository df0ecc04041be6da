use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Who is alive.
#[derive(Clone, Debug)]
pub struct MembershipConfig {
    /// Between two heartbeats. Default 5 s (`aliveTimeInterval`), give or take a quarter.
    pub alive_interval: Duration,
    /// Without news for this long a member is dead; up to four times as long while this node has reason to
    /// doubt its own hearing. Default 25 s (`aliveExpirationTimeout`), five heartbeats.
    pub alive_expiration: Duration,
    /// A dead member's record is kept for this long after its death. Default 475 s, so that with
    /// the expiration a silent member is forgotten after 500 s (`msgExpirationFactor` 20).
    pub forget_after: Duration,
    /// At the most between two attempts to reach one dead member; more often while few are dead. Default
    /// 25 s (`reconnectInterval`).
    pub reconnect_interval: Duration,
    /// At the most between two attempts to find somebody at a seed, a bootstrap peer or an anchor, however
    /// long nobody has been there: half of what two parts of a network need to find each other after they
    /// were separated for long. Give or take a quarter. Default 6 s.
    pub seed_interval: Duration,
    /// Between two exchanges of views with random members. Default 4 s (`pullInterval`).
    pub sync_interval: Duration,
    /// Members asked at each exchange. Default 3 (`pullPeerNum`).
    pub sync_peers: usize,
    /// How long a membership response is awaited. Default 5 s.
    pub response_timeout: Duration,
    /// Our heartbeats carry our identity for this long after the start. Default 10 s
    /// (`publishCertPeriod`).
    pub publish_identity_for: Duration,
    /// Where all members understand it, heartbeats that tell nothing new are not signed but proven by a
    /// hash chain, many of them travel in one message, and views are told by what has changed in them.
    /// Default true.
    pub pulses: bool,
    /// Members kept, alive or dead; beyond it a newcomer is refused, dead ones making room first.
    /// Default 16,384.
    pub max_members: NonZeroUsize,
    /// Bytes of heartbeats and identities in one membership response; the next one goes on where it
    /// ended. Default 4 MiB.
    pub max_response_bytes: usize,
    /// Requests for our view answered per second on one link, and requests for the state infos of
    /// one channel; more are dropped. Default 4.
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

/// The most by which anybody's time is multiplied: a node that is really cut off knows it by then.
pub(crate) const MAX_HEALTH_MULTIPLIER: u32 = 4;

impl MembershipConfig {
    /// Without news for this long a member is dead however little this node trusts its own hearing.
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
