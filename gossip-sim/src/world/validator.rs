//! What applications say of blocks that they are shown.

use std::time::Duration;

use gossip_core::{Event, Ticket, Verdict};

use super::World;
use super::environment::Environment;
use super::submitted::SubmittedBlock;
use crate::NodeId;

impl World {
    /// Lets a node's application judge the blocks that it is shown, which it asks for with
    /// [`Request::ValidateBlocks`](gossip_core::Request::ValidateBlocks): its verdict and how long it takes, or
    /// `None` if it never answers. Without this an application accepts all of them at once.
    pub fn validate_with(
        &mut self,
        node: NodeId,
        validator: fn(&SubmittedBlock) -> Option<(Verdict, Duration)>,
    ) {
        self.environment.host(node.index()).validator = validator;
    }
}

impl Environment {
    pub(super) fn validate(&mut self, node: u32, ticket: Ticket, shown: &SubmittedBlock) {
        if let Some((verdict, after)) = (self.host(node).validator)(shown) {
            let answer = Event::Validated { ticket, verdict };
            self.plan_event(self.now + after, node, answer);
        }
    }
}
