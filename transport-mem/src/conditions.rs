use std::time::Duration;

/// How links behave. Applies to links made after it was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// How long a chunk travels. Default zero.
    pub latency: Duration,
    /// Up to this much is added at random to each chunk's latency; order is kept. Default zero.
    pub jitter: Duration,
    /// Bytes per second in each direction of a link. Default `None`: as fast as memory.
    pub bandwidth: Option<u64>,
    /// Bytes under way or received and not yet read, in each direction of a link; a writer waits
    /// beyond it. One chunk may exceed it. Default 256 KiB.
    pub buffer: usize,
    /// A frame is cut into chunks of this many bytes, between which more urgent frames go first;
    /// zero counts as one. Default 16 KiB.
    pub chunk: usize,
    /// A link breaks after a random time with this mean. Default `None`: it lives on.
    pub mean_lifetime: Option<Duration>,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            bandwidth: None,
            buffer: 256 << 10,
            chunk: 16 << 10,
            mean_lifetime: None,
        }
    }
}
