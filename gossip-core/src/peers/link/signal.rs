//! What links tell the other modules.

use gossip_proto::{SignedMessage, UnsignedMessage};
use thiserror::Error;

use super::refusal::Refusal;
use crate::{DialError, Endpoint, LinkId, PeerId, ValidIdentity};

/// A signal, carried out in order.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "a signal is taken out of the queue at once, and a connection asks to sign once"
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
    /// A link is authenticated, in both directions as far as we can know.
    Established(Box<EstablishedLink>),
    /// A dial reached another peer of the organisation expected, and no link to `expected` shows that
    /// it lives on elsewhere: it is no more.
    IdentitySwitch { expected: PeerId, actual: PeerId },
    /// What we dialled is ourselves.
    SelfDial { endpoint: Endpoint },
    /// A dial to a peer failed; what waited for it is dropped, unless it is held. No verdict on its life.
    Unreachable { peer: PeerId, endpoint: Endpoint },
    /// A dial asked for by `dial` failed.
    DialFailed {
        endpoint: Endpoint,
        failure: DialFailure,
    },
    /// A peer's last link is gone, or about to be.
    Disconnected { peer: PeerId },
}

/// A link that has just been authenticated.
#[derive(Debug)]
pub(crate) struct EstablishedLink {
    pub(crate) link: LinkId,
    /// Who, of which organisation, and for how long the identity is valid.
    pub(crate) identity: ValidIdentity,
    /// When the remote was started, in its own time, if it told.
    pub(crate) incarnation: Option<u64>,
    /// What we dialled; absent if the remote did.
    pub(crate) endpoint: Option<Endpoint>,
    /// No other link to this incarnation of the peer was up.
    pub(crate) first: bool,
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
