use gossip_core::proto::Kind;
use gossip_core::{AckFailure, ChannelId, CryptoError, PeerId, RequestError};
use thiserror::Error;

use super::{Defect, TooLong, operation_error};

/// Why a message was not sent to any peer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The node itself makes messages of this kind: send another content.
    #[error("content of the kind {0} is made by the node itself: send another one")]
    NotForApplications(Kind),
    /// The message is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(SendError, "send", {
    RequestError::NotForApplications(kind) => Self::NotForApplications(kind),
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
});

/// Why a message does not count as delivered. It was not sent, unless a variant says otherwise.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendAcknowledgedError {
    /// **The message was sent**, and too few peers have acknowledged it in time. The others may have it too:
    /// send it again if its receivers tolerate duplicates.
    #[error("{}", not_acknowledged(*.wanted, *.acknowledged, .failures))]
    NotAcknowledged {
        /// Acknowledgements wanted.
        wanted: usize,
        /// Acknowledgements received.
        acknowledged: usize,
        /// Each other peer, and why it does not count.
        failures: Vec<(PeerId, AckFailure)>,
    },
    /// Fewer peers satisfy the criteria than must acknowledge: wait for more peers, or require fewer.
    #[error("{wanted} acknowledgements are required, but only {known} peers satisfy the criteria")]
    TooFewPeers {
        /// Acknowledgements wanted.
        wanted: usize,
        /// Peers that satisfy the criteria.
        known: usize,
    },
    /// The timeout is zero: set a positive one.
    #[error("the timeout is zero: set a positive one")]
    NoTimeout,
    /// Too many messages wait for acknowledgements
    /// ([`MessagingConfig::max_awaiting`](gossip_core::MessagingConfig)): send again when one has been answered.
    #[error("too many messages wait for acknowledgements: send again when one has been answered")]
    Busy,
    /// The channel of the criteria is not joined.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node itself makes messages of this kind: send another content.
    #[error("content of the kind {0} is made by the node itself: send another one")]
    NotForApplications(Kind),
    /// The message is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The node has stopped. If the message was sent before, peers may have it.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(SendAcknowledgedError, "send with acknowledgement", {
    RequestError::NotAcknowledged { wanted, acknowledged, failures } => {
        Self::NotAcknowledged { wanted, acknowledged, failures }
    },
    RequestError::TooFewPeers { wanted, known } => Self::TooFewPeers { wanted, known },
    RequestError::NoTimeout => Self::NoTimeout,
    RequestError::Busy => Self::Busy,
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
    RequestError::NotForApplications(kind) => Self::NotForApplications(kind),
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
});

/// The text of the core's error, which counts the failures by reason.
fn not_acknowledged(
    wanted: usize,
    acknowledged: usize,
    failures: &[(PeerId, AckFailure)],
) -> RequestError {
    RequestError::NotAcknowledged {
        wanted,
        acknowledged,
        failures: failures.to_vec(),
    }
}

/// Why a message was not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RespondError {
    /// The peer is no longer connected, or does not read: the answer was dropped.
    #[error("the peer is no longer connected, or does not read: the answer was dropped")]
    NotConnected,
    /// The node itself makes messages of this kind: send another content.
    #[error("content of the kind {0} is made by the node itself: send another one")]
    NotForApplications(Kind),
    /// The message is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(RespondError, "respond", {
    RequestError::NotConnected => Self::NotConnected,
    RequestError::NotForApplications(kind) => Self::NotForApplications(kind),
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
});

/// Why a message was not acknowledged or refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckError {
    /// The peer is no longer connected, or does not read: the acknowledgement was dropped.
    #[error("the peer is no longer connected, or does not read: the acknowledgement was dropped")]
    NotConnected,
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(AckError, "acknowledge", {
    RequestError::NotConnected => Self::NotConnected,
});

/// Why [`GossipService::gossip`](crate::fabric::GossipService::gossip) did not spread a message.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GossipError {
    /// Content of this kind is not spread in a channel: spread a block, or a message about leadership.
    #[error("content of the kind {0} is not spread: spread a block or a message about leadership")]
    NotForApplications(Kind),
    /// The channel is not joined.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// No room now: a block is too far ahead of the ledger, or too many requests wait. Try again later.
    #[error("no room for the message now: try again later")]
    Busy,
    /// The block is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The block does not verify: spread a valid one.
    #[error("the block does not verify: {0}")]
    BadBlock(CryptoError),
    /// The application's validator rejected the block.
    #[error("the application's validator rejected the block")]
    Rejected,
    /// The application's validator ignored the block, or gave no verdict in time: spread it again.
    #[error(
        "the application's validator ignored the block, or gave no verdict in time: spread it again"
    )]
    Ignored,
    /// The channel has halted, as its ledger failed: repair the ledger and start the node again.
    #[error("channel {channel} has halted: {reason}; repair the ledger and start the node again")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// The ledger's error.
        reason: String,
    },
    /// The message about leadership names another peer: name this one.
    #[error("the message about leadership names another peer: name this one")]
    NotOurs,
    /// Our key could not sign: check the crypto service.
    #[error("our key could not sign: check the crypto service")]
    SigningFailed,
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(GossipError, "gossip", {
    RequestError::NotForApplications(kind) => Self::NotForApplications(kind),
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
    RequestError::Busy => Self::Busy,
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
    RequestError::BadBlock(error) => Self::BadBlock(error),
    RequestError::Rejected => Self::Rejected,
    RequestError::Ignored => Self::Ignored,
    RequestError::Halted { channel, reason } => Self::Halted { channel, reason },
    RequestError::NotOurs => Self::NotOurs,
    RequestError::SigningFailed => Self::SigningFailed,
});
