use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Instant, PeerId, Verdict};

/// A block that a node's application is shown before it is stored or passed on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubmittedBlock {
    /// When.
    pub at: Instant,
    /// The channel.
    pub channel: ChannelId,
    /// The block's number.
    pub seq: u64,
    /// The serialized block.
    pub block: Bytes,
    /// Who sent it; absent if the application published it.
    pub from: Option<PeerId>,
}

/// What an application says of a block, and how long it takes to; `None` if it never answers.
pub(super) type Validator = fn(&SubmittedBlock) -> Option<(Verdict, Duration)>;

/// Applications of the simulator want whatever is valid.
pub(super) fn accept(_shown: &SubmittedBlock) -> Option<(Verdict, Duration)> {
    Some((Verdict::Accept, Duration::ZERO))
}
