//! Messages between modules that do not call each other.

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
    /// A message has passed the gate.
    Inbound(Inbound),
    /// Our own message is signed, or the signature failed.
    Signed {
        what: Signing,
        message: Option<SignedMessage>,
    },
    /// Push a message.
    Push(Item),
    /// A channel has accepted a message: deliver it to listeners and push it.
    PassOn(ChannelId, Item),
    /// Send our state info of each channel to a peer.
    Introduce(PeerId),
    /// Check a state info again: the configuration it was checked against has changed.
    CheckAgain(StateInfoItem),
}

/// The purpose of a signature of our own key.
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
    /// A proposal or declaration of leadership that the application requested.
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
