//! Whether those who take part may still do so by the configuration in force.

use std::collections::BTreeSet;

use crate::PeerId;

/// Peers whose state infos are still to be held against the channel's reader policy. Bounded by the
/// state infos held.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    pending: BTreeSet<PeerId>,
    /// Those that could not be looked at; tried again when state infos are next asked for.
    postponed: BTreeSet<PeerId>,
    outstanding: usize,
}

/// Checks of one channel at a time: a new configuration of a large channel must not crowd out what
/// arrives meanwhile.
const MAX_OUTSTANDING: usize = 32;

impl Readers {
    /// The configuration has changed, so all must be looked at.
    pub(super) fn review<'a>(&mut self, peers: impl Iterator<Item = &'a PeerId>) {
        self.postponed.clear();
        self.pending = peers.cloned().collect();
    }

    /// The next peer to look at, if not enough are being looked at.
    pub(crate) fn next(&mut self) -> Option<PeerId> {
        if self.outstanding >= MAX_OUTSTANDING {
            return None;
        }
        let peer = self.pending.pop_first()?;
        self.outstanding += 1;
        Some(peer)
    }

    /// A peer has been looked at.
    pub(crate) fn on_done(&mut self) {
        self.outstanding = self.outstanding.saturating_sub(1);
    }

    /// It could not be.
    pub(crate) fn postpone(&mut self, peer: PeerId) {
        self.postponed.insert(peer);
    }

    /// Takes up what was postponed.
    pub(crate) fn resume(&mut self) {
        self.pending.append(&mut self.postponed);
    }
}
