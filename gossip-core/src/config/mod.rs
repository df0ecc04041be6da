//! Configuration: one struct per room. Each field documents its unit, its default and, in parentheses, its name in
//! Fabric.

mod channel;
mod link;
mod membership;
mod messaging;
mod pull;

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::Limits;
use thiserror::Error;

pub use self::channel::{ChannelConfig, PushConfig, StateTransferConfig};
pub use self::link::{GateConfig, IdentityConfig, LinkConfig, OutboxConfig};
pub(crate) use self::membership::MAX_HEALTH_MULTIPLIER;
pub use self::membership::MembershipConfig;
pub use self::messaging::MessagingConfig;
pub use self::pull::PullConfig;
use crate::{Endpoint, OrgId, PeerId};

/// The configuration of a node.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Our own identity.
    pub identity: SelfIdentity,
    /// The network's name; peers of another network are refused. At most 64 bytes.
    pub network_id: Bytes,
    /// The internal endpoint, disclosed to peers of our own organisation.
    pub endpoint: Endpoint,
    /// The external endpoint, disclosed to all peers. Without it this node is invisible outside its organisation.
    pub external_endpoint: Option<Endpoint>,
    /// Opaque bytes that our heartbeats carry.
    pub metadata: Bytes,
    /// Endpoints of peers of our own organisation to contact first. They are tried for ever.
    pub bootstrap: Vec<Endpoint>,
    /// Endpoints of peers of our own organisation at an earlier run, at most 64. They are contacted if no member has
    /// been found a second after the start, and dropped after [`forget_after`](MembershipConfig::forget_after). A
    /// driver fills this from its peer book.
    pub remembered: Vec<Endpoint>,
    /// Limits of decoding.
    pub limits: Limits,
    /// Connections, their authentication and dials.
    pub link: LinkConfig,
    /// Queues of one link, and the transport's window.
    pub outbox: OutboxConfig,
    /// Checks of received messages.
    pub gate: GateConfig,
    /// Known identities.
    pub identities: IdentityConfig,
    /// Heartbeats and liveness of members.
    pub membership: MembershipConfig,
    /// Dissemination by push.
    pub push: PushConfig,
    /// Dissemination by pull.
    pub pull: PullConfig,
    /// Channels.
    pub channel: ChannelConfig,
    /// Messages of the application with acknowledgements.
    pub messaging: MessagingConfig,
    /// Ordered commit and transfer of missing blocks.
    pub state_transfer: StateTransferConfig,
}

/// Our own identity.
#[derive(Clone, Debug)]
pub struct SelfIdentity {
    /// The PKI-ID derived from `bytes`.
    pub peer: PeerId,
    /// Our organisation.
    pub org: OrgId,
    /// The serialized identity, as sent to other peers.
    pub bytes: Bytes,
}

impl Config {
    /// A configuration with default values, for `identity` reachable at `endpoint`.
    #[must_use]
    pub fn new(identity: SelfIdentity, endpoint: Endpoint) -> Self {
        Self {
            identity,
            network_id: Bytes::new(),
            endpoint,
            external_endpoint: None,
            metadata: Bytes::new(),
            bootstrap: Vec::new(),
            remembered: Vec::new(),
            limits: Limits::default(),
            link: LinkConfig::default(),
            outbox: OutboxConfig::default(),
            gate: GateConfig::default(),
            identities: IdentityConfig::default(),
            membership: MembershipConfig::default(),
            push: PushConfig::default(),
            pull: PullConfig::default(),
            channel: ChannelConfig::default(),
            messaging: MessagingConfig::default(),
            state_transfer: StateTransferConfig::default(),
        }
    }

    /// Checks lengths, durations and the relations between fields.
    ///
    /// # Errors
    /// The first [`ConfigError`] found.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        check_length(
            "identity.peer",
            self.identity.peer.as_bytes().len(),
            limits.max_pki_id,
        )?;
        check_length(
            "identity.bytes",
            self.identity.bytes.len(),
            limits.max_identity,
        )?;
        check_length(
            "endpoint",
            self.endpoint.as_str().len(),
            limits.max_endpoint,
        )?;
        if let Some(external) = &self.external_endpoint {
            check_length(
                "external_endpoint",
                external.as_str().len(),
                limits.max_endpoint,
            )?;
        }
        check_length("metadata", self.metadata.len(), limits.max_metadata)?;
        if self.longest_heartbeat() > limits.max_signed {
            return Err(ConfigError::NotGreater {
                field: "limits.max_signed",
                other: "identity.bytes, limits.max_metadata and twice limits.max_signature together",
            });
        }
        check_length("network_id", self.network_id.len(), MAX_NETWORK_ID)?;
        if self.identity.peer.as_bytes().is_empty() || self.identity.bytes.is_empty() {
            return Err(ConfigError::Empty { field: "identity" });
        }
        if self.endpoint.as_str().is_empty() {
            return Err(ConfigError::Empty { field: "endpoint" });
        }
        self.membership.validate()?;
        self.link.validate()?;
        positive("gate.check_timeout", self.gate.check_timeout)?;
        self.channel.validate()?;
        self.pull.validate()?;
        self.state_transfer.validate()
    }

    /// The longest heartbeat of ours, which other peers must accept, in bytes.
    fn longest_heartbeat(&self) -> usize {
        let limits = &self.limits;
        let endpoints = limits.max_endpoint.saturating_mul(2);
        let signatures = limits.max_signature.saturating_mul(2);
        (self.identity.bytes.len() + HEARTBEAT_REST)
            .saturating_add(limits.max_metadata)
            .saturating_add(endpoints)
            .saturating_add(signatures)
    }
}

const MAX_NETWORK_ID: usize = 64;

/// Bound on the numbers, the PKI-ID and the encoding overhead of a heartbeat, in bytes.
const HEARTBEAT_REST: usize = 512;

fn check_length(field: &'static str, actual: usize, limit: usize) -> Result<(), ConfigError> {
    if actual > limit {
        return Err(ConfigError::TooLong {
            field,
            actual,
            limit,
        });
    }
    Ok(())
}

fn positive(field: &'static str, value: Duration) -> Result<(), ConfigError> {
    if value.is_zero() {
        return Err(ConfigError::Zero { field });
    }
    Ok(())
}

const fn non_zero(value: usize) -> NonZeroUsize {
    match NonZeroUsize::new(value) {
        Some(value) => value,
        None => NonZeroUsize::MIN,
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A field exceeds its limit on the wire.
    #[error("{field} is {actual} bytes long, at most {limit} are allowed")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length, in bytes.
        actual: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A field must not be empty.
    #[error("{field} is empty: set it")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// A duration must be positive.
    #[error("{field} is zero: give it a positive duration")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// A field is too small compared with another.
    #[error("{field} is too small: raise it above {other}")]
    NotGreater {
        /// The field that is too small.
        field: &'static str,
        /// The field or fields that it must exceed.
        other: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let identity = SelfIdentity {
            peer: PeerId::new(b"me"),
            org: OrgId::new(b"org"),
            bytes: Bytes::from_static(b"identity"),
        };
        Config::new(identity, Endpoint::new("here"))
    }

    #[test]
    fn the_defaults_are_those_of_the_original() {
        let config = config();
        let millis = Duration::from_millis;
        let (link, members) = (&config.link, &config.membership);
        assert_eq!(
            (link.dial_timeout, link.handshake_timeout),
            (millis(3_000), millis(2_000))
        );
        assert_eq!(members.alive_interval, millis(5_000));
        assert_eq!(members.alive_expiration, 5 * members.alive_interval);
        let silence = members.alive_expiration + members.forget_after;
        assert_eq!(silence, 20 * members.alive_expiration);
        assert_eq!(members.reconnect_interval, members.alive_expiration);
        assert_eq!(
            (members.sync_interval, members.sync_peers),
            (millis(4_000), 3)
        );
        assert_eq!(members.publish_identity_for, millis(10_000));
        let (push, pull) = (&config.push, &config.pull);
        assert_eq!((push.fanout, push.iterations), (3, 1));
        assert_eq!(
            (push.burst_size.get(), push.burst_latency),
            (10, millis(10))
        );
        assert_eq!((pull.interval, pull.peers), (millis(4_000), 3));
        assert_eq!(
            (pull.digest_wait, pull.request_wait),
            (millis(1_000), millis(1_500))
        );
        assert_eq!((pull.response_wait, pull.max_blocks), (millis(2_000), 10));
        let (channel, transfer) = (&config.channel, &config.state_transfer);
        assert_eq!(
            (channel.publish_interval, channel.request_interval),
            (millis(4_000), millis(4_000))
        );
        assert_eq!(
            (transfer.batch.get(), transfer.response_timeout),
            (10, millis(3_000))
        );
    }

    #[test]
    fn required_durations_are_positive() {
        assert_eq!(config().validate(), Ok(()));
        let refused = |adjust: fn(&mut Config)| {
            let mut config = config();
            adjust(&mut config);
            config.validate().unwrap_err()
        };
        let zero = |field| ConfigError::Zero { field };
        let linger = refused(|config| config.link.linger = Duration::ZERO);
        assert_eq!(linger, zero("link.linger"));
        let penalty = refused(|config| config.state_transfer.peer_penalty = Duration::ZERO);
        assert_eq!(penalty, zero("state_transfer.peer_penalty"));
        let timeout = refused(|config| config.gate.check_timeout = Duration::ZERO);
        assert_eq!(timeout, zero("gate.check_timeout"));
    }

    #[test]
    fn pull_rounds_neither_overlap_nor_outlast_the_request_wait() {
        let refused = |adjust: fn(&mut PullConfig)| {
            let mut config = config();
            adjust(&mut config.pull);
            match config.validate() {
                Err(ConfigError::NotGreater { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        let defaults = PullConfig::default();
        let waits = defaults.digest_wait + defaults.response_wait;
        assert!(defaults.interval > waits && defaults.request_wait > defaults.digest_wait);
        let overlapping = refused(|pull| pull.interval = pull.digest_wait + pull.response_wait);
        assert_eq!(overlapping, "pull.interval");
        let short = refused(|pull| pull.request_wait = pull.digest_wait);
        assert_eq!(short, "pull.request_wait");
    }

    #[test]
    fn our_own_heartbeat_fits_the_limits_of_other_peers() {
        let mut config = config();
        config.limits.max_signed = config.limits.max_metadata;
        let refused = config.validate().unwrap_err();
        assert!(matches!(
            refused,
            ConfigError::NotGreater {
                field: "limits.max_signed",
                ..
            }
        ));
        config.limits.max_metadata = 1 << 10;
        assert_eq!(config.validate(), Ok(()));
    }
}
