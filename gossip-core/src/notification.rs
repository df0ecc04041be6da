//! Notifications to the application.

use std::time::Duration;

use thiserror::Error;

use crate::{ChannelId, DialError, Endpoint, Instant, PeerId, Refusal};

/// An event that the application may want to react to. Lossy: a slow listener is given the number of missed events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// A peer became alive: it was unknown or dead.
    MemberAlive(PeerId),
    /// A peer became dead: no heartbeat for the expiration time.
    MemberDead(PeerId),
    /// The record of a dead peer was dropped.
    MemberForgotten(PeerId),
    /// A peer announced its stop; its record was dropped.
    MemberLeft(PeerId),
    /// A heartbeat was signed with our key by a later start than ours. Either another node uses our identity, or our
    /// clock was set back before this start, so that other peers consider our previous run the later one: keep a peer
    /// book.
    IdentityInUse {
        /// The incarnation of the later start.
        incarnation: u64,
    },
    /// A bootstrap peer or an anchor has not been reached five times in a row. Repeated after 20 failures, 80, and so
    /// on.
    SeedUnreachable {
        /// The endpoint as configured.
        endpoint: Endpoint,
        /// The last failure.
        failure: SeedFailure,
        /// The time of the first failure.
        since: Instant,
    },
    /// A link to a peer has authenticated.
    Connected(PeerId),
    /// The last link to a peer has ended.
    Disconnected(PeerId),
    /// A remote failed to authenticate.
    Refused {
        /// The remote's transport address.
        remote: Endpoint,
        /// The reason.
        refusal: Refusal,
    },
    /// A block is in the ledger.
    Committed {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The way it reached us.
        origin: BlockOrigin,
    },
    /// The ledger refuses a block that verifies: it does not follow the last one stored. Another copy is requested.
    BlockRefused {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The error of the ledger.
        reason: String,
    },
    /// Blocks are missing and are being requested.
    GapDetected {
        /// The channel.
        channel: ChannelId,
        /// The first missing number.
        next: u64,
    },
    /// A channel's ledger failed. No further block of the channel is committed.
    ChannelHalted {
        /// The channel.
        channel: ChannelId,
        /// The error of the ledger.
        reason: String,
    },
    /// A suspected identity is not valid. Its peer is forgotten.
    IdentityPurged {
        /// The peer.
        peer: PeerId,
        /// The reason.
        reason: crate::CryptoError,
    },
    /// Our own identity is not valid. The node continues, but other peers may refuse it.
    OwnIdentityInvalid {
        /// The reason.
        reason: crate::CryptoError,
    },
    /// Our own identity expires soon. The node must be restarted with a new one.
    IdentityExpires {
        /// Time left.
        left: Duration,
    },
    /// Our own identity has expired. The node continues, but other peers refuse it.
    IdentityExpired,
    /// Our own key could not sign. The node keeps trying to sign heartbeats.
    SigningFailed,
}

/// Why a seed does not lead to a member.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SeedFailure {
    /// The transport cannot connect.
    #[error("{0}")]
    Dial(DialError),
    /// This node refuses the remote.
    #[error("this node refuses the remote: {0}")]
    Refused(Refusal),
    /// The connection ended during authentication.
    #[error(
        "the connection ended during authentication: the remote may refuse this node, see its log"
    )]
    Ended,
    /// The peer at the endpoint is not of the expected organisation.
    #[error("the peer there is of another organisation than expected")]
    WrongOrganisation,
    /// The peer at the endpoint does not answer requests.
    #[error("the peer there does not answer")]
    NoAnswer,
    /// The limit of dials under way is reached ([`LinkConfig::max_dials`](crate::LinkConfig)).
    #[error("too many dials are under way")]
    TooManyDials,
}

/// The way a block reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BlockOrigin {
    /// The application published it.
    Local,
    /// A peer pushed it.
    Push,
    /// A peer sent it by state transfer.
    StateTransfer,
    /// A peer offered it by pull, and was asked for it.
    Pull,
}
