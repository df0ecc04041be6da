//! What the modules hold, put together.

use super::Node;
use crate::channel::Channel;
use crate::snapshot::{Snapshot, SnapshotChannel, SnapshotMember, Stores};
use crate::{Endpoint, Member};

impl Node {
    /// Everything that the node holds now. Costs a walk over all of it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let identity = &self.config.identity;
        let counters = self.io.metrics.counters().into_iter();
        let refused = self.io.metrics.refused.iter();
        let refused = refused.map(|(refusal, count)| (format!("refused: {refusal}"), *count));
        let dropped = self.io.metrics.dropped.iter();
        let dropped = dropped.map(|(reason, count)| (format!("dropped: {reason}"), *count));
        Snapshot {
            at_ms: self.now.as_nanos() / 1_000_000,
            peer: identity.peer.to_string(),
            org: identity.org.to_string(),
            incarnation: self.start.incarnation,
            members: self.members().iter().map(member).collect(),
            links: self.links.snapshot(&self.config),
            channels: self
                .channels
                .iter()
                .map(|one| self.snapshot_channel(one))
                .collect(),
            stores: self.stores(),
            counters: counters
                .map(|(name, count)| (name.to_owned(), count))
                .chain(refused)
                .chain(dropped)
                .collect(),
        }
    }

    fn snapshot_channel(&self, channel: &Channel) -> SnapshotChannel {
        let info = channel.info_since(&self.membership, &self.identities, None);
        let mut stores = Stores::default();
        channel.stores(&self.config, &mut stores);
        let peers = info.peers.iter();
        SnapshotChannel {
            channel: info.channel.to_string(),
            sequence: channel.sequence(),
            height: info.height,
            halted: info.halted.clone(),
            peers: peers
                .map(|peer| (peer.peer.to_string(), peer.height))
                .collect(),
            branches: channel.tree.branches().map(ToString::to_string).collect(),
            stores: stores.into_vec(),
        }
    }

    fn stores(&self) -> Vec<crate::Store> {
        let config = &self.config;
        let mut stores = Stores::default();
        let max = config.identities.max_identities.get();
        // Our own has a place of its own.
        stores.add("identities", self.identities.len(), max.saturating_add(1));
        self.membership.stores(config, &mut stores);
        self.links.stores(config, &mut stores);
        self.gate.stores(config, &mut stores);
        self.relay.stores(config, &mut stores);
        let burst = config.push.burst_size.get();
        stores.add("messages to be pushed", self.emitter.len(), burst);
        let (pulses, max) = self.pulses.fill();
        stores.add("pulses to be pushed", pulses, max);
        let channels = config.channel.max_channels.get();
        stores.add("channels", self.channels.len(), channels);
        self.identity_pull.pull.stores(config, &mut stores);
        let awaiting = config.messaging.max_awaiting.get();
        stores.add(
            "messages that await acknowledgements",
            self.acks.len(),
            awaiting,
        );
        let publications = config.state_transfer.max_publications.get();
        // Each channel's next block is taken whatever else is.
        let most = publications.saturating_add(channels);
        stores.add("publications being checked", self.publishing, most);
        stores.into_vec()
    }
}

fn member(member: &Member) -> SnapshotMember {
    SnapshotMember {
        peer: member.peer.to_string(),
        org: member.org.as_ref().map(ToString::to_string),
        endpoint: member.preferred_endpoint().map(Endpoint::to_string),
        alive: member.alive,
        connected: member.connected,
        incarnation: member.incarnation,
    }
}
