//! What an application asks of a node.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Chaincode, GossipMessage};

use crate::{ChannelId, Endpoint, Interest, LinkId, OrgId, PeerId, SendCriteria};
#[cfg(doc)]
use crate::{RequestError, Response};

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
    /// organisation. Answered by [`Response::Published`] once it is verified, has a place in the payload buffer and
    /// has been handed to the links.
    ///
    /// [`RequestError::Busy`] if the block has no place: the channel is not joined yet, the number is
    /// [`window`](crate::StateTransferConfig::window) or more ahead of the ledger, the window is full of bytes, or
    /// too many blocks are being verified. Nothing has changed then; try again when the height has. The next number
    /// always has a place.
    Publish {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The serialized block.
        block: Bytes,
    },
    /// Wait until a block is in the ledgers of other members of our organisation, as far as they tell: by a
    /// height of theirs that is greater than its number. Those that a link leads to and that understand it
    /// are asked to tell at once; while there is room for links, others are connected for that; Fabric peers
    /// and the rest count when they publish their state.
    ///
    /// Answered by [`Response::Covered`], or at the time-out by [`RequestError::NotCovered`]. That holds too
    /// if no member is there or too few are: somebody may come in time. A block that we do not have
    /// ourselves can be waited for as well. [`RequestError::Busy`] if too many wait already
    /// ([`ChannelConfig::max_coverage_waits`](crate::ChannelConfig)).
    AwaitCoverage {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// Who must have it.
        coverage: Coverage,
        /// How long to wait at the most.
        timeout: Duration,
    },
    /// Show the application each block of a channel that the orderers' check has passed, by
    /// [`Command::Validate`](crate::Command::Validate), before it is stored or passed on; or cease to. What
    /// is being looked at then still waits for its verdict. Off at first, and again when the channel is left.
    /// Answered by [`Response::Done`].
    ValidateBlocks {
        /// The channel.
        channel: ChannelId,
        /// Show them?
        on: bool,
    },
    /// The application has stored blocks itself, so that its ledger has `height` of them now: read its height,
    /// and go on from there. A commit that is under way is waited for. Answered by
    /// [`Response::LedgerHeight`].
    UpdateLedgerHeight {
        /// The channel.
        channel: ChannelId,
        /// The ledger's height now.
        height: u64,
    },
    /// Replace our metadata; it travels with the next heartbeat. Answered by [`Response::Done`].
    UpdateMetadata {
        /// Opaque to gossip; bounded by [`Limits`](gossip_proto::Limits).
        metadata: Bytes,
    },
    /// Replace the endpoint that we tell everybody, or tell none and become invisible outside our
    /// organisation. Takes effect at once: a new heartbeat is signed and pushed, and anchors of other
    /// organisations that were left out while we had no external endpoint are contacted. Answered by
    /// [`Response::Done`].
    UpdateEndpoint {
        /// The new endpoint; bounded by [`Limits`](gossip_proto::Limits).
        external: Option<Endpoint>,
    },
    /// Replace the list of chaincodes we publish. Answered by [`Response::Done`].
    UpdateChaincodes {
        /// The channel.
        channel: ChannelId,
        /// The new list.
        chaincodes: Vec<Chaincode>,
    },
    /// Send a message to peers, each on its link or after a dial. Nobody acknowledges it. Answered at once by
    /// [`Response::Sent`].
    Send {
        /// The message, with its legal tag; it is sent unsigned, as the link proves whose it is.
        message: Box<GossipMessage>,
        /// To whom; each once, and not to ourselves.
        peers: Vec<PeerId>,
    },
    /// Send a message to peers drawn by criteria, and wait for their acknowledgements. Answered by
    /// [`Response::Acknowledged`], or [`RequestError::NotAcknowledged`].
    SendByCriteria {
        /// The message, with its legal tag. Its nonce is replaced: acknowledgements bear it.
        message: Box<GossipMessage>,
        /// To whom, and how many must acknowledge by when.
        criteria: Box<SendCriteria>,
    },
    /// Answer a message on the link that it came on, or acknowledge it by [`Content::Ack`] with its nonce and
    /// the tag `Undefined`. Never dials. Answered by [`Response::Done`].
    ///
    /// [`Content::Ack`]: gossip_proto::Content::Ack
    Respond {
        /// See [`Received::link`](crate::Received).
        link: LinkId,
        /// The answer.
        message: Box<GossipMessage>,
    },
    /// Spread a message in the channel that it names: a block, as [`Request::Publish`] does and answered like
    /// it, or a proposal or declaration of leadership of ours, which is signed and sent to every participant of
    /// our organisation. Answered by [`Response::Published`].
    Gossip {
        /// The message, with its legal tag.
        message: Box<GossipMessage>,
    },
    /// Choose what is handed to the application by [`Command::Deliver`](crate::Command::Deliver); at first
    /// nothing. Answered by [`Response::Done`].
    Listen(Interest),
    /// Tell everything that the node holds, for operators. Costs a walk over all of it. Answered by
    /// [`Response::Snapshot`].
    Snapshot,
    /// Look again at the identities of these peers, or of all that are known. Whatever rests on one that is
    /// not valid any more ends: its peer is forgotten and its links are closed. One that nobody could look
    /// at is kept, and so is our own. Answered by [`Response::Suspected`] when all have been looked at.
    SuspectPeers {
        /// Whose; unknown ones are passed over. Absent: all.
        peers: Option<Vec<PeerId>>,
    },
    /// All identities known, ours included. Answered by [`Response::Identities`].
    Identities,
    /// Is a peer of our organisation? Answered by [`Response::IsInMyOrg`].
    IsInMyOrg {
        /// Which.
        peer: PeerId,
    },
    /// Say farewell, close all links and fall silent: from now on other requests are answered with
    /// [`RequestError::Stopped`] and nothing changes any more. Answered by [`Response::Done`] as soon as
    /// the connected peers that understand a farewell have been sent one, or after a second without a
    /// signature of it.
    Stop,
}

/// How far a block must have spread among the other members of our organisation in its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// One of them has it.
    One,
    /// So many have it.
    Count(NonZeroUsize),
    /// All have it that are alive and take part at the time of the answer, and that is one at least: who dies
    /// or leaves is not waited for any more, who joins is.
    AllOfOrg,
}

/// Who takes part in a channel (`JoinChannelMessage`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinChannel {
    /// Orders configurations; an older one is refused.
    pub sequence: u64,
    /// The member organisations, each with the endpoints of its anchor peers. Must hold our own.
    pub members: BTreeMap<OrgId, Vec<Endpoint>>,
}
