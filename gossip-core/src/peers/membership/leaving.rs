//! Peers that say that they stop: others need not wait until their silence shows it.

use gossip_proto::{Alive, SignedMessage, UnsignedMessage};

use super::tombstones::Tombstone;
use super::{MemberCx, MemberSignal, Membership};
use crate::out::Out;
use crate::{Notification, PeerId};

impl Membership {
    /// The heartbeat that says that we stop, to be signed.
    pub(crate) fn farewell(&mut self, cx: &mut MemberCx<'_>) -> UnsignedMessage {
        self.own.farewell(cx)
    }

    /// Whether a member has said farewell and has not been heard of since.
    pub(crate) fn has_left(&self, peer: &[u8]) -> bool {
        self.tombstones
            .get(peer)
            .is_some_and(|tombstone| tombstone.left)
    }

    /// A peer says that it stops: nothing is kept of it but the time, below which nobody can bring it back.
    pub(super) fn on_leaving(
        &mut self,
        cx: &mut Out<'_>,
        message: &SignedMessage,
        alive: &Alive,
        holders: Vec<PeerId>,
    ) {
        let peer = PeerId::new(&alive.pki_id);
        let known = self.knows(peer.as_bytes());
        self.erase(cx, &peer);
        let tombstone = Tombstone {
            time: alive.time,
            left: true,
        };
        self.leave_tombstone(cx, peer.clone(), tombstone);
        // Also of a stranger: it may be known to others that were not told.
        let message = message.clone();
        cx.raise(MemberSignal::Farewell { message, holders });
        if known {
            tracing::debug!(%peer, "member has left");
            cx.notify(Notification::MemberLeft(peer.clone()));
            cx.raise(MemberSignal::Forgotten(peer));
        }
    }

    /// Remembers the last time heard of a member that is gone.
    pub(super) fn leave_tombstone(&mut self, cx: &mut Out<'_>, peer: PeerId, tombstone: Tombstone) {
        let most = cx.config.membership.max_members.get();
        let shed = self.tombstones.insert(peer, tombstone, most);
        cx.metrics().tombstones_shed += u64::from(shed);
    }
}
