use std::fmt;

/// Why a message to a peer was dropped.
///
/// [`Metrics::dropped`](crate::Metrics::dropped) counts each one by its reason. A waiting message that is replaced by a
/// newer one of the same kind counts as sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The link's queue of control messages was full: the oldest was dropped.
    ControlQueueFull,
    /// The link's queue of pushed blocks was full: the newest was dropped.
    PushQueueFull,
    /// The link's queue of bulk responses was full: the newest was dropped.
    BulkQueueFull,
    /// No link to the peer is up, and no address of it is known.
    NoAddress,
    /// No link to the peer is up, and messages to too many other peers wait for one.
    TooManyPeers,
    /// Too many messages waited for a link to the peer: the oldest was dropped.
    TooManyWaiting,
    /// The dial that the message waited for failed; a held message of the application was dropped after its time.
    DialFailed,
    /// While the message waited, the peer's identity became invalid, or the peer died and the message was not held, or
    /// another peer replaced it and the message was for the named peer only.
    PeerGone,
    /// We closed the link that it was queued on: the peer is gone and the message was not held, or the peer violated
    /// the protocol.
    LinkClosed,
    /// The link that the message answers on is gone, and the peer has no other.
    NotConnected,
    /// The peer is a legacy peer (Fabric's own gossip), which takes no application messages.
    NotUnderstood,
    /// The receiver is this node.
    Oneself,
    /// The node has stopped.
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
