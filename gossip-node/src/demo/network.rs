//! The peers of all organisations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, try_join_all};
use gossip_driver::core::{ChannelId, Config, Endpoint, JoinChannel, Metrics, OrgId};
use gossip_driver::{Channel, DriverConfig, Gossip, Runtime};
use gossip_ledger::BlockLedger;
use gossip_msp::X509Service;

use super::addresses::Addresses;
use super::blocks::BlockMaker;
use super::board::Board;
use super::data_dir::DataDir;
use super::observed::Observed;
use super::organisations::Organisations;
use super::plan::{Plan, Seat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Keeps the demo's peers apart from any other network on this machine.
pub(crate) const NETWORK_ID: &[u8] = b"gossip-demo";

/// Between two exchanges of views, of members and of what they hold.
const EXCHANGE: Duration = Duration::from_secs(1);

/// The channel that all peers join.
pub(crate) fn channel_id() -> ChannelId {
    ChannelId::new("demo")
}

/// Peers that run.
#[derive(Debug)]
pub(crate) struct Network {
    peers: Vec<Peer>,
    /// The organisations with their anchors.
    members: BTreeMap<OrgId, Vec<Endpoint>>,
}

#[derive(Debug)]
struct Peer {
    seat: Seat,
    gossip: Gossip,
}

impl Network {
    /// Starts all peers, with certificates made for the occasion. Also yields the maker of blocks
    /// that they accept.
    pub(crate) async fn start<R: Runtime, A: Addresses>(
        runtime: &R,
        addresses: &A,
        plan: &Plan,
        data: &DataDir,
        board: &Arc<Board>,
        interrupt: &Interrupt,
    ) -> Result<(Self, BlockMaker), Failure> {
        let seats = plan.seats();
        let organisations = Organisations::new(&seats)?;
        let maker = BlockMaker::new(channel_id(), organisations.orderer()?);
        let mut transports = Vec::with_capacity(seats.len());
        let mut endpoints = Vec::with_capacity(seats.len());
        for index in (0u16..).take(seats.len()) {
            let (transport, endpoint) = addresses.listen(index).await?;
            transports.push(transport);
            endpoints.push(endpoint);
        }
        let first_of_org: Vec<(OrgId, Endpoint)> = (seats.iter().zip(&endpoints))
            .filter(|(seat, _)| seat.is_leader())
            .map(|(seat, endpoint)| (OrgId::new(seat.msp.as_bytes()), endpoint.clone()))
            .collect();
        let mut peers = Vec::with_capacity(seats.len());
        for (index, (seat, transport)) in seats.into_iter().zip(transports).enumerate() {
            interrupt.check()?;
            let crypto = organisations.service(&seat, &channel_id())?;
            let config = config(&seat, &crypto, &endpoints[index], &first_of_org[seat.org].1);
            let path = data.ledger(&seat.name)?;
            let ledger = BlockLedger::open(&path).map_err(|error| Failure::data(&path, error))?;
            let ledger = Observed::new(ledger, index, Arc::clone(board));
            let settings = settings(endpoints.len());
            let gossip =
                gossip_driver::spawn(runtime.clone(), config, settings, transport, crypto, ledger)
                    .map_err(|error| Failure::step("start a peer", error))?;
            peers.push(Peer { seat, gossip });
        }
        let members = first_of_org
            .into_iter()
            .map(|(org, anchor)| (org, vec![anchor]))
            .collect();
        Ok((Self { peers, members }, maker))
    }

    /// Lets all peers join the channel.
    pub(crate) async fn join(&self) -> Result<(), Failure> {
        let config = JoinChannel {
            sequence: 1,
            members: self.members.clone(),
        };
        let joins = self
            .peers
            .iter()
            .map(|peer| peer.gossip.join_channel(channel_id(), config.clone()));
        let joined = try_join_all(joins).await;
        joined
            .map(drop)
            .map_err(|error| Failure::step("join the channel", error))
    }

    /// The peers' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.peers
            .iter()
            .map(|peer| peer.seat.name.clone())
            .collect()
    }

    /// The channel of each organisation's leader.
    pub(crate) fn leaders(&self) -> Vec<Channel> {
        let leaders = self.peers.iter().filter(|peer| peer.seat.is_leader());
        leaders
            .filter_map(|peer| peer.gossip.channel(&channel_id()))
            .collect()
    }

    /// How many members each peer holds alive and knows to be in the channel, itself included.
    pub(crate) fn members_seen(&self) -> Vec<u64> {
        let seen = |peer: &Peer| {
            let members = peer.gossip.members();
            let alive = members.iter().filter(|member| member.alive).count();
            let joined = peer
                .gossip
                .channel_info(&channel_id())
                .map_or(0, |info| info.peers.len());
            alive.min(joined) as u64 + 1
        };
        self.peers.iter().map(seen).collect()
    }

    /// Fails if a peer's ledger has: it commits nothing any more then.
    pub(crate) fn check_ledgers(&self) -> Result<(), Failure> {
        for peer in &self.peers {
            let info = peer.gossip.channel_info(&channel_id());
            if let Some(reason) = info.and_then(|info| info.halted.clone()) {
                let reason = format!("the ledger of {} failed: {reason}", peer.seat.name);
                return Err(Failure::step("go on", reason));
            }
        }
        Ok(())
    }

    /// The counters of each peer.
    pub(crate) fn metrics(&self) -> Vec<Metrics> {
        self.peers
            .iter()
            .map(|peer| peer.gossip.metrics().core)
            .collect()
    }

    /// Stops all peers. When it returns, they have closed their ledgers.
    pub(crate) async fn stop(self) {
        join_all(self.peers.iter().map(|peer| peer.gossip.shutdown())).await;
    }
}

fn config(seat: &Seat, crypto: &X509Service, endpoint: &Endpoint, bootstrap: &Endpoint) -> Config {
    let mut config = Config::new(crypto.identity(), endpoint.clone());
    config.network_id = Bytes::from_static(NETWORK_ID);
    config.external_endpoint = Some(endpoint.clone());
    // Somebody is watching, and a network of one machine can bear it.
    config.membership.sync_interval = EXCHANGE;
    config.channel.request_interval = EXCHANGE;
    if !seat.is_leader() {
        config.bootstrap = vec![bootstrap.clone()];
    }
    config
}

/// Peers of one process share its cores.
fn settings(peers: usize) -> DriverConfig {
    let cores = available_parallelism().map_or(1, usize::from);
    let mut settings = DriverConfig::default();
    settings.crypto_threads = std::num::NonZeroUsize::new(cores.div_ceil(peers));
    settings
}
