//! Pulls: between the machines, the stores that they are a view of, and the peers.

use gossip_proto::SignedMessage;

use super::Node;
use crate::ChannelId;
use crate::gate::Sender;

impl Node {
    /// A step of a pull of identities, or of a channel's blocks, has passed the gate.
    pub(super) fn on_pull(
        &mut self,
        _sender: &Sender,
        _channel: Option<&ChannelId>,
        _message: &SignedMessage,
    ) {
        self.io.metrics.pull_refused += 1;
    }
}
