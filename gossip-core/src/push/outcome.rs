use std::fmt;

use crate::SendOutcome;

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
    /// What became of it at those chosen.
    pub sent: SendOutcome,
}

impl PushOutcome {
    /// There is nobody to push to.
    #[must_use]
    pub const fn has_no_peers(&self) -> bool {
        self.eligible == 0
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
        let (queued, dialling) = (self.sent.queued.len(), self.sent.dialling.len());
        write!(f, "pushed to {queued} of {} peers", self.eligible)?;
        if dialling > 0 {
            write!(f, ", {dialling} are dialled")?;
        }
        for (peer, reason) in &self.sent.dropped {
            write!(f, ", not to {peer} ({reason})")?;
        }
        Ok(())
    }
}
