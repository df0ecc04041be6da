//! What membership tells the other modules.

use gossip_proto::{Pulse, SignedMessage, UnsignedMessage};

use crate::{Endpoint, LinkId, PeerId};

/// A signal, carried out in order.
#[derive(Debug)]
pub(crate) enum MemberSignal {
    /// Have our heartbeat signed.
    Sign(Box<UnsignedMessage>),
    /// Push our heartbeat.
    Push(SignedMessage),
    /// Push a sign of life, ours or the one that `from` has told.
    Pulse { pulse: Pulse, from: Option<PeerId> },
    /// Push somebody else's heartbeat to peers other than its holders.
    Forward {
        message: SignedMessage,
        holders: Vec<PeerId>,
    },
    /// Send a request to a peer, dialling it if need be.
    Request {
        peer: PeerId,
        message: SignedMessage,
    },
    /// Pass on that a peer stops, to those that understand it.
    Farewell {
        message: SignedMessage,
        holders: Vec<PeerId>,
    },
    /// Answer on a link.
    Respond {
        link: LinkId,
        message: SignedMessage,
    },
    /// Connect to a seed.
    Dial(Endpoint),
    /// The peer behind a bootstrap endpoint is not of our organisation.
    RefuseBootstrap(PeerId),
    /// A member is alive that was unknown or dead.
    Alive(PeerId),
    /// A member has died.
    Dead(PeerId),
    /// A dead member's record is gone.
    Forgotten(PeerId),
}
