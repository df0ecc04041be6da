//! The public view of a channel.

use std::sync::Arc;

use super::Channel;
use crate::peers::Peers;
use crate::snapshot::{SnapshotChannel, Stores};
use crate::view::ChannelVersion;
use crate::{ChannelInfo, ChannelPeer, Config, PeerId};

impl Channel {
    /// The present view for applications. Returns the view `before` if nothing has changed, and shares its list of
    /// peers if that has not changed.
    pub(crate) fn info_since(
        &self,
        of: &Peers,
        before: Option<&Arc<ChannelInfo>>,
    ) -> Arc<ChannelInfo> {
        let version = ChannelVersion {
            joined: self.revisions.0,
            own: self.own_version + self.commit.version(),
            peers: self.participants.version(),
            members: of.membership.version(),
        };
        if let Some(before) = before.filter(|before| before.version == version) {
            return Arc::clone(before);
        }
        let same_peers = before.filter(|before| before.version.has_peers_of(&version));
        let peers = match same_peers {
            Some(before) => Arc::clone(&before.peers),
            None => self.peers(of),
        };
        Arc::new(ChannelInfo {
            channel: self.id.clone(),
            height: self.height(),
            buffered: self.commit.buffer().len(),
            state_info: self.own.signed().map(|own| own.envelope().clone()),
            peers,
            halted: self.commit.halted().map(str::to_owned),
            version,
        })
    }

    fn peers(&self, of: &Peers) -> Arc<[ChannelPeer]> {
        let infos = self.participants.infos().iter();
        let alive = |peer: &PeerId| of.membership.is_alive(peer.as_bytes());
        let here = infos.filter(|(peer, held)| !held.value.left && alive(peer));
        let shown = here.filter_map(|(peer, held)| {
            let info = &held.value;
            Some(ChannelPeer {
                peer: peer.clone(),
                org: info.org.clone(),
                height: info.height,
                heard: info.since,
                state_info: info.envelope.clone(),
                identity: of.identities.get(peer.as_bytes())?.bytes.clone(),
            })
        });
        shown.collect()
    }

    /// Changes whenever the result of [`Channel::info_since`] does.
    pub(super) fn version(&self) -> u64 {
        self.own_version + self.participants.version() + self.commit.version()
    }

    /// The present view for operators.
    pub(crate) fn show(&self, config: &Config, of: &Peers) -> SnapshotChannel {
        let info = self.info_since(of, None);
        let mut stores = Stores::default();
        self.stores(config, &mut stores);
        let peers = info.peers.iter();
        SnapshotChannel {
            channel: info.channel.to_string(),
            sequence: self.sequence,
            height: info.height,
            halted: info.halted.clone(),
            peers: peers
                .map(|peer| (peer.peer.to_string(), peer.height))
                .collect(),
            eager_peers: self.tree.eager().map(ToString::to_string).collect(),
            stores: stores.into_vec(),
        }
    }
}
