//! Errors of requests.

use std::collections::BTreeMap;

use gossip_proto::{DecodeError, Kind};
use thiserror::Error;

use crate::{AckFailure, ChannelId, OrgId, PeerId};

/// Why a request was refused. The node's state is unchanged unless a variant says otherwise.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The channel is not joined.
    #[error("channel {0} is not joined: join it first")]
    UnknownChannel(ChannelId),
    /// The limit on channels ([`ChannelConfig::max_channels`](crate::ChannelConfig)) is reached.
    #[error("the limit of {0} channels is reached: leave one first")]
    TooManyChannels(usize),
    /// The configuration is older than the current one.
    #[error("configuration sequence {given} is older than the current one, {current}")]
    OldConfiguration {
        /// The sequence given.
        given: u64,
        /// The current sequence.
        current: u64,
    },
    /// The channel's configuration in force has this sequence and other organisations.
    #[error(
        "the configuration in force has the same sequence, {sequence}, and other organisations: give a changed one a \
         higher sequence"
    )]
    OtherMembers {
        /// The sequence of both.
        sequence: u64,
    },
    /// The configuration names no organisation.
    #[error("the configuration names no organisation: name all members, ours included")]
    NoMembers,
    /// Our own organisation is not a member. If the channel was joined with an older sequence, it is left.
    #[error("our organisation {0} is not a member of the channel")]
    NotAMember(OrgId),
    /// The channel's name is empty.
    #[error("the channel's name is empty: set it")]
    UnnamedChannel,
    /// The channel's name, a block or another field exceeds its limit on the wire.
    #[error("{what} is {actual} bytes long, at most {limit} are allowed")]
    TooLong {
        /// The field.
        what: &'static str,
        /// Its length, in bytes.
        actual: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Too many requests of this kind are waiting. Of a publication: the payload buffer has no place for it, and it is
    /// not the channel's next number; retry when the channel's height has grown. Of joining: the channel was just left
    /// and its last commit is not finished.
    #[error("no room: earlier requests of this kind are not finished, try again later")]
    Busy,
    /// The crypto service has not checked the block: it was overloaded, or gave no verdict within `check_timeout`.
    /// The state is unchanged; publish the block again.
    #[error("the crypto service has not checked the block in time: publish it again")]
    Overloaded,
    /// The block has not reached as many members as requested in time.
    #[error("{holding} of {wanted} members of our organisation are known to have the block")]
    NotCovered {
        /// Members known to have it.
        holding: usize,
        /// Members required to have it.
        wanted: usize,
        /// Alive members not known to have it, in the order of their ids.
        lacking: Vec<PeerId>,
    },
    /// The block does not verify.
    #[error("the block does not verify: {0}")]
    BadBlock(crate::CryptoError),
    /// The channel has a validator already.
    #[error("channel {0} has a validator already")]
    Validating(ChannelId),
    /// The application's validator rejected the block.
    #[error("the application's validator rejected the block")]
    Rejected,
    /// The application's validator ignored the block or did not answer in time. The block may be published again.
    #[error(
        "the application's validator ignored the block: publish it again if that was not intended"
    )]
    Ignored,
    /// The given height is lower than ours.
    #[error("the height {given} is lower than ours, {current}: blocks cannot be removed")]
    LowerHeight {
        /// The height given.
        given: u64,
        /// Our height.
        current: u64,
    },
    /// The ledger has fewer blocks than given. The node continues from the ledger's height.
    #[error("the ledger has {actual} blocks, not {given}: store them before you report them")]
    LedgerBehind {
        /// The height given.
        given: u64,
        /// The ledger's height.
        actual: u64,
    },
    /// The channel has halted after a failure of its ledger.
    #[error("channel {channel} has halted: {reason}")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// The error of the ledger.
        reason: String,
    },
    /// The message's tag is not the one that is legal for its content, or a part of it exceeds the limits that every
    /// receiver checks.
    #[error("the message is not legal: {0}")]
    Illegal(DecodeError),
    /// Messages of this kind are made by the node only, or cannot be sent by this request.
    #[error("applications cannot send messages of kind {0} by this request")]
    NotForApplications(Kind),
    /// The proposal or declaration of leadership names another peer.
    #[error("the message names another peer: a node signs only its own leadership messages")]
    NotOurs,
    /// Our own key could not sign.
    #[error("our own key could not sign")]
    SigningFailed,
    /// Acknowledgements are requested with a timeout of zero.
    #[error("the timeout is zero: set a positive one")]
    NoTimeout,
    /// Fewer peers satisfy the criteria than must acknowledge. Nothing was sent.
    #[error("{wanted} acknowledgements are required, but only {known} peers satisfy the criteria")]
    TooFewPeers {
        /// Acknowledgements required.
        wanted: usize,
        /// Peers that satisfy the criteria.
        known: usize,
    },
    /// Fewer peers than required have acknowledged. The message was sent, and some peers may have it.
    #[error("{acknowledged} of {wanted} acknowledgements received; {}", counts(.failures))]
    NotAcknowledged {
        /// Acknowledgements required.
        wanted: usize,
        /// Acknowledgements received.
        acknowledged: usize,
        /// The other peers, each with the reason.
        failures: Vec<(PeerId, AckFailure)>,
    },
    /// The link is down, or its queue is full. The message was dropped, and counted.
    #[error("the peer is not connected, or its queue is full")]
    NotConnected,
    /// The ledger could not be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] crate::LedgerError),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

impl From<DecodeError> for RequestError {
    /// The receivers of a message would refuse it for this reason.
    fn from(error: DecodeError) -> Self {
        if let DecodeError::FieldTooLong {
            field,
            actual,
            limit,
            ..
        } = error
        {
            return Self::TooLong {
                what: field,
                actual,
                limit,
            };
        }
        Self::Illegal(error)
    }
}

impl RequestError {
    /// Checks that a part of a request is at most `limit` bytes long.
    pub(crate) const fn check_length(
        what: &'static str,
        actual: usize,
        limit: usize,
    ) -> Result<(), Self> {
        if actual > limit {
            return Err(Self::TooLong {
                what,
                actual,
                limit,
            });
        }
        Ok(())
    }
}

/// The distinct reasons with the number of peers each, at most eight.
fn counts(failures: &[(PeerId, AckFailure)]) -> String {
    let mut counts: BTreeMap<&AckFailure, usize> = BTreeMap::new();
    for (_, failure) in failures {
        *counts.entry(failure).or_default() += 1;
    }
    let reasons = counts.iter().take(8);
    let reasons: Vec<String> = reasons
        .map(|(failure, count)| format!("{failure} ({count})"))
        .collect();
    reasons.join(", ")
}
