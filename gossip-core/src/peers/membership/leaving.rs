//! Farewells: a peer that stops is removed at once, not after its expiration.

use gossip_proto::{Alive, SignedMessage, UnsignedMessage};

use super::tombstones::Tombstone;
use super::{MemberCx, MemberSignal, Membership};
use crate::out::Out;
use crate::{Notification, PeerId};

impl Membership {
    /// Composes our farewell, a last heartbeat, to be signed.
    pub(crate) fn farewell(&mut self, cx: &mut MemberCx<'_>) -> UnsignedMessage {
        self.own.farewell(cx)
    }

    /// Returns whether the last message of a member was its farewell.
    pub(crate) fn has_left(&self, peer: &[u8]) -> bool {
        self.tombstones
            .get(peer)
            .is_some_and(|tombstone| tombstone.left)
    }

    /// Handles the farewell of a peer: replaces its record with a tombstone, so that older heartbeats cannot bring it
    /// back.
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
        // Farewells of unknown peers are passed on too: other members may know them.
        let message = message.clone();
        cx.raise(MemberSignal::Farewell { message, holders });
        if known {
            tracing::debug!(%peer, "member has left");
            cx.notify(Notification::MemberLeft(peer.clone()));
            cx.raise(MemberSignal::Forgotten(peer));
        }
    }

    /// Remembers the last time of a removed member.
    pub(super) fn leave_tombstone(&mut self, cx: &mut Out<'_>, peer: PeerId, tombstone: Tombstone) {
        let most = cx.config.membership.max_members.get();
        let shed = self.tombstones.insert(peer, tombstone, most);
        cx.metrics().tombstones_shed += u64::from(shed);
    }
}
