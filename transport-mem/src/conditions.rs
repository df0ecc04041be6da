use std::time::Duration;

/// Properties of links. They apply to links made after they were set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Travel time of a chunk. Default zero.
    pub latency: Duration,
    /// A random time up to this is added to the latency of each chunk; order is kept. Default zero.
    pub jitter: Duration,
    /// Bytes per second in each direction of a link. Default `None`: unlimited.
    pub bandwidth: Option<u64>,
    /// Bytes in flight or received and not yet read, in each direction of a link. Beyond it the
    /// writer waits; one chunk may exceed it. Default 256 KiB.
    pub buffer: usize,
    /// A frame is cut into chunks of this many bytes; more urgent frames go between them. Zero
    /// counts as one. Default 16 KiB.
    pub chunk: usize,
    /// A link breaks after a random time with this mean. Default `None`: never.
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
