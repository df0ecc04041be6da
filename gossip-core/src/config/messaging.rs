use std::num::NonZeroUsize;

use super::non_zero;

/// Messages of the application with acknowledgements.
#[derive(Clone, Debug)]
pub struct MessagingConfig {
    /// Limit on the messages that wait for acknowledgements; more requests are answered `Busy`. Default 256.
    pub max_awaiting: NonZeroUsize,
    /// Limit on the stored error text of a negative acknowledgement, in bytes; longer texts are cut. Default 256.
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
