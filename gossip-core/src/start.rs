//! The parameters of one start of a node.

use std::time::Duration;

use crate::Instant;

/// The parameters of one start of a node, besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The current time. Later events must not be earlier.
    pub now: Instant,
    /// The seed of every random choice.
    pub seed: [u8; 32],
    /// Must grow with each start of the same peer, for example nanoseconds since 1970.
    pub incarnation: u64,
    /// Time until our own identity expires; absent if it does not expire. The application is warned ahead.
    pub identity_expires_in: Option<Duration>,
}
