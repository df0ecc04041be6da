//! What applications say of blocks that they are shown.

use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, Event, Instant, PeerId, Ticket, Verdict};

use super::World;
use super::machine::Machine;
use crate::NodeId;

/// A block that a node's application is shown before it is stored or passed on.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Shown {
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
pub(super) type Validator = fn(&Shown) -> Option<(Verdict, Duration)>;

impl World {
    /// Lets a node's application judge the blocks that it is shown, which it asks for with
    /// [`Request::ValidateBlocks`](gossip_core::Request::ValidateBlocks): its verdict and how long it takes, or
    /// `None` if it never answers. Without this an application accepts all of them at once.
    pub fn validate_with(
        &mut self,
        node: NodeId,
        validator: fn(&Shown) -> Option<(Verdict, Duration)>,
    ) {
        self.machine.host(node.index()).validator = validator;
    }
}

impl Machine {
    pub(super) fn validate(&mut self, node: u32, ticket: Ticket, shown: &Shown) {
        if let Some((verdict, after)) = (self.host(node).validator)(shown) {
            let answer = Event::Validated { ticket, verdict };
            self.plan_event(self.now + after, node, answer);
        }
    }
}

/// Applications of the simulator want whatever is valid.
pub(super) fn accept(_shown: &Shown) -> Option<(Verdict, Duration)> {
    Some((Verdict::Accept, Duration::ZERO))
}
