use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;

use crate::peers::link::Sent;
use crate::{ChannelId, DropReason, PeerId};

/// The receivers of a message, and the condition under which it counts as delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCriteria {
    /// The time to await acknowledgements, dials included, and to hold the message for peers that cannot be reached.
    /// The hold may continue after enough peers have acknowledged. Must be positive unless `max_peers` is 0.
    pub timeout: Duration,
    /// The number of acknowledgements to await. With 0 none is requested, and the request is answered as soon as the
    /// message is handed over.
    pub min_acks: usize,
    /// The most peers to send to, drawn at random among the eligible ones. With 0 no message is sent.
    pub max_peers: usize,
    /// Restricts the receivers to alive participants of this channel; `None` means all alive members.
    pub channel: Option<ChannelId>,
    /// Restricts the receivers to these peers; `None` means all. If given, no other peer gets the message: if another
    /// peer is found in the place of one that it was sent to, as after a renewal of its certificate, the first counts
    /// as not sent to ([`DropReason::PeerGone`]).
    pub eligible: Option<BTreeSet<PeerId>>,
}

/// The result of a message at each of its receivers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOutcome {
    /// Queued on a link.
    pub queued: Vec<PeerId>,
    /// Waits until the peer has been reached, or another one of its organisation in its place, unless
    /// [`SendCriteria::eligible`] was given. A message of the application waits for
    /// [`LinkConfig::hold_for`](crate::LinkConfig) or [`SendCriteria::timeout`], any other for one dial.
    pub dialling: Vec<PeerId>,
    /// Dropped, and counted by reason.
    pub dropped: Vec<(PeerId, DropReason)>,
}

impl SendOutcome {
    /// Returns whether the message is or will be sent to at least one peer.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        !self.queued.is_empty() || !self.dialling.is_empty()
    }

    pub(crate) fn add(&mut self, peer: PeerId, sent: Sent) {
        match sent {
            Sent::Queued => self.queued.push(peer),
            Sent::Dialling => self.dialling.push(peer),
            Sent::Dropped(reason) => self.dropped.push((peer, reason)),
        }
    }
}

/// The reason for which a peer has not acknowledged.
#[derive(Clone, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AckFailure {
    /// The peer answered with this text, cut to [`MessagingConfig::max_ack_text`](crate::MessagingConfig) bytes.
    #[error("{0}")]
    Refused(String),
    /// The peer did not answer in time.
    #[error("timed out")]
    TimedOut,
    /// The message could not be sent to the peer.
    #[error("not sent: {0}")]
    NotSent(DropReason),
    /// The identity of the peer has expired or been revoked since, so its answer would not count.
    #[error("its identity is no longer valid")]
    Purged,
}
