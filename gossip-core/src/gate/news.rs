//! What the gate lets through.

use bytes::Bytes;
use gossip_proto::{Payload, PeerTime, Pulse, SignedMessage, StateRequest, Tree};

use super::access::Access;
use crate::held::Held;
use crate::membership::Requester;
use crate::relay::Mac;
use crate::{ChannelId, CryptoError, LinkId, OrgId, PeerId, RequestId, ValidIdentity};

/// A value whose origin has been verified. Only the gate can make one, so a module that takes it
/// cannot be handed unverified data.
#[derive(Debug)]
pub(crate) struct Admitted<T>(T);

impl<T> Admitted<T> {
    pub(super) fn new(value: T) -> Self {
        Self(value)
    }

    pub(crate) fn get(&self) -> &T {
        &self.0
    }

    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// Somebody on an authenticated link.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) link: LinkId,
    pub(crate) peer: PeerId,
    pub(crate) org: Option<OrgId>,
}

/// A heartbeat.
#[derive(Debug)]
pub(crate) struct AliveNews {
    pub(crate) message: SignedMessage,
    pub(crate) source: AliveSource,
    /// Others who sent it to us.
    pub(crate) holders: Vec<PeerId>,
    /// A later sign of life that follows from it.
    pub(crate) pulse: Option<Pulse>,
}

/// A sign of life.
#[derive(Debug)]
pub(crate) struct PulseNews {
    pub(crate) pulse: Pulse,
    /// The incarnation that it was found to be of.
    pub(crate) incarnation: u64,
    pub(crate) from: PeerId,
    /// It was pushed, so it is passed on.
    pub(crate) pushed: bool,
}

/// How a heartbeat came.
#[derive(Clone, Debug)]
pub(crate) enum AliveSource {
    Pushed {
        from: PeerId,
    },
    Request {
        from: PeerId,
    },
    Response {
        from: PeerId,
    },
    /// Listed as dead in a response.
    Hearsay {
        from: PeerId,
    },
}

impl AliveSource {
    /// Of several copies the one counts that has the most consequences: what is pushed is passed
    /// on, and a sign of life outweighs hearsay of a death.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Hearsay { .. } => 0,
            Self::Response { .. } => 1,
            Self::Request { .. } => 2,
            Self::Pushed { .. } => 3,
        }
    }

    pub(crate) fn from(&self) -> &PeerId {
        match self {
            Self::Pushed { from }
            | Self::Request { from }
            | Self::Response { from }
            | Self::Hearsay { from } => from,
        }
    }
}

/// A state info.
#[derive(Clone, Debug)]
pub(crate) struct StateInfoNews {
    pub(crate) channel: ChannelId,
    pub(crate) message: SignedMessage,
    /// Who told it first.
    pub(crate) from: PeerId,
    /// Who pushed it; nobody for an element of a snapshot, which is not forwarded.
    pub(crate) pushed_by: Vec<PeerId>,
    /// The configuration of the channel whose policy its publisher was held against.
    pub(crate) revision: u64,
}

/// Which state info held was looked at again, and by which configuration.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) channel: ChannelId,
    pub(crate) revision: u64,
    pub(crate) peer: PeerId,
    pub(crate) time: PeerTime,
}

/// A state info of a channel that we have not joined.
#[derive(Debug)]
pub(crate) struct RelayNews {
    pub(crate) publisher: PeerId,
    pub(crate) mac: Mac,
    pub(crate) message: SignedMessage,
    /// Who told it.
    pub(crate) holders: Vec<PeerId>,
}

/// A block.
#[derive(Debug)]
pub(crate) struct BlockNews {
    pub(crate) channel: ChannelId,
    pub(crate) seq: u64,
    pub(crate) data: Bytes,
    pub(crate) source: BlockSource,
    /// The message to push on, if one came in; a block of our own is encoded when it is accepted.
    pub(crate) message: Option<SignedMessage>,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

/// A proposal or declaration of leadership.
#[derive(Debug)]
pub(crate) struct LeadershipNews {
    pub(crate) channel: ChannelId,
    pub(crate) message: SignedMessage,
}

/// How a block came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BlockSource {
    Local { id: RequestId },
    Pushed { from: PeerId },
    Transfer { from: PeerId },
    Pulled { from: PeerId },
}

/// Why a block did not get through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockFault {
    /// It does not verify, or with the error `Overloaded` could not be looked at.
    Unverified(CryptoError),
    /// The application has rejected it.
    Rejected,
    /// The application wants it neither stored nor passed on, or has not said in time.
    Ignored,
}

impl BlockFault {
    /// Whoever sent it is not to blame.
    pub(crate) fn is_nobodys(self) -> bool {
        matches!(
            self,
            Self::Unverified(CryptoError::Overloaded) | Self::Ignored
        )
    }
}

/// What comes out of the gate.
#[derive(Debug)]
pub(crate) enum News {
    /// What concerns the membership.
    Member(MemberNews),
    /// What concerns identities.
    Identity(IdentityNews),
    /// What concerns who takes part in channels, and how far they are.
    State(StateNews),
    /// What concerns channels' blocks.
    Chain(ChainNews),
    /// A link's access to a channel was looked at.
    Access(Access),
    /// A step of a pull of identities, or of a channel's blocks.
    Pull {
        sender: Sender,
        channel: Option<ChannelId>,
        message: SignedMessage,
    },
    /// A proposal or declaration of leadership is authentic.
    Leadership(Admitted<LeadershipNews>),
    /// A peer acknowledges a message, or says why not.
    Ack {
        peer: PeerId,
        nonce: u64,
        error: String,
    },
    /// A message of a protocol that applications speak among themselves.
    ForApplications,
    /// A link's authentication was looked at.
    Authenticated {
        link: LinkId,
        result: Result<ValidIdentity, CryptoError>,
    },
    /// What we say is signed, or could not be.
    Signed {
        what: Signing,
        message: Option<SignedMessage>,
    },
}

/// News of the membership.
#[derive(Debug)]
pub(crate) enum MemberNews {
    /// A heartbeat is authentic.
    Alive(Admitted<AliveNews>),
    /// A sign of life is authentic.
    Pulse(Admitted<PulseNews>),
    /// A peer asks for our view.
    Request(Requester),
    /// A response that was asked for has come; its elements follow one by one.
    Response { peer: PeerId },
    /// Something could not be checked for want of an identity.
    UnknownIdentity { from: PeerId },
    /// Somebody told of a member that we hold dead.
    SignOfLife { peer: PeerId },
}

/// News of identities.
#[derive(Debug)]
pub(crate) enum IdentityNews {
    /// An identity was found valid.
    Valid { valid: ValidIdentity, bytes: Bytes },
    /// An identity known was validated again.
    Validated {
        peer: PeerId,
        result: Result<ValidIdentity, CryptoError>,
    },
    /// An identity that was asked for is valid, and its peer has signed this message that tells it.
    Announced {
        valid: ValidIdentity,
        message: SignedMessage,
    },
    /// An identity that was asked for is not.
    Bad { from: PeerId, subject: PeerId },
}

/// News of who takes part in channels, and of how far they are.
#[derive(Debug)]
pub(crate) enum StateNews {
    /// A state info is authentic and its publisher may read the channel.
    StateInfo(Admitted<StateInfoNews>),
    /// A state info held was looked at again.
    Reviewed {
        verdict: Verdict,
        result: Result<(), CryptoError>,
    },
    /// A state info is genuine, but the channel's policy does not admit its publisher.
    NotAdmitted {
        channel: ChannelId,
        revision: u64,
        peer: PeerId,
    },
    /// A state info of a channel not joined is authentic.
    Relay(Admitted<RelayNews>),
    /// A peer that may read the channel asks for its state infos.
    Pull {
        sender: Sender,
        channel: ChannelId,
        /// What it holds already, if it understands that only the rest is told.
        held: Option<Held>,
    },
    /// State infos that a peer was asked for have come; they follow one by one.
    Snapshot { channel: ChannelId, peer: PeerId },
}

/// News of channels' blocks.
#[derive(Debug)]
pub(crate) enum ChainNews {
    /// A block is valid.
    Block(Admitted<BlockNews>),
    /// A block is not, or was not looked at.
    Bad {
        channel: ChannelId,
        seq: u64,
        source: BlockSource,
        fault: BlockFault,
    },
    /// A pushed block is being checked; a verdict follows.
    Checking {
        channel: ChannelId,
        seq: u64,
        bytes: u64,
    },
    /// A peer shows that it holds a block.
    Holder {
        channel: ChannelId,
        seq: u64,
        peer: PeerId,
    },
    /// A peer has pushed a block that we have.
    Superfluous {
        channel: ChannelId,
        seq: u64,
        peer: PeerId,
    },
    /// A neighbour tells its height, and what it wants.
    Tree {
        sender: Sender,
        channel: ChannelId,
        tree: Tree,
    },
    /// A publication coincided with the check of another copy: it has to be looked at again.
    Publish {
        id: RequestId,
        channel: ChannelId,
        seq: u64,
        data: Bytes,
    },
    /// A peer that may read the channel asks for blocks.
    Request {
        sender: Sender,
        channel: ChannelId,
        nonce: u64,
        request: StateRequest,
    },
    /// A peer sends blocks, not yet verified.
    Response {
        sender: Sender,
        channel: ChannelId,
        nonce: u64,
        payloads: Vec<Payload>,
    },
}

/// What of ours is being signed.
#[derive(Debug)]
pub(crate) enum Signing {
    /// The `ConnEstablish` for a link.
    Conn(LinkId),
    /// Our heartbeat.
    Alive,
    /// Our state info for a channel.
    StateInfo(ChannelId),
    /// The announcement of our identity.
    Identity,
    /// A proposal or declaration of leadership that the application asked for.
    Leadership(RequestId, ChannelId),
}

impl News {
    /// What it keeps in memory besides itself while it waits for an answer of the crypto service.
    pub(super) fn bytes(&self) -> u64 {
        if let Self::State(StateNews::Pull { held, .. }) = self {
            return held.as_ref().map_or(0, Held::bytes);
        }
        0
    }
}
