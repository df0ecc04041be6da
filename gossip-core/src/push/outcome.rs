use std::fmt;

use crate::link::Sent;
use crate::{DropReason, PeerId};

/// What the push of a publication came to at once: nothing is known yet of whether anybody got it. For
/// that see [`Request::AwaitCoverage`](crate::Request::AwaitCoverage).
///
/// Not every eligible peer is sent the block by its publisher: along the branches of the channel's
/// tree it goes from peer to peer, and whoever has not got it hears of it and asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushOutcome {
    /// Push is off by [`PushConfig`](crate::PushConfig): whoever wants the block must ask for it.
    pub off: bool,
    /// Alive members of our organisation that take part in the channel, without ourselves. 0 means that
    /// there is nobody to push to.
    pub eligible: usize,
    /// Whose link has taken it: sent, or queued behind other blocks.
    pub queued: Vec<PeerId>,
    /// Who gets it when a link is up that is being dialled, or will be after a pause.
    pub dialling: Vec<PeerId>,
    /// Who was chosen but is not sent it.
    pub dropped: Vec<(PeerId, DropReason)>,
}

impl PushOutcome {
    /// There is nobody to push to.
    #[must_use]
    pub const fn has_no_peers(&self) -> bool {
        self.eligible == 0
    }

    /// At least one peer is or will be sent the block.
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

impl fmt::Display for PushOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_no_peers() {
            return f.write_str("no peers");
        }
        if self.off {
            return write!(f, "push is off, {} peers", self.eligible);
        }
        let (queued, dialling) = (self.queued.len(), self.dialling.len());
        write!(f, "pushed to {queued} of {} peers", self.eligible)?;
        if dialling > 0 {
            write!(f, ", {dialling} are dialled")?;
        }
        for (peer, reason) in &self.dropped {
            write!(f, ", not to {peer} ({reason})")?;
        }
        Ok(())
    }
}
