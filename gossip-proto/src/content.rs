//! Properties of a message's content: its kind and its legal tag.

use crate::{Content, DecodeError, GossipMessage, Kind, PullKind, Tag};

impl Content {
    /// The kind of this content.
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
            Self::Application(_) => Kind::Application,
        }
    }

    /// The kind of pull; `None` if this is no step of a pull.
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
            | Self::Tree(_)
            | Self::Application(_) => None,
        }
    }

    /// The only legal tag of a message with this content that is not nested in another.
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
            | Kind::Pulses
            | Kind::Application => Tag::Empty,
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

impl GossipMessage {
    /// Checks the tag of a message that is not nested in another. Nested messages are exempt: an
    /// identity within a data update carries [`Tag::Empty`].
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
