//! What an application asks of a node, and what it is told.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Chaincode, DecodeError, GossipMessage, Kind};
use thiserror::Error;

use crate::{
    AckFailure, ChannelId, Endpoint, Interest, LinkId, OrgId, PeerId, PushOutcome, SendCriteria,
    SendOutcome, Snapshot,
};

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
    /// The ledger's height was read.
    LedgerHeight {
        /// The number of blocks in it, from which we go on.
        height: u64,
    },
    /// The block has spread as far as was asked.
    Covered {
        /// Who has it, in order: members of our organisation, without ourselves.
        holders: Vec<PeerId>,
    },
    /// The message was handed over, as far as it could be.
    Sent(SendOutcome),
    /// What the node holds.
    Snapshot(Box<Snapshot>),
    /// As many peers as were asked for have acknowledged the message.
    Acknowledged {
        /// They, in the order of their answers.
        by: Vec<PeerId>,
    },
    /// All identities in doubt have been looked at.
    Suspected {
        /// The peers whose identities are not valid any more, in the order in which they were found.
        purged: Vec<PeerId>,
    },
    /// The identities known, in the order of their peers.
    Identities(Vec<crate::IdentityInfo>),
    /// Whether a peer's identity is known and of our organisation.
    IsInMyOrg(bool),
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
    /// The message's tag is not the one that is legal for its content.
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
