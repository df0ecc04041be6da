use std::fmt;

use crate::{
    DecodeError,
    message::{Content, GossipMessage, PullKind, Tag},
};

/// The kinds of content, without their bodies: for counters, logs and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A heartbeat.
    Alive,
    /// A request for the receiver's view of the membership.
    MembershipRequest,
    /// A view of the membership.
    MembershipResponse,
    /// A block.
    Data,
    /// The first step of a pull.
    Hello,
    /// The second step of a pull.
    Digest,
    /// The third step of a pull.
    DataRequest,
    /// The last step of a pull.
    DataUpdate,
    /// A keep-alive.
    Empty,
    /// The authentication of a connection.
    Conn,
    /// What a peer publishes of itself in a channel.
    StateInfo,
    /// The state infos that a peer holds for a channel.
    StateSnapshot,
    /// A request for a snapshot.
    StateInfoPull,
    /// A request for consecutive blocks.
    StateRequest,
    /// The blocks asked for.
    StateResponse,
    /// A proposal or declaration of leadership.
    Leadership,
    /// A certificate.
    PeerIdentity,
    /// The receipt of a message.
    Ack,
    /// A request for private data.
    PrivateRequest,
    /// Private data asked for.
    PrivateResponse,
    /// Private data pushed at endorsement time.
    PrivateData,
    /// Signs of life.
    Pulses,
    /// How blocks travel between two neighbours.
    Tree,
}

impl Kind {
    /// Every kind, in the order of their field numbers.
    pub const ALL: [Self; 23] = [
        Self::Alive,
        Self::MembershipRequest,
        Self::MembershipResponse,
        Self::Data,
        Self::Hello,
        Self::Digest,
        Self::DataRequest,
        Self::DataUpdate,
        Self::Empty,
        Self::Conn,
        Self::StateInfo,
        Self::StateSnapshot,
        Self::StateInfoPull,
        Self::StateRequest,
        Self::StateResponse,
        Self::Leadership,
        Self::PeerIdentity,
        Self::Ack,
        Self::PrivateRequest,
        Self::PrivateResponse,
        Self::PrivateData,
        Self::Pulses,
        Self::Tree,
    ];

    /// The name of the kind's field in the schema.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive_msg",
            Self::MembershipRequest => "mem_req",
            Self::MembershipResponse => "mem_res",
            Self::Data => "data_msg",
            Self::Hello => "hello",
            Self::Digest => "data_dig",
            Self::DataRequest => "data_req",
            Self::DataUpdate => "data_update",
            Self::Empty => "empty",
            Self::Conn => "conn",
            Self::StateInfo => "state_info",
            Self::StateSnapshot => "state_snapshot",
            Self::StateInfoPull => "state_info_pull_req",
            Self::StateRequest => "state_request",
            Self::StateResponse => "state_response",
            Self::Leadership => "leadership_msg",
            Self::PeerIdentity => "peer_identity",
            Self::Ack => "ack",
            Self::PrivateRequest => "privateReq",
            Self::PrivateResponse => "privateRes",
            Self::PrivateData => "private_data",
            Self::Pulses => "pulses",
            Self::Tree => "tree",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Content {
    /// Which kind this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Alive(_) => Kind::Alive,
            Self::MembershipRequest(_) => Kind::MembershipRequest,
            Self::MembershipResponse(_) => Kind::MembershipResponse,
            Self::Data(_) => Kind::Data,
            Self::Hello(_) => Kind::Hello,
            Self::Digest(_) => Kind::Digest,
            Self::DataRequest(_) => Kind::DataRequest,
            Self::DataUpdate(_) => Kind::DataUpdate,
            Self::Empty => Kind::Empty,
            Self::Conn(_) => Kind::Conn,
            Self::StateInfo(_) => Kind::StateInfo,
            Self::StateSnapshot(_) => Kind::StateSnapshot,
            Self::StateInfoPull(_) => Kind::StateInfoPull,
            Self::StateRequest(_) => Kind::StateRequest,
            Self::StateResponse(_) => Kind::StateResponse,
            Self::Leadership(_) => Kind::Leadership,
            Self::PeerIdentity(_) => Kind::PeerIdentity,
            Self::Ack(_) => Kind::Ack,
            Self::PrivateRequest(_) => Kind::PrivateRequest,
            Self::PrivateResponse(_) => Kind::PrivateResponse,
            Self::PrivateData(_) => Kind::PrivateData,
            Self::Pulses(_) => Kind::Pulses,
            Self::Tree(_) => Kind::Tree,
        }
    }

    /// What is pulled; `None` if this is no step of a pull.
    #[must_use]
    pub const fn pull_kind(&self) -> Option<PullKind> {
        match self {
            Self::Hello(hello) => Some(hello.kind),
            Self::Digest(ids) | Self::DataRequest(ids) => Some(ids.kind),
            Self::DataUpdate(update) => Some(update.kind),
            Self::Alive(_)
            | Self::MembershipRequest(_)
            | Self::MembershipResponse(_)
            | Self::Data(_)
            | Self::Empty
            | Self::Conn(_)
            | Self::StateInfo(_)
            | Self::StateSnapshot(_)
            | Self::StateInfoPull(_)
            | Self::StateRequest(_)
            | Self::StateResponse(_)
            | Self::Leadership(_)
            | Self::PeerIdentity(_)
            | Self::Ack(_)
            | Self::PrivateRequest(_)
            | Self::PrivateResponse(_)
            | Self::PrivateData(_)
            | Self::Pulses(_)
            | Self::Tree(_) => None,
        }
    }

    /// The one tag that is legal for this content in a message on its own.
    #[must_use]
    pub const fn legal_tag(&self) -> Tag {
        if let Some(kind) = self.pull_kind() {
            return match kind {
                PullKind::Block => Tag::ChanAndOrg,
                PullKind::Identity => Tag::Empty,
            };
        }
        match self.kind() {
            Kind::Data | Kind::Leadership | Kind::Tree => Tag::ChanAndOrg,
            Kind::Alive
            | Kind::MembershipRequest
            | Kind::MembershipResponse
            | Kind::Empty
            | Kind::Conn
            | Kind::Hello
            | Kind::Digest
            | Kind::DataRequest
            | Kind::DataUpdate
            | Kind::Pulses => Tag::Empty,
            Kind::PeerIdentity => Tag::OrgOnly,
            Kind::StateInfo
            | Kind::StateInfoPull
            | Kind::StateSnapshot
            | Kind::StateRequest
            | Kind::StateResponse => Tag::ChanOrOrg,
            Kind::Ack => Tag::Undefined,
            Kind::PrivateRequest | Kind::PrivateResponse | Kind::PrivateData => Tag::ChanOnly,
        }
    }
}

impl Tag {
    /// Only members of the message's channel may receive it.
    #[must_use]
    pub const fn is_channel_restricted(self) -> bool {
        matches!(self, Self::ChanAndOrg | Self::ChanOnly | Self::ChanOrOrg)
    }

    /// Only peers of the sender's organisation may receive it.
    #[must_use]
    pub const fn is_org_restricted(self) -> bool {
        matches!(self, Self::ChanAndOrg | Self::OrgOnly)
    }
}

impl GossipMessage {
    /// Checks the tag of a message that travels on its own. Messages nested in others are exempt:
    /// an identity within a data update carries [`Tag::Empty`].
    ///
    /// # Errors
    /// [`DecodeError::IllegalTag`].
    pub fn check_tag(&self) -> Result<(), DecodeError> {
        if self.tag == self.content.legal_tag() {
            return Ok(());
        }
        Err(DecodeError::IllegalTag {
            kind: self.content.kind(),
            tag: self.tag,
        })
    }
}
