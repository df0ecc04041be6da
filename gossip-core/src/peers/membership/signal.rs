//! Signals of the membership to the other modules.

use gossip_proto::{Pulse, SignedMessage, UnsignedMessage};

use crate::{Endpoint, LinkId, PeerId};

/// A signal. Signals are executed in order.
#[derive(Debug)]
pub(crate) enum MemberSignal {
    /// Sign our heartbeat.
    Sign(Box<UnsignedMessage>),
    /// Push our heartbeat.
    Push(SignedMessage),
    /// Push a pulse: ours, or the one received from `from`.
    Pulse { pulse: Pulse, from: Option<PeerId> },
    /// Push the heartbeat of another member to peers other than its holders.
    Forward {
        message: SignedMessage,
        holders: Vec<PeerId>,
    },
    /// Send a request to a peer; dial it if no link is up.
    Request {
        peer: PeerId,
        message: SignedMessage,
    },
    /// Pass on a farewell to peers that understand it, other than its holders.
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
    /// The peer at a bootstrap endpoint is not of our organisation.
    RefuseBootstrap(PeerId),
    /// An unknown or dead member is now alive.
    Alive(PeerId),
    /// A member has died.
    Dead(PeerId),
    /// The record of a member was removed.
    Forgotten(PeerId),
}
