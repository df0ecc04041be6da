use gossip_core::Instant;
use gossip_core::proto::SignedMessage;

use crate::NodeId;

/// A message that has reached a node that is listened to; the node may not have read it yet.
#[derive(Clone, Debug)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// Who is at the other end of the link.
    pub from: NodeId,
    /// The message.
    pub message: SignedMessage,
}
