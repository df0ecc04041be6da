use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Instant, PeerId, Verdict};

/// A block submitted to a node's application for validation, before it is stored or forwarded.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubmittedBlock {
    /// Time of submission.
    pub at: Instant,
    /// The channel.
    pub channel: ChannelId,
    /// The block's number.
    pub seq: u64,
    /// The serialized block.
    pub block: Bytes,
    /// Its sender; absent if the application published it.
    pub from: Option<PeerId>,
}

/// Returns an application's verdict and the time it takes; `None` if it never answers.
pub(super) type Validator = fn(&SubmittedBlock) -> Option<(Verdict, Duration)>;

/// The default validator: accepts every block at once.
pub(super) fn accept(_block: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    Some((Verdict::Accept, Duration::ZERO))
}
