//! Validated messages: what [`SignedMessage`](crate::SignedMessage) carries after decoding.
//!
//! A value of these types cannot lack a part that the protocol needs: a missing sub-message, an
//! unknown enumeration value or an oversized field is a [`DecodeError`](crate::DecodeError) of the
//! decoder and never reaches a state machine. Byte fields are slices of the received frame.

use std::num::NonZeroU64;

use bytes::Bytes;

use crate::{RawEnvelope, Tag};

/// A decoded `gossip.GossipMessage`.
#[derive(Clone, PartialEq, Eq)]
pub struct GossipMessage {
    /// Correlates a response with its request; 0 if there is none.
    pub nonce: u64,
    /// The channel's name; empty if the message concerns no channel or proves it by MAC.
    pub channel: Bytes,
    /// The audience that the sender declares; each kind of content has one legal value.
    pub tag: Tag,
    /// What the message says.
    pub content: Content,
}

/// The kinds of content, each with its validated body.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// A heartbeat.
    Alive(Alive),
    /// A request for the receiver's membership view.
    MembershipRequest(MembershipRequest),
    /// A membership view.
    MembershipResponse(MembershipResponse),
    /// A block.
    Data(Payload),
    /// The first step of a pull.
    Hello(Hello),
    /// The second step of a pull: the ids that the responder holds.
    Digest(PullIds),
    /// The third step of a pull: the ids that the initiator wants.
    DataRequest(PullIds),
    /// The last step of a pull: the items.
    DataUpdate(DataUpdate),
    /// No content, used as a keep-alive.
    Empty,
    /// The authentication of a connection.
    Conn(ConnEstablish),
    /// A peer's state in a channel.
    StateInfo(StateInfo),
    /// State infos of a channel that a peer holds.
    StateSnapshot(Vec<RawEnvelope>),
    /// A request for a snapshot, proving knowledge of the channel by MAC.
    StateInfoPull(StateInfoPull),
    /// A request for consecutive blocks.
    StateRequest(StateRequest),
    /// The requested blocks.
    StateResponse(Vec<Payload>),
    /// A proposal or declaration of leadership.
    Leadership(Leadership),
    /// A certificate.
    PeerIdentity(PeerIdentity),
    /// The receipt of a message; the text is empty for success.
    Ack(String),
    /// A request for private data.
    PrivateRequest(Vec<PrivateDigest>),
    /// The requested private data.
    PrivateResponse(Vec<PrivateElement>),
    /// Private data pushed at endorsement time.
    PrivateData(PrivateData),
    /// Extension (field 1000): pulses, compact heartbeats.
    Pulses(Vec<Pulse>),
    /// Extension (field 1001): control of block dissemination between two neighbours.
    Tree(Tree),
    /// Extension (field 1002): a message of the application.
    Application(Application),
}

/// A peer's logical clock, ordered by incarnation, then sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerTime {
    /// Increases with each start of the peer.
    pub incarnation: u64,
    /// Increases with each message of that incarnation.
    pub sequence: u64,
}

/// A heartbeat (`gossip.AliveMessage`).
#[derive(Clone, PartialEq, Eq)]
pub struct Alive {
    /// The PKI-ID of the peer that is alive. Not empty.
    pub pki_id: Bytes,
    /// The external endpoint; empty for a peer that is hidden from other organisations.
    pub endpoint: String,
    /// Opaque to gossip.
    pub metadata: Bytes,
    /// Orders the heartbeats of one peer.
    pub time: PeerTime,
    /// The peer's identity, included for some time after the peer's start.
    pub identity: Option<Bytes>,
    /// Extension (field 1000): the link of a hash chain to which the next [`Pulse`]'s proof leads.
    pub pulse_anchor: Option<[u8; 32]>,
    /// Extension (field 1001): the peer stops; this is the last message of its incarnation. Sent
    /// only to peers that understand the field: others would take it for a sign of life.
    pub leaving: bool,
}

/// A sign of life (extension): the peer is alive, and its last heartbeat is still valid.
///
/// A pulse is unsigned. Its proof is a link of a hash chain whose end the peer has signed in its
/// heartbeat: hashing the proof leads to that end, and only the peer can know the proof before it
/// is sent (Lamport, "Password authentication with insecure communication", 1981).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulse {
    /// The peer that is alive. Not empty.
    pub pki_id: Bytes,
    /// Orders the pulses and heartbeats of one incarnation.
    pub sequence: u64,
    /// A link of the peer's hash chain.
    pub proof: [u8; 32],
}

/// A request for a membership view (`gossip.MembershipRequest`).
#[derive(Clone, PartialEq, Eq)]
pub struct MembershipRequest {
    /// The requester's own heartbeat.
    pub self_information: RawEnvelope,
    /// Extension (field 1000): the response should carry the identities of the members it lists.
    pub want_identities: bool,
    /// Extension (field 1001): eight bytes for each heartbeat that the requester holds. The
    /// response may omit these heartbeats.
    pub held: Bytes,
    /// Extension (field 1002): the requester's latest pulse, if it is later than its heartbeat.
    pub pulse: Option<Pulse>,
}

/// A request for the state infos of a channel (`gossip.StateInfoPullRequest`).
#[derive(Clone, PartialEq, Eq)]
pub struct StateInfoPull {
    /// Proves that the requester knows the channel's name.
    pub channel_mac: Bytes,
    /// Extension (field 1000): eight bytes for each state info that the requester holds. The
    /// response may omit these. Only valid in a message with a nonce.
    pub held: Bytes,
}

/// A membership view (`gossip.MembershipResponse`).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct MembershipResponse {
    /// Latest heartbeats of the members considered alive.
    pub alive: Vec<RawEnvelope>,
    /// Latest heartbeats of the members considered dead.
    pub dead: Vec<RawEnvelope>,
    /// Extension (field 1000): identities of the members listed.
    pub identities: Vec<PeerIdentity>,
    /// Extension (field 1001): the latest pulses of live members, if later than their heartbeats
    /// listed here.
    pub pulses: Vec<Pulse>,
}

/// A block and its number (`gossip.Payload`).
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    /// The block's number.
    pub seq_num: u64,
    /// The serialized `common.Block`.
    pub data: Bytes,
    /// Serialized `gossip.PvtDataPayload`s; only in solicited responses.
    pub private_data: Vec<Bytes>,
}

/// Control of block dissemination between two neighbours in a channel (extension): the messages of
/// Plumtree (Leitão, Pereira, Rodrigues, "Epidemic Broadcast Trees", 2007), with a height instead
/// of a list of ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// The number of blocks in the sender's ledger.
    pub ledger_height: u64,
    /// The change that the sender requests, if any.
    pub branch: Option<Branch>,
    /// The sender requests a message as soon as the receiver's ledger has this height.
    pub tell_at: Option<NonZeroU64>,
    /// The first block number for which the sender has no buffer space; blocks from there on would
    /// be dropped. `None` if the sender does not say.
    pub limit: Option<NonZeroU64>,
    /// One more than the number of a block that the sender holds, in its ledger or not yet, and
    /// sends on request. An offer avoids a push to a peer that may get the block from elsewhere.
    pub offer: Option<NonZeroU64>,
}

/// A message that applications exchange through gossip (extension).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    /// What the message is about; the receiver's application chooses by it. At most
    /// [`Limits::max_name`](crate::Limits::max_name) bytes; may be empty.
    pub topic: String,
    /// Opaque to gossip.
    pub data: Bytes,
}

/// The change that the sender of a [`Tree`] requests of the receiver (extension).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Push blocks as they come.
    Graft,
    /// Send heights only, no blocks.
    Prune,
}

/// The kind of a pull (`gossip.PullMsgType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PullKind {
    /// Blocks of a channel.
    Block,
    /// Identities of peers.
    Identity,
}

/// The first step of a pull (`gossip.GossipHello`).
#[derive(Clone, PartialEq, Eq)]
pub struct Hello {
    /// The initiator's nonce for this responder and round.
    pub nonce: u64,
    /// Opaque to gossip.
    pub metadata: Bytes,
    /// The kind of pull.
    pub kind: PullKind,
}

/// Item ids in a pull (`gossip.DataDigest` and `gossip.DataRequest`).
#[derive(Clone, PartialEq, Eq)]
pub struct PullIds {
    /// The hello's nonce.
    pub nonce: u64,
    /// The ids, in the order in which they were sent.
    pub ids: Vec<Bytes>,
    /// The kind of pull.
    pub kind: PullKind,
}

/// Items in a pull (`gossip.DataUpdate`).
#[derive(Clone, PartialEq, Eq)]
pub struct DataUpdate {
    /// The hello's nonce.
    pub nonce: u64,
    /// The items, not decoded.
    pub data: Vec<RawEnvelope>,
    /// The kind of pull.
    pub kind: PullKind,
}

/// The authentication of a connection (`gossip.ConnEstablish`).
#[derive(Clone, PartialEq, Eq)]
pub struct ConnEstablish {
    /// The sender's PKI-ID. Not empty.
    pub pki_id: Bytes,
    /// The sender's identity. Not empty.
    pub identity: Bytes,
    /// Binds the message to its connection (`tls_cert_hash`).
    pub binding: Bytes,
    /// The sender only asks for the receiver's identity.
    pub probe: bool,
    /// Extension (field 1000): bit set of the sender's capabilities.
    pub capabilities: u64,
    /// Extension (field 1001): the network that the sender belongs to.
    pub network_id: Bytes,
    /// Extension (field 1002): the incarnation of the sender's process; 0 if absent.
    pub incarnation: u64,
}

/// A peer's state in a channel (`gossip.StateInfo`).
#[derive(Clone, PartialEq, Eq)]
pub struct StateInfo {
    /// The publisher. Not empty.
    pub pki_id: Bytes,
    /// Orders the state infos of one peer in one channel.
    pub time: PeerTime,
    /// Proves knowledge of the channel's name: see [`channel_mac`](crate::channel_mac).
    pub channel_mac: Bytes,
    /// Absent if the publisher reveals nothing.
    pub properties: Option<Properties>,
}

/// The content of a state info (`gossip.Properties`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The number of blocks in the publisher's ledger.
    pub ledger_height: u64,
    /// The publisher has left the channel.
    pub left_channel: bool,
    /// The publisher's installed chaincodes.
    pub chaincodes: Vec<Chaincode>,
}

/// An installed chaincode (`gossip.Chaincode`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chaincode {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Opaque to gossip.
    pub metadata: Bytes,
}

/// A request for consecutive blocks, both bounds included (`gossip.RemoteStateRequest`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRequest {
    /// The first block number.
    pub start: u64,
    /// The last block number.
    pub end: u64,
}

/// A proposal or declaration of leadership (`gossip.LeadershipMessage`).
#[derive(Clone, PartialEq, Eq)]
pub struct Leadership {
    /// The candidate. Not empty.
    pub pki_id: Bytes,
    /// Orders the messages of one candidate.
    pub time: PeerTime,
    /// Whether this is a declaration; otherwise a proposal.
    pub is_declaration: bool,
}

/// A certificate in a pull (`gossip.PeerIdentity`).
#[derive(Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// The peer that it identifies. Not empty.
    pub pki_id: Bytes,
    /// The identity. Not empty.
    pub cert: Bytes,
    /// Opaque to gossip.
    pub metadata: Bytes,
}

/// Identifies private data (`gossip.PvtDataDigest`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrivateDigest {
    /// The transaction.
    pub tx_id: String,
    /// The chaincode's namespace.
    pub namespace: String,
    /// The collection.
    pub collection: String,
    /// The block's number.
    pub block_seq: u64,
    /// The transaction's index in the block.
    pub seq_in_block: u64,
}

/// Private data in a response (`gossip.PvtDataElement`).
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateElement {
    /// What the payload belongs to.
    pub digest: PrivateDigest,
    /// The read-write sets.
    pub payload: Vec<Bytes>,
}

/// Private data pushed at endorsement time (`gossip.PrivatePayload`).
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateData {
    /// The collection.
    pub collection: String,
    /// The chaincode's namespace.
    pub namespace: String,
    /// The transaction.
    pub tx_id: String,
    /// The read-write set. Not empty.
    pub rwset: Bytes,
    /// The height at which the transaction was simulated.
    pub sim_height: u64,
    /// The serialized `protos.CollectionConfigPackage`, empty if absent.
    pub collection_configs: Bytes,
}
