//! Signals of the links to the other modules.

use gossip_proto::{SignedMessage, UnsignedMessage};
use thiserror::Error;

use super::refusal::Refusal;
use crate::{DialError, Endpoint, LinkId, PeerId, SeedFailure, ValidIdentity};

/// A signal. Signals are executed in order.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a signal leaves the queue at once, and a connection requests one signature"
)]
pub(crate) enum LinkSignal {
    /// Sign our authentication of a link; answered by `on_conn_signed` or `on_sign_failed`.
    Sign {
        link: LinkId,
        message: Box<UnsignedMessage>,
    },
    /// Validate the identity in a remote's authentication and verify its signature; answered by
    /// `on_authenticated`.
    Authenticate {
        link: LinkId,
        message: SignedMessage,
    },
    /// A link is authenticated, as far as we know in both directions.
    Established(Box<EstablishedLink>),
    /// A dial reached another peer of the expected organisation, and no link to `expected` shows that it runs
    /// elsewhere: it was replaced.
    IdentitySwitch { expected: PeerId, actual: PeerId },
    /// The dialled endpoint is our own.
    SelfDial { endpoint: Endpoint },
    /// A dial to a peer failed. Frames that waited for it are dropped, unless they are held. The peer may still be
    /// alive.
    Unreachable { peer: PeerId, endpoint: Endpoint },
    /// A dial requested by `dial` failed.
    DialFailed {
        endpoint: Endpoint,
        failure: DialFailure,
    },
    /// A peer's last link has ended, or is about to.
    Disconnected { peer: PeerId },
}

/// A link that has just been authenticated.
#[derive(Debug)]
pub(crate) struct EstablishedLink {
    pub(crate) link: LinkId,
    /// The peer, its organisation and the expiry of its identity.
    pub(crate) identity: ValidIdentity,
    /// The remote's incarnation, if stated.
    pub(crate) incarnation: Option<u64>,
    /// The endpoint that we dialled; absent if the remote dialled.
    pub(crate) endpoint: Option<Endpoint>,
    /// Whether no other link to this incarnation of the peer was up.
    pub(crate) first: bool,
}

impl From<DialFailure> for SeedFailure {
    fn from(failure: DialFailure) -> Self {
        match failure {
            DialFailure::Transport(error) => Self::Dial(error),
            DialFailure::Refused(refusal) => Self::Refused(refusal),
            DialFailure::Ended => Self::Ended,
        }
    }
}

/// Why a dial led to no link.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum DialFailure {
    /// The transport could not connect.
    #[error("{0}")]
    Transport(DialError),
    /// We refused the remote.
    #[error("{0}")]
    Refused(Refusal),
    /// The connection ended while it was being authenticated.
    #[error("the connection ended while it was being authenticated")]
    Ended,
}
