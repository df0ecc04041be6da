//! What a node needs at its start besides its configuration.

use std::time::Duration;

use crate::Instant;

/// What a node needs at its start besides its configuration.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The present; later events must not lie before it.
    pub now: Instant,
    /// Decides every random choice.
    pub seed: [u8; 32],
    /// Greater at each start of the same peer, for example nanoseconds since 1970.
    pub incarnation: u64,
    /// How long our own identity is still valid, if it expires: the application is warned ahead of it.
    pub identity_expires_in: Option<Duration>,
}
