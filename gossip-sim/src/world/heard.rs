use gossip_core::Instant;
use gossip_core::proto::SignedMessage;

use crate::NodeId;

/// A message that has reached an overheard node; the node may not have read it yet.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Time of arrival.
    pub at: Instant,
    /// The node at the other end of the link.
    pub from: NodeId,
    /// The message.
    pub message: SignedMessage,
}
