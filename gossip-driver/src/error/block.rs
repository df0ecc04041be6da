use gossip_core::{ChannelId, CryptoError, RequestError};
use thiserror::Error;

use super::{Defect, TooLong, operation_error};

/// Why a block was not published. The node does not hold the block then, unless a variant says otherwise.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The channel was left: join it again.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The block is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The block does not verify: publish a valid one. `X509Service::check_block` of `gossip-msp` names the cause.
    #[error("the block does not verify: {0}")]
    BadBlock(CryptoError),
    /// The application's validator rejected the block.
    #[error("the application's validator rejected the block")]
    Rejected,
    /// The application's validator ignored the block, or gave no verdict in time: publish it again.
    #[error(
        "the application's validator ignored the block, or gave no verdict in time: publish it again"
    )]
    Ignored,
    /// The crypto service has not checked the block in time: publish it again.
    #[error("the crypto service has not checked the block in time: publish it again")]
    Overloaded,
    /// The channel has halted, as its ledger failed: repair the ledger and start the node again.
    #[error("channel {channel} has halted: {reason}; repair the ledger and start the node again")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// The ledger's error.
        reason: String,
    },
    /// The node has stopped. If it had taken the block before, the block may be stored or not: publish again from
    /// the ledger's height on.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(PublishError, "publish", {
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
    RequestError::BadBlock(error) => Self::BadBlock(error),
    RequestError::Rejected => Self::Rejected,
    RequestError::Ignored => Self::Ignored,
    RequestError::Overloaded => Self::Overloaded,
    RequestError::Halted { channel, reason } => Self::Halted { channel, reason },
});

/// Why a block was not published by a call that does not wait.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryPublishError {
    /// No room for the block now: it is too far ahead of the ledger, or too many requests, publications or checks
    /// wait. Try again when the ledger has grown, or call [`publish`](crate::Channel::publish), which waits.
    #[error("no room for the block now: try again later, or call `publish`, which waits")]
    Busy,
    /// The block cannot be published, now or later.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl TryPublishError {
    /// Maps the core's error for a block.
    pub(crate) fn refused(error: RequestError) -> Self {
        if error == RequestError::Busy {
            return Self::Busy;
        }
        Self::Publish(super::OperationError::refused(error))
    }
}
