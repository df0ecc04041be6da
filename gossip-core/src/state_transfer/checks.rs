//! Checks of blocks, as they begin and end: what is being checked is not asked for.

use super::Effect;
use super::{StateTransfer, Want};
use crate::cx::Cx;
use crate::{Instant, PeerId};

impl StateTransfer {
    /// The check of a block begins that was pushed or published. Its verdict is told by `admit`,
    /// `publish` or `on_unasked_bad_block`.
    pub(crate) fn on_checking(&mut self, cx: &mut Cx<'_>, seq: u64, bytes: u64) {
        if self.buffer.want(seq) == Want::Yes {
            self.requester.on_checking(cx, seq, bytes);
        }
    }

    /// The same of a block that came by pull, which tells nothing of how long pushes take.
    pub(crate) fn on_checking_pulled(&mut self, cx: &mut Cx<'_>, seq: u64, bytes: u64) {
        if self.buffer.want(seq) == Want::Yes {
            self.requester.await_verdict(cx, seq, bytes);
        }
    }

    /// A push has come of a block that is held or stored.
    pub(crate) fn on_late_push(&mut self, now: Instant, seq: u64) {
        self.requester.on_late_push(now, seq);
    }

    /// Do pushes come by a way that is not the best, later than others tell of their blocks? Says so once.
    pub(crate) fn take_late(&mut self) -> bool {
        self.requester.take_late()
    }

    /// A block that was pushed or published does not verify, or could not be checked. The caller has
    /// counted it.
    pub(crate) fn on_unasked_bad_block(&mut self, cx: &mut Cx<'_>, seq: u64) -> Vec<Effect> {
        self.requester.on_unasked_checked(seq);
        self.resume(cx)
    }

    /// A block that the peer sent on request does not verify. The caller has counted it.
    pub(crate) fn on_bad_block(&mut self, cx: &mut Cx<'_>, peer: &PeerId, seq: u64) -> Vec<Effect> {
        self.requester.on_bad_block(cx, peer, seq);
        self.resume(cx)
    }

    /// A block that the peer sent on request could not be looked at: it is asked for again, and that is
    /// nobody's fault.
    pub(crate) fn on_unchecked_block(
        &mut self,
        cx: &mut Cx<'_>,
        peer: &PeerId,
        seq: u64,
    ) -> Vec<Effect> {
        self.requester.on_unchecked_block(peer, seq);
        self.resume(cx)
    }

    /// The application does not want this block now: it is not asked for again for a while.
    pub(crate) fn on_ignored_block(&mut self, cx: &mut Cx<'_>, seq: u64) -> Vec<Effect> {
        if self.buffer.want(seq) == Want::Yes {
            self.requester.on_ignored(cx, seq);
        }
        self.resume(cx)
    }
}
