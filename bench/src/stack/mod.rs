//! The whole stack of this project in one process: nodes on loopback TCP with P-256 identities of
//! one organisation.

mod ledger;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use gossip_driver::core::{ChannelId, Endpoint, Metrics};
use gossip_driver::{Channel, DriverConfig, Gossip, Ledger};
use gossip_msp::{
    CertificateAuthority, ChannelDefinition, KeyKind, Orderer, SigningIdentity, Validity,
    X509Service,
};
use runtime_tokio::TokioRuntime;
use transport_tcp::{TcpConfig, TcpTransport};

pub(crate) use self::ledger::BenchLedger;

const NETWORK: &[u8] = b"bench";
const MSP: &str = "BenchMSP";
const ORDERERS: &str = "OrdererMSP";
const DAYS: u32 = 7;

/// Everything that is made before the measurement: identities and listening sockets.
pub(crate) struct Prepared {
    services: Vec<X509Service>,
    transports: Vec<TcpTransport<TokioRuntime>>,
    orderer: SigningIdentity,
}

/// Running nodes.
pub(crate) struct Stack {
    pub(crate) nodes: Vec<Gossip>,
    pub(crate) orderer: Orderer,
}

impl Prepared {
    pub(crate) async fn new(nodes: usize) -> Result<Self> {
        let valid = Validity::days(DAYS);
        let peers = CertificateAuthority::new(MSP, valid)?;
        let orderers = CertificateAuthority::new(ORDERERS, valid)?;
        let orderer = orderers
            .issue_orderer("orderer0", KeyKind::EcdsaP256, valid)?
            .signing_identity()?;
        let mut services = Vec::with_capacity(nodes);
        let mut transports = Vec::with_capacity(nodes);
        for index in 0..nodes {
            let issued = peers.issue(&format!("peer{index}"), KeyKind::EcdsaP256, valid)?;
            let organisations = vec![peers.organisation()?, orderers.organisation()?];
            let service = X509Service::new(issued.signing_identity()?, organisations)?;
            service.set_channel(&channel())?;
            services.push(service);
            let listen = TcpConfig::new(Endpoint::new("127.0.0.1:0"), NETWORK);
            transports.push(TcpTransport::bind(TokioRuntime::current(), listen).await?);
        }
        Ok(Self {
            services,
            transports,
            orderer,
        })
    }

    /// Starts all nodes in one loop; each bootstraps to the first.
    pub(crate) fn start<L: Ledger>(self, ledger: impl Fn(usize) -> L) -> Result<Stack> {
        let mut nodes = Vec::with_capacity(self.services.len());
        let first = self
            .transports
            .first()
            .map(|transport| transport.local_endpoint().clone())
            .context("a network has at least one node")?;
        let count = self.services.len();
        let started = self.services.into_iter().zip(self.transports).enumerate();
        for (index, (service, transport)) in started {
            let node = runtime_tokio::builder()
                .identity(service)
                .transport(transport)
                .ledger(ledger(index))
                .bootstrap((index > 0).then(|| first.clone()))
                .configure_driver(|driver| share_cores(driver, count))
                .spawn()?;
            nodes.push(node);
        }
        Ok(Stack {
            nodes,
            orderer: Orderer::new(channel_id(), Arc::new(self.orderer)),
        })
    }
}

impl Stack {
    /// Waits until each node has seen all others alive.
    pub(crate) async fn wait_members(&self) -> Result<()> {
        let others = self.nodes.len() - 1;
        try_join_all(self.nodes.iter().map(|node| node.wait_members(others))).await?;
        Ok(())
    }

    /// Lets all nodes join the channel, and waits until each knows that all others have joined.
    pub(crate) async fn join(&self) -> Result<Vec<Channel>> {
        let joins = self.nodes.iter();
        let joins = joins.map(|node| node.join_channel(channel_id(), channel().membership()));
        let channels = try_join_all(joins).await?;
        let others = self.nodes.len() - 1;
        try_join_all(channels.iter().map(|channel| channel.wait_peers(others))).await?;
        Ok(channels)
    }

    /// The next block, with `payload` as its only transaction.
    pub(crate) fn block(&mut self, payload: &[u8]) -> Result<Bytes> {
        let transaction = self.orderer.transaction(payload)?;
        Ok(self.orderer.cut(&[transaction])?.bytes)
    }

    /// The sum over all nodes of one counter, which `count` selects.
    pub(crate) fn sum(&self, count: impl Fn(&Metrics) -> u64) -> f64 {
        let counts = self.nodes.iter().map(|node| count(&node.metrics().core));
        counts.sum::<u64>() as f64
    }

    pub(crate) async fn stop(self) {
        join_all(self.nodes.iter().map(Gossip::shutdown)).await;
    }
}

pub(crate) fn channel_id() -> ChannelId {
    ChannelId::new("bench")
}

fn channel() -> ChannelDefinition {
    let channel = ChannelDefinition::new(channel_id()).with_member(MSP, []);
    channel.with_orderer_organisation(ORDERERS)
}

/// The nodes of one process share its cores.
fn share_cores(driver: &mut DriverConfig, nodes: usize) {
    let cores = available_parallelism().map_or(1, usize::from);
    driver.crypto_threads = NonZeroUsize::new(cores.div_ceil(nodes));
}
