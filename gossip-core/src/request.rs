//! Requests of the application.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Chaincode, GossipMessage};

use crate::{ChannelId, Endpoint, Interest, LinkId, OrgId, PeerId, SendCriteria};
#[cfg(doc)]
use crate::{RequestError, Response};

/// A request of the application, delivered by [`Event::Request`](crate::Event::Request).
#[derive(Clone, Debug)]
pub enum Request {
    /// Join a channel, or apply a configuration with the same or a higher sequence to a joined channel. Answered by
    /// [`Response::Joined`] once the ledger's height is known.
    JoinChannel {
        /// The channel.
        channel: ChannelId,
        /// The member organisations.
        config: JoinChannel,
    },
    /// Leave a channel: other peers are informed, then its state is dropped. Answered by [`Response::Done`].
    LeaveChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// Publish a block: it is verified, committed in order and pushed to peers of our organisation. Answered by
    /// [`Response::Published`] once it is verified, has a place in the payload buffer and is queued on links.
    ///
    /// [`RequestError::Busy`] if the block has no place: the channel is still being joined, the number is
    /// [`window`](crate::StateTransferConfig::window) or more ahead of the ledger, the byte limit of the window is
    /// reached, or too many blocks are being verified. The state is unchanged; retry when the height has grown. The
    /// channel's next number always has a place. [`RequestError::Overloaded`] if the crypto service has not checked it.
    Publish {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The serialized block.
        block: Bytes,
    },
    /// Wait until other members of our organisation have a block in their ledgers, that is, until they report a height
    /// greater than its number. Connected peers with the capability are asked to report at once; while there is room
    /// for links, further members are dialled for it. Legacy peers and the rest count when they publish a state info.
    ///
    /// Answered by [`Response::Covered`], or at the timeout by [`RequestError::NotCovered`], also if there are too few
    /// members or none: more may appear before the timeout. The block need not be in our own ledger.
    /// [`RequestError::Busy`] if too many requests wait already
    /// ([`ChannelConfig::max_coverage_waits`](crate::ChannelConfig)).
    AwaitCoverage {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
        /// The members that must have it.
        coverage: Coverage,
        /// The longest time to wait.
        timeout: Duration,
    },
    /// Start or stop showing the application each block of a channel, by
    /// [`Command::Validate`](crate::Command::Validate), after its orderers' signatures are verified and before it is
    /// stored or passed on. Blocks already shown still wait for their verdict. Off by default, and again after the
    /// channel is left. Answered by [`Response::Done`].
    ValidateBlocks {
        /// The channel.
        channel: ChannelId,
        /// Whether to show them.
        on: bool,
    },
    /// The application has stored blocks itself, so that its ledger has at least `height` of them: the node reads the
    /// ledger's height and continues from there. A commit in progress finishes first. Answered by
    /// [`Response::LedgerHeight`].
    UpdateLedgerHeight {
        /// The channel.
        channel: ChannelId,
        /// The ledger's height now.
        height: u64,
    },
    /// Replace our metadata, which the next heartbeat carries. Answered by [`Response::Done`].
    UpdateMetadata {
        /// Opaque to gossip; bounded by [`Limits`](gossip_proto::Limits).
        metadata: Bytes,
    },
    /// Replace the external endpoint, or remove it and become invisible outside our organisation. Takes effect at once:
    /// a new heartbeat is signed and pushed, and anchor peers of other organisations, skipped while we had no external
    /// endpoint, are contacted. Answered by [`Response::Done`].
    UpdateEndpoint {
        /// The new endpoint; bounded by [`Limits`](gossip_proto::Limits).
        external: Option<Endpoint>,
    },
    /// Replace the list of chaincodes that we publish in a channel. Answered by [`Response::Done`].
    UpdateChaincodes {
        /// The channel.
        channel: ChannelId,
        /// The new list.
        chaincodes: Vec<Chaincode>,
    },
    /// Send a message to peers, on their links or after a dial, without acknowledgements. Answered at once by
    /// [`Response::Sent`].
    Send {
        /// The message, with its legal tag. It is sent unsigned: the link authenticates the sender.
        message: Box<GossipMessage>,
        /// The receivers. Duplicates are ignored, and our own id is dropped.
        peers: Vec<PeerId>,
    },
    /// Send a message to random peers that satisfy criteria, and wait for their acknowledgements. Answered by
    /// [`Response::Acknowledged`], or [`RequestError::NotAcknowledged`].
    SendByCriteria {
        /// The message, with its legal tag. Its nonce is replaced by the one that acknowledgements carry.
        message: Box<GossipMessage>,
        /// Receivers, number of acknowledgements and timeout.
        criteria: Box<SendCriteria>,
    },
    /// Answer a received message on its link, or acknowledge it: send [`Content::Ack`] with its nonce and the tag
    /// `Undefined`. Never dials. Answered by [`Response::Done`].
    ///
    /// [`Content::Ack`]: gossip_proto::Content::Ack
    Respond {
        /// See [`Received::link`](crate::Received).
        link: LinkId,
        /// The answer.
        message: Box<GossipMessage>,
    },
    /// Disseminate a message in the channel that it names: a block, handled and answered as [`Request::Publish`], or
    /// our own proposal or declaration of leadership, which is signed, sent to every participant of our organisation
    /// and answered by [`Response::Published`].
    Gossip {
        /// The message, with its legal tag.
        message: Box<GossipMessage>,
    },
    /// Select the messages delivered by [`Command::Deliver`](crate::Command::Deliver); none by default. Answered by
    /// [`Response::Done`].
    Listen(Interest),
    /// Describe the state of the node, for operators. Walks over all of it. Answered by [`Response::Snapshot`].
    Snapshot,
    /// Validate the identities of these peers again, or all known ones. If one is not valid, its peer is forgotten and
    /// its links are closed. Identities are kept if the crypto service is overloaded, and our own in any case. Answered
    /// by [`Response::Suspected`] when all are validated; [`RequestError::Busy`] if too many such requests wait.
    SuspectPeers {
        /// The peers; unknown ones are skipped. Absent means all.
        peers: Option<Vec<PeerId>>,
    },
    /// List all known identities, ours included. Answered by [`Response::Identities`].
    Identities,
    /// Return whether a peer is known to belong to our organisation. Answered by [`Response::IsInMyOrg`].
    IsInMyOrg {
        /// The peer.
        peer: PeerId,
    },
    /// Stop the node: send a farewell, close all links and stay silent. Later requests are answered with
    /// [`RequestError::Stopped`] and change nothing. Answered by [`Response::Done`] as soon as the farewell is queued
    /// for the connected peers with the capability, or after a second without its signature.
    Stop,
}

/// How many other members of our organisation must have a block of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// At least one of them.
    One,
    /// At least this many of them.
    Count(NonZeroUsize),
    /// All that are alive and participate at the time of the answer, and at least one. A member that dies or leaves
    /// while the request waits is not required, one that joins is.
    AllOfOrg,
}

/// The configuration of a channel: its member organisations (`JoinChannelMessage`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinChannel {
    /// Orders configurations; a lower one than the current is refused.
    pub sequence: u64,
    /// The member organisations, ours included, each with the endpoints of its anchor peers.
    pub members: BTreeMap<OrgId, Vec<Endpoint>>,
}
