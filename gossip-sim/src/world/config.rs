use std::num::NonZeroU64;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{Config, Endpoint};

use crate::crypto::identity;
use crate::fault::FaultMask;
use crate::rng::Delay;

/// The configuration of a world.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WorldConfig {
    /// Decides every random choice. Default 1.
    pub seed: u64,
    /// Latency from one node to another, drawn for each frame; frames of one link keep their order.
    /// Default 5 to 15 ms.
    pub latency: Delay,
    /// Bytes per second of each link and direction. Default 125,000,000.
    pub bandwidth: NonZeroU64,
    /// Bytes that a link sends before it checks for a more urgent frame. Default 64 KiB.
    pub chunk: NonZeroU64,
    /// Time that a dial into a partition takes to fail. Default 3 s.
    pub dial_timeout: Duration,
    /// Time that an identity service takes for one job. Default 50 µs to 1 ms.
    pub crypto: Delay,
    /// Time that a ledger takes for one operation. Default 100 µs to 2 ms.
    pub ledger: Delay,
    /// Longest time until a sender gets credit back for frames that have left. It gets it earlier with the next
    /// event on their link, and at once if much of its window is used. Default 1 s.
    pub credit_delay: Duration,
    /// In worlds of fewer nodes the receiver decodes each message from its bytes; in larger ones it shares the
    /// sender's decoded message. Default 50.
    pub encode_below: usize,
    /// Classes of faults that take effect. Default all.
    pub faults: FaultMask,
    /// Cap of notifications, and of delivered messages, kept per node until the application takes them; the
    /// oldest are dropped and counted. Default 256.
    pub notifications: usize,
    /// Whether to hash commands and counters too, for [`World::fingerprint`](super::World::fingerprint).
    /// Default false: a run takes 6 % longer with it.
    pub record: bool,
}

impl WorldConfig {
    /// The defaults with `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (micros, millis) = (Duration::from_micros, Duration::from_millis);
        let rate = NonZeroU64::MIN.saturating_add(125_000_000 - 1);
        Self {
            seed,
            latency: Delay::between(millis(5), millis(15)),
            bandwidth: rate,
            chunk: NonZeroU64::MIN.saturating_add((64 << 10) - 1),
            dial_timeout: Duration::from_secs(3),
            crypto: Delay::between(micros(50), millis(1)),
            ledger: Delay::between(micros(100), millis(2)),
            credit_delay: millis(1_000),
            encode_below: 50,
            faults: FaultMask::ALL,
            notifications: 256,
            record: false,
        }
    }
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self::new(1)
    }
}

/// A configuration with the core's defaults for peer `peer` of organisation `org`, whose internal
/// endpoint is [`internal_endpoint`]. Pass it to [`World::add`](super::World::add).
#[must_use]
pub fn node_config(org: &str, peer: &str) -> Config {
    let mut config = Config::new(identity(org, peer, 0), internal_endpoint(org, peer));
    config.network_id = Bytes::from_static(b"sim");
    config
}

/// The endpoint that a peer announces to its own organisation.
#[must_use]
pub fn internal_endpoint(org: &str, peer: &str) -> Endpoint {
    Endpoint::new(&format!("{peer}.{org}:7051"))
}

/// The endpoint that a peer announces to all organisations, if it is configured to.
#[must_use]
pub fn external_endpoint(org: &str, peer: &str) -> Endpoint {
    Endpoint::new(&format!("{peer}.{org}.example:7051"))
}
