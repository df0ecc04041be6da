//! Validation of blocks by applications.

use std::time::Duration;

use gossip_core::{Event, Ticket, Verdict};

use super::World;
use super::environment::Environment;
use super::submitted::SubmittedBlock;
use crate::NodeId;

impl World {
    /// Sets the validator of a node's application, which subscribes to blocks with
    /// [`Request::ValidateBlocks`](gossip_core::Request::ValidateBlocks). It returns a verdict and the time it
    /// takes, or `None` if it never answers. The default accepts every block at once.
    pub fn validate_with(
        &mut self,
        node: NodeId,
        validator: fn(&SubmittedBlock) -> Option<(Verdict, Duration)>,
    ) {
        self.environment.host(node.index()).validator = validator;
    }
}

impl Environment {
    pub(super) fn validate(&mut self, node: u32, ticket: Ticket, block: &SubmittedBlock) {
        if let Some((verdict, after)) = (self.host(node).validator)(block) {
            let answer = Event::Validated { ticket, verdict };
            self.plan_event(self.now + after, node, answer);
        }
    }
}
