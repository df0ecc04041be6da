//! Peers that say that they stop: others need not wait until their silence shows it.

use gossip_proto::{Alive, SignedMessage, UnsignedMessage};

use super::graves::Grave;
use super::{Membership, MembershipEffect};
use crate::cx::Cx;
use crate::identity::Identities;
use crate::{Notification, PeerId};

impl Membership {
    /// The heartbeat that says that we stop, to be signed.
    pub(crate) fn farewell(&mut self, cx: &mut Cx<'_>, identities: &Identities) -> UnsignedMessage {
        self.own.farewell(cx, identities)
    }

    /// Whether a member has said farewell and has not been heard of since.
    pub(crate) fn has_left(&self, peer: &[u8]) -> bool {
        self.graves.get(peer).is_some_and(|grave| grave.left)
    }

    /// A peer says that it stops: nothing is kept of it but the time, below which nobody can bring it back.
    pub(super) fn on_leaving(
        &mut self,
        cx: &mut Cx<'_>,
        message: &SignedMessage,
        alive: &Alive,
        holders: Vec<PeerId>,
    ) {
        let peer = PeerId::new(&alive.pki_id);
        let known = self.knows(peer.as_bytes());
        self.erase(cx, &peer);
        self.bury(
            cx,
            peer.clone(),
            Grave {
                time: alive.time,
                left: true,
            },
        );
        // Also of a stranger: it may be known to others that were not told.
        let message = message.clone();
        cx.raise(MembershipEffect::Farewell { message, holders });
        if known {
            tracing::debug!(%peer, "member has left");
            cx.notify(Notification::MemberLeft(peer.clone()));
            cx.raise(MembershipEffect::Forgotten(peer));
        }
    }

    /// Remembers the last time heard of a member that is gone.
    pub(super) fn bury(&mut self, cx: &mut Cx<'_>, peer: PeerId, grave: Grave) {
        let most = cx.config.membership.max_members.get();
        let shed = self.graves.bury(peer, grave, most);
        cx.metrics().graves_shed += u64::from(shed);
    }
}
