use crate::id::Mac;
use crate::{ChannelId, PeerId};

/// Identifies the subject of a control frame whose newer version replaces an older one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Supersede {
    /// The heartbeat of a peer.
    Alive(PeerId),
    /// The state info of a peer in a channel.
    StateInfo(PeerId, ChannelId),
    /// The state info of a peer in a channel that this node has not joined.
    Relay(PeerId, Mac),
    /// Our request for the receiver's view of the membership.
    MembershipRequest,
    /// Our response to the receiver's request for our view.
    MembershipResponse,
    /// Our request for the state infos of a channel.
    StateInfoPull(ChannelId),
    /// Our response to the receiver's request for the state infos of a channel.
    StateSnapshot(ChannelId),
}
