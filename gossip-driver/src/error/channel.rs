use gossip_core::{ChannelId, LedgerError, OrgId, PeerId, RequestError};
use thiserror::Error;

use super::{Defect, TooLong, operation_error};
use crate::endpoint::BadEndpoint;

/// Why a channel was not joined, or a newer configuration not applied.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// The channel's name is empty.
    #[error("the channel's name is empty: give it one")]
    Unnamed,
    /// The channel's name is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The configuration names no organisation.
    #[error("the configuration names no organisation: name all members, our own among them")]
    NoMembers,
    /// An anchor cannot be dialled.
    #[error("an anchor: {0}")]
    Anchor(BadEndpoint),
    /// Our organisation is not among the members. If the channel was joined and the configuration is newer, **the
    /// channel has been left**.
    #[error("our organisation {0} is not a member of the channel: add it to the members")]
    NotAMember(OrgId),
    /// The configuration is older than the one in force.
    #[error("the configuration's sequence {given} is lower than {current}, the one in force")]
    OldConfiguration {
        /// The sequence given.
        given: u64,
        /// The sequence in force.
        current: u64,
    },
    /// The configuration in force has the same sequence and other organisations.
    #[error(
        "the configuration in force has the same sequence, {sequence}, and other organisations: give a changed one a \
         higher sequence"
    )]
    OtherMembers {
        /// The sequence of both.
        sequence: u64,
    },
    /// Too many channels are joined ([`ChannelConfig::max_channels`](gossip_core::ChannelConfig)): leave one.
    #[error(
        "{0} channels are joined, which is the limit: leave one, or raise `channel.max_channels`"
    )]
    TooManyChannels(usize),
    /// Another call joins the channel, or the channel was left and still stores a block: try again later.
    #[error("the channel is being joined, or was left and still stores a block: try again later")]
    Busy,
    /// The channel was left before it was joined.
    #[error("channel {0} was left before it was joined")]
    Left(ChannelId),
    /// The ledger's height cannot be read: the channel is not joined.
    #[error("the ledger's height cannot be read: {0}")]
    Ledger(LedgerError),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(JoinError, "join channel", {
    RequestError::UnnamedChannel => Self::Unnamed,
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
    RequestError::NoMembers => Self::NoMembers,
    RequestError::NotAMember(org) => Self::NotAMember(org),
    RequestError::OtherMembers { sequence } => Self::OtherMembers { sequence },
    RequestError::OldConfiguration { given, current } => Self::OldConfiguration { given, current },
    RequestError::TooManyChannels(limit) => Self::TooManyChannels(limit),
    RequestError::Busy => Self::Busy,
    RequestError::UnknownChannel(channel) => Self::Left(channel),
    RequestError::Ledger(error) => Self::Ledger(error),
});

/// Why a channel was not left.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveError {
    /// The channel is not joined, or was left already.
    #[error("channel {0} is not joined")]
    UnknownChannel(ChannelId),
    /// The node has stopped, and with it its part in all channels.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(LeaveError, "leave channel", {
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
});

/// Why the peers of a channel are not available.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelError {
    /// The channel is not joined, or was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
}

/// Why a height was not reached.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeightError {
    /// The channel was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The channel has halted, as its ledger failed: repair the ledger and start the node again.
    #[error("channel {channel} has halted: {reason}; repair the ledger and start the node again")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// The ledger's error.
        reason: String,
    },
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
}

/// Why a wait for coverage failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoverageError {
    /// The timeout has passed. The block may be in more ledgers than are known: wait again, or continue.
    #[error(
        "{holding} of {wanted} other members of our organisation have stored the block so far{}",
        if *holding == 0 && lacking.is_empty() { ": none is alive in the channel" } else { "" }
    )]
    NotCovered {
        /// Members that have stored it, as far as known.
        holding: usize,
        /// Members that must store it.
        wanted: usize,
        /// The other alive members, in order.
        lacking: Vec<PeerId>,
    },
    /// Too many wait already ([`ChannelConfig::max_coverage_waits`](gossip_core::ChannelConfig)): wait for fewer
    /// blocks at a time.
    #[error("too many waits for coverage: wait for fewer blocks at a time")]
    Busy,
    /// The channel was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(CoverageError, "wait for coverage", {
    RequestError::NotCovered { holding, wanted, lacking } => Self::NotCovered { holding, wanted, lacking },
    RequestError::Busy => Self::Busy,
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
});

/// Why a validator was not installed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValidatorError {
    /// The channel has a validator already.
    #[error("channel {0} has a validator: call `finish` on it first")]
    Taken(ChannelId),
    /// The channel was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(ValidatorError, "validate blocks", {
    RequestError::Validating(channel) => Self::Taken(channel),
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
});

/// Why the list of chaincodes was not replaced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChaincodesError {
    /// A text of a chaincode, or the list as a whole, is too long.
    #[error(transparent)]
    TooLong(TooLong),
    /// The channel was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(ChaincodesError, "set chaincodes", {
    RequestError::TooLong { what, actual, limit } => Self::TooLong(TooLong::new(what, actual, limit)),
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
});

/// Why an external commit was not taken over.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResumeError {
    /// The height is lower than the node's: a ledger never shrinks.
    #[error("the height {given} is lower than the node's, {current}: a ledger never shrinks")]
    LowerHeight {
        /// The height given.
        given: u64,
        /// The node's.
        current: u64,
    },
    /// The ledger has fewer blocks than the height given: store them first. **The node continues from the ledger's
    /// height.**
    #[error("the ledger has {actual} blocks, not {given}: store them first")]
    LedgerBehind {
        /// The height given.
        given: u64,
        /// The ledger's.
        actual: u64,
    },
    /// Another such call has not completed: try again when it has.
    #[error("another call has not completed: try again when it has")]
    Busy,
    /// The ledger's height cannot be read.
    #[error("the ledger's height cannot be read: {0}")]
    Ledger(LedgerError),
    /// The channel has halted, as its ledger failed: repair the ledger and start the node again.
    #[error("channel {channel} has halted: {reason}; repair the ledger and start the node again")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// The ledger's error.
        reason: String,
    },
    /// The channel was left.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The node has stopped.
    #[error("the node has stopped: start a new one")]
    Stopped,
    /// A defect of the library.
    #[error(transparent)]
    Defect(Defect),
}

operation_error!(ResumeError, "resume from a height", {
    RequestError::LowerHeight { given, current } => Self::LowerHeight { given, current },
    RequestError::LedgerBehind { given, actual } => Self::LedgerBehind { given, actual },
    RequestError::Busy => Self::Busy,
    RequestError::Ledger(error) => Self::Ledger(error),
    RequestError::Halted { channel, reason } => Self::Halted { channel, reason },
    RequestError::UnknownChannel(channel) => Self::UnknownChannel(channel),
});
