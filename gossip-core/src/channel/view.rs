//! What applications see of a channel.

use std::sync::Arc;

use super::Channel;
use crate::identity::Identities;
use crate::membership::Membership;
use crate::view::ChannelVersion;
use crate::{ChannelInfo, ChannelPeer};

impl Channel {
    /// What applications see now. A view made `before` is handed out again if nothing has changed, and shares
    /// its peers if they have not.
    pub(crate) fn info_since(
        &self,
        membership: &Membership,
        identities: &Identities,
        before: Option<&Arc<ChannelInfo>>,
    ) -> Arc<ChannelInfo> {
        let version = ChannelVersion {
            joined: self.revisions.0,
            own: self.own_version + self.transfer.version(),
            peers: self.peers_version,
            members: membership.version(),
        };
        if let Some(before) = before.filter(|before| before.version == version) {
            return Arc::clone(before);
        }
        let same_peers = before.filter(|before| before.version.has_peers_of(&version));
        let peers = match same_peers {
            Some(before) => Arc::clone(&before.peers),
            None => self.peers(membership, identities),
        };
        Arc::new(ChannelInfo {
            channel: self.id.clone(),
            height: self.transfer.height(),
            buffered: self.transfer.buffered(),
            state_info: self.own.signed().map(|own| own.envelope().clone()),
            peers,
            halted: self.transfer.halted().map(str::to_owned),
            version,
        })
    }

    fn peers(&self, membership: &Membership, identities: &Identities) -> Arc<[ChannelPeer]> {
        let infos = self.infos.live().iter();
        let here =
            infos.filter(|(peer, held)| !held.value.left && membership.is_alive(peer.as_bytes()));
        let shown = here.filter_map(|(peer, held)| {
            let info = &held.value;
            Some(ChannelPeer {
                peer: peer.clone(),
                org: info.org.clone(),
                height: info.height,
                heard: info.since,
                state_info: info.envelope.clone(),
                identity: identities.get(peer.as_bytes())?.bytes.clone(),
            })
        });
        shown.collect()
    }
}
