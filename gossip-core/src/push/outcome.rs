use std::fmt;

use crate::SendOutcome;

/// The immediate result of pushing a publication. It does not tell whether any peer has received the block. For that
/// see [`Request::AwaitCoverage`](crate::Request::AwaitCoverage).
///
/// The publisher does not send the block to each eligible peer. The block is forwarded along the channel's tree, and a
/// peer that misses it sees the height and requests it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushOutcome {
    /// Push is off by [`PushConfig`](crate::PushConfig): peers must request the block.
    pub off: bool,
    /// Alive participants of our organisation in the channel, without ourselves. 0 means that there is no peer to push
    /// to.
    pub eligible: usize,
    /// The result at the chosen peers.
    pub sent: SendOutcome,
}

impl PushOutcome {
    /// Returns whether there is no peer to push to.
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
