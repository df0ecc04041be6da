use std::path::PathBuf;
use std::sync::Arc;

use gossip_core::{Endpoint, Member, PeerId};
use gossip_driver::{Channel, Gossip};
use gossip_ledger::BlockLedger;
use gossip_msp::{Credentials, X509Service};

use super::Stage;

/// The state that a peer keeps when it is restarted.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its organisation, counted from 0.
    pub org: usize,
    /// Its endpoint.
    pub endpoint: Endpoint,
    /// Its certificate and key.
    pub credentials: Credentials,
    /// The file of its ledger.
    pub ledger: PathBuf,
}

impl Place {
    /// Its PKI-ID.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        let own = self.credentials.signing_identity().unwrap();
        own.identity().peer_id().clone()
    }
}

/// A running peer.
#[derive(Debug)]
pub struct Peer<S: Stage> {
    /// Its node.
    pub gossip: Gossip,
    /// The channel, which it has joined.
    pub channel: Channel,
    /// Its ledger.
    pub ledger: BlockLedger,
    /// Its identity service.
    pub service: Arc<X509Service>,
    /// Its transport.
    pub transport: S::Transport,
    /// Its PKI-ID.
    pub id: PeerId,
    /// The state kept for a restart.
    pub place: Place,
}

impl<S: Stage> Peer<S> {
    /// One of the protocol's counters.
    ///
    /// # Panics
    /// There is no such counter.
    #[must_use]
    pub fn count(&self, counter: &str) -> u64 {
        let counters = self.gossip.metrics().core.counters();
        let found = counters.iter().find(|(name, _)| *name == counter);
        found.expect("a counter of this name").1
    }

    /// Its view of another peer.
    #[must_use]
    pub fn sees(&self, other: &PeerId) -> Option<Member> {
        let members = self.gossip.members();
        members.iter().find(|member| member.peer == *other).cloned()
    }
}
