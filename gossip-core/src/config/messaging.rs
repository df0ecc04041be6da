use std::num::NonZeroUsize;

use super::non_zero;

/// Messages of the application.
#[derive(Clone, Debug)]
pub struct MessagingConfig {
    /// Messages that wait for acknowledgements at the same time; beyond it a request is refused as
    /// `Busy`. Default 256.
    pub max_awaiting: NonZeroUsize,
    /// What is kept of a remote's reason not to acknowledge, in bytes. Default 256.
    pub max_ack_text: usize,
}

impl Default for MessagingConfig {
    fn default() -> Self {
        Self {
            max_awaiting: non_zero(256),
            max_ack_text: 256,
        }
    }
}
