use crate::id::Mac;
use crate::{ChannelId, PeerId};

/// Names what a control frame tells, where a newer frame makes an older one worthless.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Supersede {
    /// The heartbeat of a peer.
    Alive(PeerId),
    /// What a peer publishes of itself in a channel.
    StateInfo(PeerId, ChannelId),
    /// The same in a channel that we have not joined.
    Relay(PeerId, Mac),
    /// Our request for the receiver's view of the membership.
    MembershipRequest,
    /// Our answer to the receiver's request for our view.
    MembershipResponse,
    /// Our request for the state infos of a channel.
    StateInfoPull(ChannelId),
    /// Our answer to the receiver's request for the state infos of a channel.
    StateSnapshot(ChannelId),
}
