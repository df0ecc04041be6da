//! Why a node does not do what it is asked.

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
    /// The cap on channels is reached.
    #[error("no more than {0} channels can be joined")]
    TooManyChannels(usize),
    /// The configuration is older than the one in force.
    #[error("configuration sequence {given} is older than {current}")]
    OldConfiguration {
        /// The sequence given.
        given: u64,
        /// The sequence in force.
        current: u64,
    },
    /// The configuration names no organisation.
    #[error("the configuration names no organisation: name all members, our own among them")]
    NoMembers,
    /// Our own organisation is not among the members. If the channel was joined, it is left now.
    #[error("our organisation {0} is not a member of the channel")]
    NotAMember(OrgId),
    /// The channel's name is empty.
    #[error("the channel's name is empty: give it one")]
    UnnamedChannel,
    /// The channel's name, a block or another field is too long for the wire.
    #[error("{what} is {actual} bytes long, at most {limit} are allowed")]
    TooLong {
        /// Which field.
        what: &'static str,
        /// Its length.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many requests of this kind have not been answered yet. Of publications: too many wait for room, and
    /// this is not the channel's next number; try again when the channel's ledger has grown. Of joining: the
    /// channel was just left and still stores a block.
    #[error("no room yet, as what was begun before has not ended: try again later")]
    Busy,
    /// The block has not spread as far as was asked in time.
    #[error("{holding} of {wanted} members of our organisation have the block so far")]
    NotCovered {
        /// Members seen to have it.
        holding: usize,
        /// Members that were to have it.
        wanted: usize,
        /// Alive members that were not seen to have it, in order.
        lacking: Vec<PeerId>,
    },
    /// The block does not verify.
    #[error("the block does not verify: {0}")]
    BadBlock(crate::CryptoError),
    /// The channel has a validator.
    #[error("channel {0} has a validator: drop it first")]
    Validating(ChannelId),
    /// The application's validator rejected the block.
    #[error("the application's validator rejected the block")]
    Rejected,
    /// The application's validator ignored the block, or was too slow: it may be published again.
    #[error(
        "the application's validator ignored the block: publish it again if that was not meant"
    )]
    Ignored,
    /// A height was given that is lower than what is stored.
    #[error("the height {given} is lower than ours, {current}: blocks are never taken back")]
    LowerHeight {
        /// The height given.
        given: u64,
        /// Ours.
        current: u64,
    },
    /// The ledger has fewer blocks than was said. We go on from what it has.
    #[error("the ledger has {actual} blocks, not {given}: store them before you say so")]
    LedgerBehind {
        /// The height given.
        given: u64,
        /// The ledger's.
        actual: u64,
    },
    /// The channel stopped after a failure of its ledger.
    #[error("channel {channel} has stopped: {reason}")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// What the ledger said.
        reason: String,
    },
    /// The message's tag is not the one that is legal for its content, or a part of it exceeds the limits that every
    /// receiver checks.
    #[error("the message is not legal: {0}")]
    Illegal(DecodeError),
    /// Messages of this kind are made by the node itself, or are not spread.
    #[error("a message of kind {0} is not for applications to send this way")]
    NotForApplications(Kind),
    /// A proposal or declaration of leadership must be our own.
    #[error("the message names another peer than ourselves: only what we say is signed and spread")]
    NotOurs,
    /// Our own key could not sign.
    #[error("our own key could not sign")]
    SigningFailed,
    /// Acknowledgements are asked for, but no time is given.
    #[error("the time-out is zero: give the peers some time to answer")]
    NoTimeout,
    /// Fewer peers satisfy the criteria than must acknowledge. Nothing was sent.
    #[error("{wanted} acknowledgements are wanted, but only {known} peers satisfy the criteria")]
    TooFewPeers {
        /// How many must acknowledge.
        wanted: usize,
        /// How many there are.
        known: usize,
    },
    /// Fewer peers than asked for have acknowledged; the message was sent, and some may have it.
    #[error("{acknowledged} of {wanted} acknowledgements came; {}", counts(.failures))]
    NotAcknowledged {
        /// How many were asked for.
        wanted: usize,
        /// How many came.
        acknowledged: usize,
        /// Each peer that did not, and why.
        failures: Vec<(PeerId, AckFailure)>,
    },
    /// The link is gone, or has no room. The message was dropped, and counted.
    #[error("the peer is not connected any more, or does not read")]
    NotConnected,
    /// The ledger could not be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] crate::LedgerError),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

impl RequestError {
    /// Checks that a part of a request is no longer than allowed.
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

/// Each reason with how often it was given, the first ones of many.
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
