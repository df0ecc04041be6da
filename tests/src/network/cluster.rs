use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use gossip_core::{ChannelId, Config, Endpoint};
use gossip_driver::error::PublishError;
use gossip_driver::transport::Transport as _;
use gossip_driver::{Gossip, Published};
use gossip_ledger::{BlockLedger, Tip};
use gossip_msp::{ChannelDefinition, CutBlock, Orderer};
use tempfile::TempDir;

use super::{Authorities, CHANNEL, Peer, Place, Stage, within};

/// Content of transactions.
const PATTERN: &[u8] = b"ten bales of silk for forty of cotton; ";

/// Changes the configuration of each peer before it starts.
pub type Setup = fn(&mut Config);

/// Organisations of peers on one [`Stage`], and their orderer.
pub struct Cluster<S: Stage> {
    /// Runtime and transport.
    pub stage: S,
    /// The authorities that issue the identities.
    pub authorities: Authorities,
    /// The running peers, in the order of their start: those of the first organisation come first.
    pub peers: Vec<Peer<S>>,
    /// Signs the blocks.
    pub orderer: Orderer,
    anchors: Vec<Vec<Endpoint>>,
    setup: Setup,
    started: usize,
    data: TempDir,
}

impl<S: Stage> Cluster<S> {
    /// Starts `peers` peers in each of `orgs` organisations, all in the channel. The first peer of each
    /// organisation is the bootstrap peer of the others and the organisation's anchor.
    pub async fn start(stage: S, orgs: usize, peers: usize, setup: Setup) -> Self {
        let mut cluster = Self::empty(stage, orgs, setup);
        let mut listening = Vec::new();
        for org in 0..orgs {
            for _ in 0..peers {
                let (transport, endpoint) = cluster.stage.listen(None).await;
                listening.push((transport, cluster.place(org, endpoint)));
            }
        }
        for (_, place) in &listening {
            cluster.anchor(place);
        }
        for (transport, place) in listening {
            cluster.run(transport, place, |_| {}).await;
        }
        cluster
    }

    /// A cluster of `orgs` organisations without peers.
    #[must_use]
    pub fn empty(stage: S, orgs: usize, setup: Setup) -> Self {
        let authorities = Authorities::new(orgs);
        Self {
            stage,
            orderer: authorities.orderer(),
            authorities,
            peers: Vec::new(),
            anchors: vec![Vec::new(); orgs],
            setup,
            started: 0,
            data: tempfile::tempdir().unwrap(),
        }
    }

    /// A new member of an organisation, at `endpoint`.
    pub fn place(&mut self, org: usize, endpoint: Endpoint) -> Place {
        let name = format!("peer{}", self.started);
        self.started += 1;
        Place {
            org,
            endpoint,
            credentials: self.authorities.member(org, &name),
            ledger: self.data.path().join(format!("{name}.redb")),
        }
    }

    /// Starts one more peer.
    pub async fn add(&mut self, org: usize) -> &Peer<S> {
        let (transport, endpoint) = self.stage.listen(None).await;
        let place = self.place(org, endpoint);
        self.anchor(&place);
        self.run(transport, place, |_| {}).await
    }

    /// Stops a peer. Its ledger and its transport are closed and can be opened again.
    pub async fn stop(&mut self, index: usize) -> Place {
        let peer = self.peers.remove(index);
        within("a peer stops", peer.gossip.shutdown()).await;
        peer.place
    }

    /// Restarts a peer at its endpoint, with its identity and its ledger, and appends it to the list.
    /// `change` applies to its configuration only.
    pub async fn restart(&mut self, place: Place, change: impl FnOnce(&mut Config)) -> &Peer<S> {
        let (transport, _) = self.stage.listen(Some(&place.endpoint)).await;
        self.run(transport, place, change).await
    }

    /// Starts a peer on a listening transport.
    pub async fn run(
        &mut self,
        transport: S::Transport,
        place: Place,
        change: impl FnOnce(&mut Config),
    ) -> &Peer<S> {
        let peer = self.launch(transport, place, change).await;
        self.peers.push(peer);
        self.peers.last().unwrap()
    }

    /// The same for a peer that is not added to the list, so that several can start together.
    pub async fn launch(
        &self,
        transport: S::Transport,
        place: Place,
        change: impl FnOnce(&mut Config),
    ) -> Peer<S> {
        let trade = self.channel();
        let service = Arc::new(self.authorities.service(&place.credentials, &trade));
        let ledger = BlockLedger::open(&place.ledger).unwrap();
        let anchors = self.anchors[place.org].iter();
        let mut builder = Gossip::builder()
            .runtime(self.stage.runtime())
            .identity(Arc::clone(&service))
            .transport(transport.clone())
            .ledger(ledger.clone())
            .bootstrap(anchors.filter(|one| **one != place.endpoint).cloned())
            .external_endpoint(place.endpoint.clone());
        if transport.network_id().is_none() {
            builder = builder.network_id("test");
        }
        let builder = builder.configure(self.setup).configure(change);
        let timeout = Duration::from_secs(2);
        let builder = builder.configure_driver(|driver| driver.shutdown_timeout = timeout);
        let gossip = builder.spawn().unwrap();
        let joined = gossip.join_channel(trade.id().clone(), trade.membership());
        let channel = within("a channel is joined", joined).await.unwrap();
        Peer {
            gossip,
            channel,
            ledger,
            service,
            transport,
            id: place.peer_id(),
            place,
        }
    }

    /// Waits until each peer sees all others alive and in the channel.
    pub async fn see_each_other(&self) {
        let others = self.peers.len() - 1;
        for peer in &self.peers {
            let members = peer.gossip.wait_members(others);
            within("all members are seen", members).await.unwrap();
            let peers = peer.channel.wait_peers(others);
            within("all are seen in the channel", peers).await.unwrap();
        }
    }

    /// Cuts the next block, with one transaction of `bytes` bytes.
    pub fn cut(&mut self, bytes: usize) -> CutBlock {
        let mut data = PATTERN.repeat(bytes.div_ceil(PATTERN.len()));
        data.truncate(bytes);
        let transaction = self.orderer.transaction(&data).unwrap();
        self.orderer.cut(&[transaction]).unwrap()
    }

    /// Cuts `count` blocks of `bytes` bytes and publishes each at the peers `leaders`.
    pub async fn publish(&mut self, leaders: &[usize], count: u64, bytes: usize) {
        for _ in 0..count {
            let block = self.cut(bytes);
            let to = leaders.iter().map(|leader| &self.peers[*leader]);
            let published = join_all(to.map(|peer| hand_over(peer, &block)));
            for result in within("a block is published", published).await {
                result.unwrap();
            }
        }
    }

    /// Waits until all peers have all blocks cut so far, then checks that their chains are complete
    /// and equal.
    pub async fn equal(&self) -> Tip {
        let height = self.orderer.next_number();
        for peer in &self.peers {
            let reached = peer.channel.wait_height(height);
            within("all blocks are committed", reached).await.unwrap();
        }
        let channel = ChannelId::new(CHANNEL);
        let chains = self
            .peers
            .iter()
            .map(|peer| peer.ledger.check_chain(&channel));
        let mut tips: Vec<Tip> = chains.map(|tip| tip.unwrap().unwrap()).collect();
        let first = tips[0];
        assert_eq!(first.height, height);
        tips.retain(|tip| *tip != first);
        assert_eq!(tips, [], "some ledgers differ from {first:?}");
        first
    }

    /// Stops all peers; returns their places.
    pub async fn stop_all(&mut self) -> Vec<Place> {
        let peers = std::mem::take(&mut self.peers);
        let stops = peers.iter().map(|peer| peer.gossip.shutdown());
        within("all peers stop", join_all(stops)).await;
        peers.into_iter().map(|peer| peer.place).collect()
    }

    /// The channel of all organisations.
    #[must_use]
    pub fn channel(&self) -> ChannelDefinition {
        let members = self.anchors.iter().enumerate();
        members.fold(self.authorities.channel(), |channel, (org, anchors)| {
            channel.with_member(Authorities::msp_id(org), anchors.iter().cloned())
        })
    }

    fn anchor(&mut self, place: &Place) {
        let anchors = &mut self.anchors[place.org];
        if anchors.is_empty() {
            anchors.push(place.endpoint.clone());
        }
    }
}

impl<S: Stage> fmt::Debug for Cluster<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("peers", &self.peers.len())
            .finish_non_exhaustive()
    }
}

/// Shortens the intervals, so that a test takes seconds. Deadlines stay generous, because the machine may
/// be busy.
pub fn quick(config: &mut Config) {
    config.membership.alive_interval = Duration::from_millis(500);
    config.membership.sync_interval = Duration::from_millis(200);
    config.membership.reconnect_interval = Duration::from_secs(1);
    config.channel.publish_interval = Duration::from_millis(50);
    config.channel.request_interval = Duration::from_millis(200);
    config.link.handshake_timeout = Duration::from_secs(20);
    config.link.dial_timeout = Duration::from_secs(20);
}

async fn hand_over<S: Stage>(peer: &Peer<S>, block: &CutBlock) -> Result<Published, PublishError> {
    peer.channel
        .publish(block.number, block.bytes.clone())
        .await
}
