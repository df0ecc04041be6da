//! The items that the gate checks, and the inputs that it admits.
//!
//! A kind of signed item is a type here, with the key of its copies, and a line in the list `kinds!`. The rules of the
//! gate decide which peers may send it, and whether it is known already.

use std::iter;

use bytes::Bytes;
use gossip_proto::{Payload, PeerTime, Pulse, SignedMessage, StateRequest, Tree};

use crate::crypto::copies::{Copies, SignedItem};
use crate::have_set::HaveSet;
use crate::id::Mac;
use crate::{BlockOrigin, ChannelId, CryptoError, LinkId, OrgId, PeerId, RequestId, ValidIdentity};

/// A value whose origin has been verified. Only the gate can make one, so a module that takes it cannot be handed
/// unverified data.
#[derive(Debug)]
pub(crate) struct Admitted<T>(T);

impl<T> Admitted<T> {
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    /// As if the gate had admitted it.
    #[cfg(test)]
    pub(crate) fn unchecked(value: T) -> Self {
        Self(value)
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }

    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// The remote of an authenticated link.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) link: LinkId,
    pub(crate) peer: PeerId,
    pub(crate) org: Option<OrgId>,
}

/// The key that copies of one item share, genuine or forged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Alive(PeerId, PeerTime),
    StateInfo(ChannelId, PeerId, PeerTime),
    Relay(PeerId, Mac, PeerTime),
    Block(ChannelId, u64),
    /// One check per sender, so that a forged copy cannot shadow the genuine one.
    Leadership(LinkId, ChannelId, PeerId, PeerTime),
    /// A link's access to a channel: not an item, but checked once as well.
    Access(LinkId, ChannelId),
}

/// Defines the list of kinds, and the sum type of their copies.
macro_rules! kinds {
    ($($kind:ident($item:ty),)*) => {
        /// Copies of one item that share a check.
        #[derive(Debug)]
        pub(crate) enum Checked {
            $($kind(Copies<$item>),)*
        }

        impl Checked {
            /// Returns whether the verdict is needed besides by the link that the check runs for.
            pub(crate) fn is_shared(&self) -> bool {
                match self {
                    $(Self::$kind(copies) => <$item>::PROMISES_VERDICT || copies.is_shared(),)*
                }
            }
        }

        $(impl ItemKind for $item {
            fn wrap(copies: Copies<Self>) -> Checked {
                Checked::$kind(copies)
            }

            fn unwrap(checked: &mut Checked) -> Option<&mut Copies<Self>> {
                if let Checked::$kind(copies) = checked {
                    return Some(copies);
                }
                None
            }
        })*
    };
}

/// A kind of signed item in the list.
pub(crate) trait ItemKind: SignedItem {
    fn wrap(copies: Copies<Self>) -> Checked;

    fn unwrap(checked: &mut Checked) -> Option<&mut Copies<Self>>;
}

kinds! {
    Alive(AliveItem),
    StateInfo(StateInfoItem),
    Relay(RelayItem),
    Block(BlockItem),
    Leadership(LeadershipItem),
}

/// A heartbeat.
#[derive(Debug)]
pub(crate) struct AliveItem {
    pub(crate) message: SignedMessage,
    pub(crate) source: AliveSource,
    /// Other peers that sent it to us.
    pub(crate) holders: Vec<PeerId>,
    /// A later pulse of the same chain.
    pub(crate) pulse: Option<Pulse>,
}

/// How a heartbeat arrived. Of several copies the last in this order counts, as it has the most effects: a pushed one
/// is forwarded, and a heartbeat takes precedence over a report of a death.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AliveSource {
    pub(crate) from: PeerId,
    pub(crate) way: AliveWay,
}

/// See [`AliveSource`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AliveWay {
    /// Listed as dead in a response.
    Hearsay,
    Response,
    Request,
    Pushed,
}

impl SignedItem for AliveItem {
    fn text(&self) -> &[u8] {
        self.message.encoded()
    }

    fn senders(&self) -> impl Iterator<Item = &PeerId> {
        iter::once(&self.source.from).chain(&self.holders)
    }

    fn merge(&mut self, same: Self) {
        let mut source = same.source;
        if source.way > self.source.way {
            std::mem::swap(&mut source, &mut self.source);
        }
        self.pulse = self.pulse.take().or(same.pulse);
        for holder in iter::once(source.from).chain(same.holders) {
            if self.source.from != holder && !self.holders.contains(&holder) {
                self.holders.push(holder);
            }
        }
    }
}

/// A state info of a channel that we have joined.
#[derive(Clone, Debug)]
pub(crate) struct StateInfoItem {
    pub(crate) channel: ChannelId,
    pub(crate) message: SignedMessage,
    /// The first sender.
    pub(crate) from: PeerId,
    /// The peers that pushed it; empty for an element of a snapshot, which is not forwarded.
    pub(crate) pushed_by: Vec<PeerId>,
    /// The configuration of the channel under whose policy its publisher was checked.
    pub(crate) revision: u64,
}

impl SignedItem for StateInfoItem {
    fn text(&self) -> &[u8] {
        self.message.encoded()
    }

    fn senders(&self) -> impl Iterator<Item = &PeerId> {
        let others = self.pushed_by.iter().filter(|peer| **peer != self.from);
        iter::once(&self.from).chain(others)
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.pushed_by, same.pushed_by);
    }
}

/// A state info of a channel that we have not joined.
#[derive(Debug)]
pub(crate) struct RelayItem {
    pub(crate) publisher: PeerId,
    pub(crate) mac: Mac,
    pub(crate) message: SignedMessage,
    /// Its senders.
    pub(crate) holders: Vec<PeerId>,
}

impl SignedItem for RelayItem {
    fn text(&self) -> &[u8] {
        self.message.encoded()
    }

    fn senders(&self) -> impl Iterator<Item = &PeerId> {
        self.holders.iter()
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.holders, same.holders);
    }
}

/// A block.
#[derive(Debug)]
pub(crate) struct BlockItem {
    pub(crate) channel: ChannelId,
    pub(crate) seq: u64,
    pub(crate) data: Bytes,
    pub(crate) source: BlockSource,
    /// The message to forward, if one was received. A block of our own is encoded when it is accepted.
    pub(crate) message: Option<SignedMessage>,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

impl BlockItem {
    /// A block without a message and without known holders.
    pub(crate) fn new(channel: &ChannelId, (seq, data): (u64, Bytes), source: BlockSource) -> Self {
        Self {
            channel: channel.clone(),
            seq,
            data,
            source,
            message: None,
            holders: Vec::new(),
        }
    }
}

/// How a block arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockSource {
    Local { id: RequestId },
    Pushed { from: PeerId },
    Transfer { from: PeerId },
    Pulled { from: PeerId },
}

impl BlockSource {
    /// The origin without the peer.
    pub(crate) fn origin(&self) -> BlockOrigin {
        match self {
            Self::Local { .. } => BlockOrigin::Local,
            Self::Pushed { .. } => BlockOrigin::Push,
            Self::Transfer { .. } => BlockOrigin::StateTransfer,
            Self::Pulled { .. } => BlockOrigin::Pull,
        }
    }

    /// The peer that sent it; `None` if the application published it.
    pub(crate) fn peer(&self) -> Option<&PeerId> {
        match self {
            Self::Local { .. } => None,
            Self::Pushed { from } | Self::Transfer { from } | Self::Pulled { from } => Some(from),
        }
    }
}

impl SignedItem for BlockItem {
    const PROMISES_VERDICT: bool = true;

    fn text(&self) -> &[u8] {
        &self.data
    }

    fn senders(&self) -> impl Iterator<Item = &PeerId> {
        self.holders.iter()
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.holders, same.holders);
        self.message = self.message.take().or(same.message);
    }

    fn is_awaited(&self) -> bool {
        !matches!(self.source, BlockSource::Pushed { .. })
    }
}

/// A proposal or declaration of leadership.
#[derive(Debug)]
pub(crate) struct LeadershipItem {
    pub(crate) channel: ChannelId,
    pub(crate) message: SignedMessage,
    pub(crate) from: PeerId,
}

impl SignedItem for LeadershipItem {
    fn text(&self) -> &[u8] {
        self.message.encoded()
    }

    fn senders(&self) -> impl Iterator<Item = &PeerId> {
        iter::once(&self.from)
    }

    fn merge(&mut self, _: Self) {}
}

/// A pulse, checked by hashing.
#[derive(Debug)]
pub(crate) struct PulseItem {
    pub(crate) pulse: Pulse,
    /// The incarnation whose chain it belongs to.
    pub(crate) incarnation: u64,
    pub(crate) from: PeerId,
    /// Whether it was pushed, and so is forwarded.
    pub(crate) pushed: bool,
}

/// An input that the gate admits.
#[derive(Debug)]
pub(crate) enum Inbound {
    Member(MemberInput),
    Identity(IdentityInput),
    Channel(ChannelId, ChannelInput),
    /// A state info of a channel not joined.
    Relay(Admitted<RelayItem>),
    /// A step of a pull of identities.
    Pull {
        sender: Sender,
        message: SignedMessage,
    },
    /// A peer acknowledges a message, or refuses it with a reason.
    Ack {
        peer: PeerId,
        nonce: u64,
        error: String,
    },
    /// An application message.
    Application {
        sender: Sender,
        message: SignedMessage,
    },
    /// A message of Fabric's protocol between applications.
    ForApplications,
    /// A link's authentication was checked.
    Authenticated {
        link: LinkId,
        result: Result<ValidIdentity, CryptoError>,
    },
}

/// An input of the membership.
#[derive(Debug)]
pub(crate) enum MemberInput {
    Alive(Admitted<AliveItem>),
    Pulse(Admitted<PulseItem>),
    /// A peer asks for our view of the membership.
    Request(ViewRequest),
    /// The response to a request has arrived; its elements follow one by one.
    Response {
        peer: PeerId,
    },
    /// A message could not be checked for want of an identity.
    UnknownIdentity {
        from: PeerId,
    },
    /// A peer sent a heartbeat of a member that we consider dead.
    SignOfLife {
        peer: PeerId,
    },
}

/// A peer asks for our view of the membership.
#[derive(Clone, Debug)]
pub(crate) struct ViewRequest {
    pub(crate) peer: PeerId,
    pub(crate) link: LinkId,
    pub(crate) nonce: u64,
    /// The peer declares an external endpoint.
    pub(crate) external: bool,
    /// The peer asks for the identities of the members listed.
    pub(crate) wants_identities: bool,
    /// The have set of the request.
    pub(crate) held: Bytes,
    /// The peer understands pulses.
    pub(crate) takes_pulses: bool,
}

/// An input of the identities.
#[derive(Debug)]
pub(crate) enum IdentityInput {
    /// An identity is valid.
    Valid { valid: ValidIdentity, bytes: Bytes },
    /// A known identity was validated again.
    Validated {
        peer: PeerId,
        result: Result<ValidIdentity, CryptoError>,
    },
    /// A requested identity is valid, and this announcement is signed by its owner.
    Announced {
        valid: ValidIdentity,
        message: SignedMessage,
    },
    /// A requested identity is not valid.
    Bad { from: PeerId, subject: PeerId },
}

/// An input of a channel.
#[derive(Debug)]
pub(crate) enum ChannelInput {
    /// The publisher of this state info may read the channel.
    StateInfo(Admitted<StateInfoItem>),
    /// A stored state info was checked again.
    Reviewed {
        review: Review,
        result: Result<(), CryptoError>,
    },
    /// A state info is genuine, but the channel's policy does not admit its publisher.
    NotAdmitted {
        revision: u64,
        peer: PeerId,
    },
    /// A reader of the channel asks for its state infos.
    StateInfoPull {
        sender: Sender,
        /// The have set of the request; `None` if the requester does not understand partial answers.
        held: Option<HaveSet>,
    },
    /// Requested state infos have arrived; they follow one by one.
    Snapshot {
        peer: PeerId,
    },
    /// A block is valid.
    Block {
        block: Admitted<BlockItem>,
        /// Publications of the same number that awaited the verdict.
        publications: Vec<Publication>,
    },
    /// A block is not valid, or could not be checked.
    BadBlock {
        seq: u64,
        source: BlockSource,
        fault: BlockFault,
    },
    /// A pushed block is being checked; a verdict follows.
    Checking {
        seq: u64,
        bytes: u64,
    },
    /// A peer proves that it holds a block.
    Holder {
        seq: u64,
        peer: PeerId,
    },
    /// A peer has pushed a block that we have.
    Redundant {
        seq: u64,
        peer: PeerId,
    },
    /// A neighbour reports its height, and its requests.
    Tree {
        sender: Sender,
        tree: Tree,
    },
    /// A reader of the channel asks for blocks.
    StateRequest {
        sender: Sender,
        nonce: u64,
        request: StateRequest,
    },
    /// A peer sends blocks, not verified yet.
    StateResponse {
        sender: Sender,
        nonce: u64,
        payloads: Vec<Payload>,
    },
    /// A step of a pull of blocks.
    Pull {
        sender: Sender,
        message: SignedMessage,
    },
    Leadership(Admitted<LeadershipItem>),
}

/// A block that the application publishes.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) id: RequestId,
    pub(crate) seq: u64,
    pub(crate) data: Bytes,
}

/// The state info to check again, and the configuration to check it under.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) revision: u64,
    pub(crate) peer: PeerId,
    pub(crate) time: PeerTime,
}

/// The reason for which a block was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockFault {
    /// It does not verify, or with the error `Overloaded` could not be checked.
    Unverified(CryptoError),
    /// The application has rejected it.
    Rejected,
    /// The application wants it neither stored nor forwarded, or has not answered in time.
    Ignored,
}

impl BlockFault {
    /// Returns whether its sender is not at fault.
    pub(crate) fn is_innocent(self) -> bool {
        matches!(
            self,
            Self::Unverified(CryptoError::Overloaded) | Self::Ignored
        )
    }
}

impl Inbound {
    /// The bytes that it keeps in memory in addition while the check is outstanding.
    pub(super) fn bytes(&self) -> u64 {
        if let Self::Channel(_, ChannelInput::StateInfoPull { held, .. }) = self {
            return held.as_ref().map_or(0, HaveSet::bytes);
        }
        0
    }
}

/// Adds further senders, each once.
fn note_each(senders: &mut Vec<PeerId>, more: Vec<PeerId>) {
    for sender in more {
        if !senders.contains(&sender) {
            senders.push(sender);
        }
    }
}
