//! The snapshot of a node.

use super::Node;
use crate::snapshot::{Snapshot, SnapshotMember, Stores};
use crate::{Endpoint, Member};

impl Node {
    /// The state of the node. Walks over all of it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let identity = &self.core.config.identity;
        let counters = self.core.io.metrics.counters().into_iter();
        let refused = self.core.io.metrics.refused.iter();
        let refused = refused.map(|(refusal, count)| (format!("refused: {refusal}"), *count));
        let dropped = self.core.io.metrics.dropped.iter();
        let dropped = dropped.map(|(reason, count)| (format!("dropped: {reason}"), *count));
        Snapshot {
            at_ms: self.core.now.as_nanos() / 1_000_000,
            peer: identity.peer.to_string(),
            org: identity.org.to_string(),
            incarnation: self.core.start.incarnation,
            members: self.members().iter().map(member).collect(),
            links: self.peers.links.snapshot(&self.core.config),
            channels: self
                .channels
                .iter()
                .map(|one| one.show(&self.core.config, &self.peers))
                .collect(),
            stores: self.stores(),
            counters: counters
                .map(|(name, count)| (name.to_owned(), count))
                .chain(refused)
                .chain(dropped)
                .collect(),
        }
    }

    fn stores(&self) -> Vec<crate::Store> {
        let config = &self.core.config;
        let mut stores = Stores::default();
        self.peers.stores(config, &mut stores);
        self.core.crypto.stores(config, &mut stores);
        self.gate.stores(config, &mut stores);
        self.relay.stores(config, &mut stores);
        let burst = config.push.burst_size.get();
        stores.add("messages to be pushed", self.emitter.len(), burst);
        let (pulses, max) = self.pulses.fill();
        stores.add("pulses to be pushed", pulses, max);
        let channels = config.channel.max_channels.get();
        stores.add("channels", self.channel_places(), channels);
        self.peers.identity_pull.stores(config, &mut stores);
        let (acks, most) = (self.acks.len(), config.messaging.max_awaiting.get());
        stores.add("messages that await acknowledgements", acks, most);
        let publications = config.state_transfer.max_publications.get();
        // The next number of each channel is exempt from the limit.
        let most = publications.saturating_add(channels);
        let publishing = self.core.crypto.publishing();
        stores.add("publications being checked", publishing, most);
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
