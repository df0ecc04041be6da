use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;

use crate::peers::link::Sent;
use crate::{ChannelId, DropReason, PeerId};

/// To whom a message is sent, and when it counts as delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendCriteria {
    /// How long acknowledgements are awaited, dials included, and how long the message waits for peers that cannot
    /// be reached, though enough may have acknowledged it earlier. Must be positive unless `max_peers` is 0.
    pub timeout: Duration,
    /// Acknowledgements wanted. With 0 nobody is asked for one, and the request is answered as soon as the
    /// message has been handed over.
    pub min_acks: usize,
    /// The most peers to send to, drawn at random among those eligible. With 0 nothing is done.
    pub max_peers: usize,
    /// Only alive peers that take part in this channel; absent means all alive members.
    pub channel: Option<ChannelId>,
    /// Only these; absent means all. If given, nobody else gets the message either: where another is found in
    /// the place of a peer that it was sent to, as after a renewal of its certificate, that peer counts as not
    /// sent to ([`DropReason::PeerGone`]).
    pub eligible: Option<BTreeSet<PeerId>>,
}

/// What became of a message at each peer that it was for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendOutcome {
    /// Queued on a link.
    pub queued: Vec<PeerId>,
    /// Waits until the peer has been reached, or another of its organisation in its place unless
    /// [`SendCriteria::eligible`] was given. If the application sent it, for as long as
    /// [`LinkConfig::hold_for`](crate::LinkConfig) or [`SendCriteria::timeout`] says, else for one dial.
    pub dialling: Vec<PeerId>,
    /// Dropped, and counted by the reason.
    pub dropped: Vec<(PeerId, DropReason)>,
}

impl SendOutcome {
    /// At least one peer is or will be sent the message.
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

/// Why a peer has not acknowledged.
#[derive(Clone, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AckFailure {
    /// It answered with this text, cut to [`MessagingConfig::max_ack_text`](crate::MessagingConfig) bytes.
    #[error("{0}")]
    Refused(String),
    /// It did not answer in time.
    #[error("timed out")]
    TimedOut,
    /// The message could not be sent to it.
    #[error("not sent: {0}")]
    NotSent(DropReason),
    /// Its identity has expired or been revoked meanwhile, so that no answer of it would count.
    #[error("its identity is not valid any more")]
    Purged,
}
