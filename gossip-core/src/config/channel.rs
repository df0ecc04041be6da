use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Spreading by push.
#[derive(Clone, Debug)]
pub struct PushConfig {
    /// Peers that each message is pushed to at a time. Default 3 (`propagatePeerNum`); 0 turns push off, so
    /// that everything is pulled.
    pub fanout: usize,
    /// How often heartbeats and state infos are pushed: each time, `burst_latency` apart, to peers that were
    /// not drawn before. Default 1 (`propagateIterations`); 0 turns push off, that of blocks included, so that
    /// everything is pulled.
    pub iterations: usize,
    /// Peers that understand it get each block once, along the branches of a tree that the network finds
    /// and repairs by itself, and hear of heights from others; only the rest is pushed at random. Until the
    /// branches are found, blocks of less than 16 KiB are pushed at random too, larger ones are offered to up to
    /// eight neighbours, each of which asks whoever offers it first. A large block of our own, which nobody else
    /// has, goes to up to eight at once. Default true.
    pub tree: bool,
    /// New messages collected before they are pushed. Default 10 (`maxPropagationBurstSize`).
    pub burst_size: NonZeroUsize,
    /// How long a message may wait for others. Default 10 ms (`maxPropagationBurstLatency`).
    pub burst_latency: Duration,
}

impl Default for PushConfig {
    fn default() -> Self {
        Self {
            fanout: 3,
            iterations: 1,
            tree: true,
            burst_size: non_zero(10),
            burst_latency: Duration::from_millis(10),
        }
    }
}

impl PushConfig {
    /// Peers that a message is pushed to at a time; none if push is off.
    pub(crate) const fn targets(&self) -> usize {
        if self.iterations == 0 { 0 } else { self.fanout }
    }

    /// Anything is pushed.
    pub(crate) const fn is_on(&self) -> bool {
        self.targets() > 0
    }

    /// Blocks travel along trees, and at all.
    pub(crate) const fn has_tree(&self) -> bool {
        self.tree && self.is_on()
    }
}

/// Channels.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Between two publications of our state. Default 4 s (`publishStateInfoInterval`); a change
    /// after a longer pause is published at once.
    pub publish_interval: Duration,
    /// Between two requests for the state infos of others. Default 4 s
    /// (`requestStateInfoInterval`).
    pub request_interval: Duration,
    /// Members asked each time. Default 3 (`pullPeerNum`).
    pub request_peers: usize,
    /// Channels that can be joined. Default 64.
    pub max_channels: NonZeroUsize,
    /// Bytes of state infos in one snapshot; the next one goes on where it ended. Default 4 MiB.
    pub max_snapshot_bytes: usize,
    /// Requests that wait for coverage, per channel. Default 1,024.
    pub max_coverage_waits: NonZeroUsize,
    /// State infos parked until the identity of their publisher is known, of at most 4 KiB each; a
    /// quarter of them may come from one sender. Default 8,192.
    pub max_awaiting_identity: NonZeroUsize,
    /// Channels that we have not joined of which one publisher's state infos are passed on within our
    /// organisation; nobody can prove to us that they exist. Default 64, as many as can be joined.
    pub max_relayed_per_peer: NonZeroUsize,
    /// The same of all publishers. Each is remembered for 100 times `publish_interval`, and, up to this
    /// number, known as passed on for longer, at about 200 bytes each. Default 16,384.
    pub max_relayed: NonZeroUsize,
    /// Signatures of such state infos that are checked for one link in a second. Default 512; 0 passes
    /// none on.
    pub max_relay_checks: u32,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            publish_interval: Duration::from_secs(4),
            request_interval: Duration::from_secs(4),
            request_peers: 3,
            max_channels: non_zero(64),
            max_snapshot_bytes: 4 << 20,
            max_coverage_waits: non_zero(1024),
            max_awaiting_identity: non_zero(8192),
            max_relayed_per_peer: non_zero(64),
            max_relayed: non_zero(16_384),
            max_relay_checks: 512,
        }
    }
}

impl ChannelConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        positive("channel.request_interval", self.request_interval)
    }
}

/// Ordered commit and the repair of gaps.
#[derive(Clone, Debug)]
pub struct StateTransferConfig {
    /// How far beyond the next number a block may be to be kept. Default 40. The next number itself
    /// always has a place.
    pub window: NonZeroUsize,
    /// Bytes of blocks kept beyond the next number; the farthest is evicted. Default 256 MiB.
    pub window_bytes: u64,
    /// Publications, of all channels, whose blocks are being verified; more are answered `Busy`. Default 64. The next
    /// number of each channel is exempt.
    pub max_publications: NonZeroUsize,
    /// How long a number may be missing while later ones are known before it is asked for: pushes
    /// overtake each other by a few milliseconds all the time. A push that comes so long after others told of
    /// its block is late, and after two such another neighbour is asked for the next ones. Default 20 ms.
    pub gap_timeout: Duration,
    /// Blocks per request. Default 10 (`batchSize`); a Fabric peer answers no more.
    pub batch: NonZeroUsize,
    /// How long an answer is awaited before another peer is asked. Default 3 s
    /// (`responseTimeout`).
    pub response_timeout: Duration,
    /// A peer that did not answer, or answered wrongly, is not asked again for this long; doubles
    /// each time up to 60 s. Default 2 s.
    pub peer_penalty: Duration,
    /// Bytes of blocks in one answer; at least one block is always sent. Default 16 MiB.
    pub max_response_bytes: u64,
    /// Requests answered at the same time, per channel; one per peer. Default 8.
    pub max_serving: NonZeroUsize,
}

impl Default for StateTransferConfig {
    fn default() -> Self {
        Self {
            window: non_zero(40),
            window_bytes: 256 << 20,
            max_publications: non_zero(64),
            gap_timeout: Duration::from_millis(20),
            batch: non_zero(10),
            response_timeout: Duration::from_secs(3),
            peer_penalty: Duration::from_secs(2),
            max_response_bytes: 16 << 20,
            max_serving: non_zero(8),
        }
    }
}

impl StateTransferConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        positive("state_transfer.response_timeout", self.response_timeout)?;
        positive("state_transfer.peer_penalty", self.peer_penalty)?;
        if self.window < self.batch {
            return Err(ConfigError::NotGreater {
                field: "state_transfer.window",
                other: "state_transfer.batch",
            });
        }
        Ok(())
    }
}
