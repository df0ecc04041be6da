//! What an application asks of a node, and what it is told.

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_proto::Chaincode;
use thiserror::Error;

use crate::{ChannelId, Endpoint, OrgId, PeerId, PushOutcome};

/// A question or order of the application.
#[derive(Clone, Debug)]
pub enum Request {
    /// Join a channel, or apply a newer configuration to a channel joined. Answered by
    /// [`Response::Joined`] once the ledger's height is known.
    JoinChannel {
        /// The channel.
        channel: ChannelId,
        /// Who takes part.
        config: JoinChannel,
    },
    /// Leave a channel. Answered by [`Response::Done`].
    LeaveChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Hand over a block: it is verified, committed in order and pushed to peers of our
    /// organisation. Answered by [`Response::Published`] once it is verified and has a place in
    /// the payload buffer, so that a publisher who waits for the answer never overruns the ledger, and has been
    /// handed to the links.
    Publish {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The serialized block.
        block: Bytes,
    },
    /// Replace our metadata; it travels with the next heartbeat. Answered by [`Response::Done`].
    UpdateMetadata {
        /// Opaque to gossip; bounded by [`Limits`](gossip_proto::Limits).
        metadata: Bytes,
    },
    /// Replace the list of chaincodes we publish. Answered by [`Response::Done`].
    UpdateChaincodes {
        /// The channel.
        channel: ChannelId,
        /// The new list.
        chaincodes: Vec<Chaincode>,
    },
    /// Close all links and fall silent: later events change nothing. Answered by
    /// [`Response::Done`].
    Stop,
}

/// Who takes part in a channel (`JoinChannelMessage`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinChannel {
    /// Orders configurations; an older one is refused.
    pub sequence: u64,
    /// The member organisations, each with the endpoints of its anchor peers. Must hold our own.
    pub members: BTreeMap<OrgId, Vec<Endpoint>>,
}

/// The result of a successful request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Carried out.
    Done,
    /// The channel is joined.
    Joined {
        /// The ledger's height.
        height: u64,
    },
    /// The block is on its way.
    Published {
        /// The block is new, as opposed to one that we already hold or have committed.
        fresh: bool,
        /// Who is sent it.
        push: PushOutcome,
    },
}

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
    /// Too many publications wait for room, and this is not the channel's next number: try again
    /// when the channel's ledger has grown. Or a channel just left still stores a block.
    #[error("no room yet, as what was begun before has not ended: try again later")]
    Busy,
    /// The block does not verify.
    #[error("the block does not verify: {0}")]
    BadBlock(crate::CryptoError),
    /// The channel stopped after a failure of its ledger.
    #[error("channel {channel} has stopped: {reason}")]
    Halted {
        /// The channel.
        channel: ChannelId,
        /// What the ledger said.
        reason: String,
    },
    /// The ledger could not be read.
    #[error("the ledger cannot be read: {0}")]
    Ledger(#[from] crate::LedgerError),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

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
