//! What one module tells another that it does not call.

use gossip_proto::SignedMessage;

use crate::gate::admitted::{Inbound, StateInfoItem};
use crate::peers::link::LinkSignal;
use crate::peers::membership::MemberSignal;
use crate::push::item::Item;
use crate::{ChannelId, LinkId, PeerId, RequestId};

/// A signal. The node carries signals out in the order in which they were raised.
#[derive(Debug)]
pub(crate) enum Signal {
    Link(LinkSignal),
    Member(MemberSignal),
    /// Something has passed the gate.
    Inbound(Inbound),
    /// What we say is signed, or could not be.
    Signed {
        what: Signing,
        message: Option<SignedMessage>,
    },
    /// Push a message of our own.
    Push(Item),
    /// A channel has accepted a message: hand it to listeners, and push it on.
    PassOn(ChannelId, Item),
    /// Tell a peer what we publish in each channel.
    Introduce(PeerId),
    /// A state info was checked by a configuration that is not in force any more.
    CheckAgain(StateInfoItem),
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

impl From<LinkSignal> for Signal {
    fn from(signal: LinkSignal) -> Self {
        Self::Link(signal)
    }
}

impl From<MemberSignal> for Signal {
    fn from(signal: MemberSignal) -> Self {
        Self::Member(signal)
    }
}

impl From<Inbound> for Signal {
    fn from(inbound: Inbound) -> Self {
        Self::Inbound(inbound)
    }
}
