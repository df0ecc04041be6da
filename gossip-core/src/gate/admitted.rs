//! What the gate checks, and what it lets through.
//!
//! A kind of signed item is a type here, with what tells its copies apart, and a line in the list `kinds!`. Who may
//! say it, and whether it is known already, is decided in the gate.

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

    /// As if the gate had let it through.
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

/// What copies of one item, true or forged, are recognised by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Alive(PeerId, PeerTime),
    StateInfo(ChannelId, PeerId, PeerTime),
    Relay(PeerId, Mac, PeerTime),
    Block(ChannelId, u64),
    /// One check for each bearer, so that a forged copy cannot shadow the true one.
    Leadership(LinkId, ChannelId, PeerId, PeerTime),
    /// A link's access to a channel: no item, but checked once as well.
    Access(LinkId, ChannelId),
}

/// Makes the list of kinds, and of it the sum of their copies.
macro_rules! kinds {
    ($($kind:ident($item:ty),)*) => {
        /// Copies of one item that share a check.
        #[derive(Debug)]
        pub(crate) enum Checked {
            $($kind(Copies<$item>),)*
        }

        impl Checked {
            /// Does anything besides the link that the check runs for want the verdict?
            pub(crate) fn is_shared(&self) -> bool {
                match self {
                    $(Self::$kind(copies) => <$item>::PROMISES_VERDICT || copies.is_shared(),)*
                }
            }
        }

        $(impl Kind for $item {
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

/// A kind of signed item that is in the list.
pub(crate) trait Kind: SignedItem {
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
    /// A later pulse that follows from it.
    pub(crate) pulse: Option<Pulse>,
}

/// How a heartbeat came. Of several copies the last in this order counts, which has the most consequences: what is
/// pushed is passed on, and a heartbeat outweighs hearsay of a death.
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
    /// Who told it first.
    pub(crate) from: PeerId,
    /// Who pushed it; empty for an element of a snapshot, which is not forwarded.
    pub(crate) pushed_by: Vec<PeerId>,
    /// The configuration of the channel whose policy its publisher was held against.
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
    /// Who told it.
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
    /// The message to push on, if one came in; a block of our own is encoded when it is accepted.
    pub(crate) message: Option<SignedMessage>,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

impl BlockItem {
    /// A block of which no message came, and that nobody else is known to hold.
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

/// How a block came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockSource {
    Local { id: RequestId },
    Pushed { from: PeerId },
    Transfer { from: PeerId },
    Pulled { from: PeerId },
}

impl BlockSource {
    /// The same without the peer.
    pub(crate) fn origin(&self) -> BlockOrigin {
        match self {
            Self::Local { .. } => BlockOrigin::Local,
            Self::Pushed { .. } => BlockOrigin::Push,
            Self::Transfer { .. } => BlockOrigin::StateTransfer,
            Self::Pulled { .. } => BlockOrigin::Pull,
        }
    }

    /// The peer that sent it; absent if the application published it.
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
    /// The incarnation whose chain it is a link of.
    pub(crate) incarnation: u64,
    pub(crate) from: PeerId,
    /// It was pushed, so it is passed on.
    pub(crate) pushed: bool,
}

/// What comes out of the gate.
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
    /// A peer acknowledges a message, or says why not.
    Ack {
        peer: PeerId,
        nonce: u64,
        error: String,
    },
    /// A message of a protocol that applications speak among themselves.
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
    /// A peer asks for our cx.
    Request(ViewRequest),
    /// A response that was asked for has come; its elements follow one by one.
    Response {
        peer: PeerId,
    },
    /// Something could not be checked for want of an identity.
    UnknownIdentity {
        from: PeerId,
    },
    /// A peer told of a member that we hold dead.
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
    /// It declares an external endpoint.
    pub(crate) external: bool,
    /// It asks for the identities of the members listed.
    pub(crate) wants_identities: bool,
    /// What it has already, as the request tells.
    pub(crate) held: Bytes,
    /// It understands pulses.
    pub(crate) takes_pulses: bool,
}

/// An input of the identities.
#[derive(Debug)]
pub(crate) enum IdentityInput {
    /// An identity was found valid.
    Valid { valid: ValidIdentity, bytes: Bytes },
    /// An identity held was validated again.
    Validated {
        peer: PeerId,
        result: Result<ValidIdentity, CryptoError>,
    },
    /// An identity that was asked for is valid, and its peer has signed this announcement of it.
    Announced {
        valid: ValidIdentity,
        message: SignedMessage,
    },
    /// An identity that was asked for is not.
    Bad { from: PeerId, subject: PeerId },
}

/// An input of a channel.
#[derive(Debug)]
pub(crate) enum ChannelInput {
    /// The publisher of this state info may read the channel.
    StateInfo(Admitted<StateInfoItem>),
    /// A state info held was checked again.
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
        /// What it has already, if it understands that only the rest is told.
        held: Option<HaveSet>,
    },
    /// State infos that a peer was asked for have come; they follow one by one.
    Snapshot {
        peer: PeerId,
    },
    /// A block is valid.
    Block {
        block: Admitted<BlockItem>,
        /// Publications of the same number that waited for the verdict.
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
    /// A peer shows that it holds a block.
    Holder {
        seq: u64,
        peer: PeerId,
    },
    /// A peer has pushed a block that we have.
    Redundant {
        seq: u64,
        peer: PeerId,
    },
    /// A neighbour tells its height, and what it wants.
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
    /// A peer sends blocks, not yet verified.
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

/// A block that the application hands over.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) id: RequestId,
    pub(crate) seq: u64,
    pub(crate) data: Bytes,
}

/// Which state info held is checked again, and by which configuration.
#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) revision: u64,
    pub(crate) peer: PeerId,
    pub(crate) time: PeerTime,
}

/// Why a block did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockFault {
    /// It does not verify, or with the error `Overloaded` could not be checked.
    Unverified(CryptoError),
    /// The application has rejected it.
    Rejected,
    /// The application wants it neither stored nor passed on, or has not said in time.
    Ignored,
}

impl BlockFault {
    /// Its sender did nothing wrong.
    pub(crate) fn is_innocent(self) -> bool {
        matches!(
            self,
            Self::Unverified(CryptoError::Overloaded) | Self::Ignored
        )
    }
}

impl Inbound {
    /// What it keeps in memory besides itself while it waits for an answer of the crypto service.
    pub(super) fn bytes(&self) -> u64 {
        if let Self::Channel(_, ChannelInput::StateInfoPull { held, .. }) = self {
            return held.as_ref().map_or(0, HaveSet::bytes);
        }
        0
    }
}

/// Notes who else told something, each once.
fn note_each(senders: &mut Vec<PeerId>, more: Vec<PeerId>) {
    for sender in more {
        if !senders.contains(&sender) {
            senders.push(sender);
        }
    }
}
