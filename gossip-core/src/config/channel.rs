use std::num::NonZeroUsize;
use std::time::Duration;

use super::{ConfigError, non_zero, positive};

/// Dissemination by push.
#[derive(Clone, Debug)]
pub struct PushConfig {
    /// Peers that a message is pushed to at a time. Default 3 (`propagatePeerNum`); 0 turns push off, so that
    /// everything is pulled.
    pub fanout: usize,
    /// Number of times that a heartbeat or state info is pushed, `burst_latency` apart, each time to other peers.
    /// Default 1 (`propagateIterations`); 0 turns push off, of blocks too, so that everything is pulled.
    pub iterations: usize,
    /// Disseminate blocks along a tree of the channel: capable peers receive each block once, from their parent, and
    /// heights from lazy peers. Legacy peers are pushed to at random. While the tree is being seeded, blocks smaller
    /// than 16 KiB are also pushed at random, and larger ones are offered to up to eight peers, each of which requests
    /// the block from the first one to offer it. A large block of our own is pushed to up to eight peers at once, as no
    /// other peer has it. Default true.
    pub tree: bool,
    /// Number of new messages that are collected before they are pushed. Default 10 (`maxPropagationBurstSize`).
    pub burst_size: NonZeroUsize,
    /// Longest time that a message waits to be pushed. Default 10 ms (`maxPropagationBurstLatency`).
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
    /// Peers that a message is pushed to at a time; 0 if push is off.
    pub(crate) const fn targets(&self) -> usize {
        if self.iterations == 0 { 0 } else { self.fanout }
    }

    /// Whether push is on.
    pub(crate) const fn is_on(&self) -> bool {
        self.targets() > 0
    }

    /// Whether blocks are disseminated along trees.
    pub(crate) const fn has_tree(&self) -> bool {
        self.tree && self.is_on()
    }
}

/// Channels.
#[derive(Clone, Debug)]
pub struct ChannelConfig {
    /// Minimum interval between publications of our state info. Default 4 s (`publishStateInfoInterval`). A change
    /// after a longer pause is published at once.
    pub publish_interval: Duration,
    /// Interval between requests for the state infos of other participants. Default 4 s (`requestStateInfoInterval`).
    pub request_interval: Duration,
    /// Members asked in each interval. Default 3 (`pullPeerNum`).
    pub request_peers: usize,
    /// Limit on joined channels. Default 64.
    pub max_channels: NonZeroUsize,
    /// Limit on the state infos in one snapshot, in bytes; the next one continues with the rest. Default 4 MiB.
    pub max_snapshot_bytes: usize,
    /// Limit on the requests that wait for coverage, per channel. Default 1,024.
    pub max_coverage_waits: NonZeroUsize,
    /// Limit on the state infos awaiting the identity of their publisher, each of at most 4 KiB. A quarter of them may
    /// come from one sender. Default 8,192.
    pub max_awaiting_identity: NonZeroUsize,
    /// Limit on the channels not joined of which state infos of one publisher are relayed within our organisation; we
    /// cannot verify that such a channel exists. Default 64, the default of `max_channels`.
    pub max_relayed_per_peer: NonZeroUsize,
    /// Limit on the same of all publishers. Each entry is kept for 100 times `publish_interval`; after that up to this
    /// number of tombstones prevent relaying it again, at about 200 bytes each. Default 16,384.
    pub max_relayed: NonZeroUsize,
    /// Signatures of relayed state infos that are verified per link and second. Default 512; 0 turns relaying off.
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

/// Ordered commit and transfer of missing blocks.
#[derive(Clone, Debug)]
pub struct StateTransferConfig {
    /// Blocks held beyond the ledger's height, as a distance from the next number. Default 40. The next number always
    /// has a place.
    pub window: NonZeroUsize,
    /// Limit on the bytes of these blocks; the farthest block is evicted. Default 256 MiB.
    pub window_bytes: u64,
    /// Limit on the publications of all channels that are being verified; more are answered `Busy`. Default 64. The
    /// next number of each channel is exempt.
    pub max_publications: NonZeroUsize,
    /// Time after which a missing block is requested if later ones are known: pushes often overtake each other by a few
    /// milliseconds. A push that arrives this long after other peers have announced its block is late, and after two
    /// late pushes a candidate parent is grafted. Default 20 ms.
    pub gap_timeout: Duration,
    /// Blocks per request. Default 10 (`batchSize`), the most that a Fabric peer answers.
    pub batch: NonZeroUsize,
    /// Timeout of a request, after which another peer is asked. Default 3 s (`responseTimeout`).
    pub response_timeout: Duration,
    /// Time for which a peer is not asked again after it did not answer or answered wrongly. Doubles each time, up to
    /// 60 s. Default 2 s.
    pub peer_penalty: Duration,
    /// Limit on the blocks in one response, in bytes; at least one block is sent. Default 16 MiB.
    pub max_response_bytes: u64,
    /// Limit on the requests served at the same time, per channel; one per peer. Default 8.
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
