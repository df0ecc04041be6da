//! What a node tells unasked.

use std::time::Duration;

use crate::{ChannelId, Endpoint, PeerId};

/// News for the application. Lossy: a slow listener is told how many it missed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// A peer is alive that was unknown or dead.
    MemberAlive(PeerId),
    /// A peer has not been heard of for the expiration time.
    MemberDead(PeerId),
    /// A dead peer's record is gone.
    MemberForgotten(PeerId),
    /// A peer has said that it stops; its record is gone.
    MemberLeft(PeerId),
    /// A heartbeat was signed with our key by a later start than ours. Another node runs with our identity; or
    /// our clock was set back before this start, so that others took our former self for the later one:
    /// keep a peer book.
    IdentityInUse {
        /// The later start.
        incarnation: u64,
    },
    /// A peer has authenticated a link.
    Connected(PeerId),
    /// A peer's last link is gone.
    Disconnected(PeerId),
    /// Somebody failed to authenticate.
    Refused {
        /// The remote's transport address.
        remote: Endpoint,
        /// Why.
        refusal: crate::Refusal,
    },
    /// A block is in the ledger.
    Committed {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// How it reached us.
        origin: BlockOrigin,
    },
    /// Blocks are missing and are being asked for.
    GapDetected {
        /// The channel.
        channel: ChannelId,
        /// The first number missing.
        next: u64,
    },
    /// A channel's ledger failed; no block of the channel is committed any more.
    ChannelHalted {
        /// The channel.
        channel: ChannelId,
        /// What the ledger said.
        reason: String,
    },
    /// An identity in doubt was looked at and is not valid any more; whatever rested on it has ended.
    IdentityPurged {
        /// Whose.
        peer: PeerId,
        /// Why.
        reason: crate::CryptoError,
    },
    /// Our own identity was looked at and is not valid. The node goes on, but others may refuse it.
    OwnIdentityInvalid {
        /// Why.
        reason: crate::CryptoError,
    },
    /// Our own identity expires soon: the node must be started anew with another.
    IdentityExpires {
        /// How soon.
        left: Duration,
    },
    /// Our own identity has expired. The node goes on, but others refuse it.
    IdentityExpired,
    /// Our own key could not sign; heartbeats go on being tried.
    SigningFailed,
}

/// How a block reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum BlockOrigin {
    /// The application published it.
    Local,
    /// A peer pushed it.
    Push,
    /// A peer sent it on request.
    StateTransfer,
    /// A peer showed that it holds it, and was asked for it.
    Pull,
}
