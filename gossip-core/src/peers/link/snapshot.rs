//! The snapshot of the links.

use super::Links;
use super::connection::{Connection, Phase};
use crate::snapshot::{SnapshotLink, Stores};
use crate::{Config, LinkId};

impl Links {
    pub(crate) fn snapshot(&self, config: &Config) -> Vec<SnapshotLink> {
        let connections = self.connections.iter();
        connections
            .map(|(link, connection)| snapshot(config, *link, connection))
            .collect()
    }

    /// Reports the sizes of all bounded collections, except the links' queues.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let link = &config.link;
        let (links, dials) = (link.max_links.get(), link.max_dials.get());
        let handshakes = link.max_handshakes.get().saturating_add(dials);
        let most = links.saturating_mul(2).saturating_add(handshakes);
        stores.add("connections", self.connections.len(), most);
        stores.add(
            "connections that authenticate",
            self.authenticating.len(),
            handshakes,
        );
        stores.add("connected peers", self.routes.len(), links);
        stores.add("dials", self.dialler.dials.len(), dials);
        let pursuits = &self.dialler.pursuits;
        stores.add("peers dialled or given a pause", pursuits.len(), dials);
        let waiting = pursuits.values().map(|pursuit| pursuit.waiting.len());
        let most = dials.saturating_mul(link.max_waiting.get());
        stores.add("messages that wait for a dial", waiting.sum(), most);
        let most = config.gate.max_remembered_handshakes.get();
        stores.add("authentications remembered", self.seen.len(), most);
    }
}

fn snapshot(config: &Config, link: LinkId, connection: &Connection) -> SnapshotLink {
    let session = connection.session();
    let mut queues = Stores::default();
    connection.outbox.stores(config, &mut queues);
    SnapshotLink {
        link: link.0,
        remote: connection.remote.to_string(),
        peer: session.map(|session| session.peer.to_string()),
        dialled: connection.is_outgoing(),
        phase: match connection.phase {
            Phase::Handshaking(_) => "authenticating",
            Phase::Up(_) => "up",
            Phase::Finishing(_) => "finishing",
        },
        capabilities: session.map_or(0, |session| session.capabilities),
        queues: queues.into_vec(),
    }
}
