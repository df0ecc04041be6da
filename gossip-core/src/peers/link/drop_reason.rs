use std::fmt;

/// Why a message that was to be sent to a peer was not, or not after all.
///
/// [`Metrics::dropped`](crate::Metrics::dropped) counts each under its reason. What a newer message of
/// the same kind makes worthless while it waits is replaced, and counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The link's queue of control messages was full: the oldest went.
    ControlQueueFull,
    /// The link's queue of pushed blocks was full: the newest went.
    PushQueueFull,
    /// The link's queue of answers was full: the newest went.
    BulkQueueFull,
    /// No link to the peer is up, and none of its addresses is known.
    NoAddress,
    /// No link to the peer is up, and messages to too many peers wait for one already.
    TooManyPeers,
    /// Too many messages waited for a link to the peer: the oldest went.
    TooManyWaiting,
    /// The dial that the message waited for failed, and if the application sent it, the time for which it is
    /// held is over.
    DialFailed,
    /// While the message waited, the identity of the peer became invalid, or the peer died and the message was
    /// not held, or another was found in its place and the message was for the peer alone.
    PeerGone,
    /// It waited on a link that we closed: for a peer that is gone and not held, or held or not for one that
    /// breaks the protocol.
    LinkClosed,
    /// The link that the message was an answer to is gone, and the peer has no other.
    NotConnected,
    /// The peer is a legacy peer (Fabric's own gossip), which takes no application messages.
    NotUnderstood,
    /// The peer is this very node.
    Oneself,
    /// The node stops.
    Stopped,
}

impl DropReason {
    /// All reasons, in order.
    pub const ALL: [Self; 13] = [
        Self::ControlQueueFull,
        Self::PushQueueFull,
        Self::BulkQueueFull,
        Self::NoAddress,
        Self::TooManyPeers,
        Self::TooManyWaiting,
        Self::DialFailed,
        Self::PeerGone,
        Self::LinkClosed,
        Self::NotConnected,
        Self::NotUnderstood,
        Self::Oneself,
        Self::Stopped,
    ];

    /// A name for labels of metrics, in snake case.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ControlQueueFull => "control_queue_full",
            Self::PushQueueFull => "push_queue_full",
            Self::BulkQueueFull => "bulk_queue_full",
            Self::NoAddress => "no_address",
            Self::TooManyPeers => "too_many_peers",
            Self::TooManyWaiting => "too_many_waiting",
            Self::DialFailed => "dial_failed",
            Self::PeerGone => "peer_gone",
            Self::LinkClosed => "link_closed",
            Self::NotConnected => "not_connected",
            Self::NotUnderstood => "not_understood",
            Self::Oneself => "oneself",
            Self::Stopped => "stopped",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}
