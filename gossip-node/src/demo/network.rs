//! The peers of all organisations.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use gossip::core::{ChannelId, ChannelInfo, Config, Endpoint, Metrics};
use gossip::ledger::BlockLedger;
use gossip::msp::ChannelDefinition;
use gossip::transport::Transport;
use gossip::{Channel, DriverConfig, Gossip, Runtime};

use super::addresses::Addresses;
use super::blocks::BlockMaker;
use super::commits::Commits;
use super::data_dir::DataDir;
use super::observed::Observed;
use super::organisations::Organisations;
use super::plan::{PeerSpec, Plan};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Time between two exchanges of views, and between two requests for state infos.
const EXCHANGE: Duration = Duration::from_secs(1);

/// The channel that all peers join.
const CHANNEL: &str = "demo";

/// The same as an id.
pub(crate) fn channel_id() -> ChannelId {
    ChannelId::new(CHANNEL)
}

/// Running peers.
#[derive(Debug)]
pub(crate) struct Network {
    peers: Vec<Peer>,
    channel: ChannelDefinition,
}

#[derive(Debug)]
struct Peer {
    spec: PeerSpec,
    gossip: Gossip,
}

impl Peer {
    /// What it knows of the channel, once it has joined.
    fn info(&self) -> Option<Arc<ChannelInfo>> {
        self.gossip.channel(&channel_id())?.info()
    }
}

impl Network {
    /// Starts all peers with new certificates. Also returns the maker of blocks
    /// that they accept. If it fails, the peers already started have stopped when it returns.
    pub(crate) async fn start<R: Runtime, A: Addresses>(
        runtime: &R,
        addresses: &A,
        plan: &Plan,
        data: &DataDir,
        commits: &Arc<Commits>,
        interrupt: &Interrupt,
    ) -> Result<(Self, BlockMaker), Failure> {
        let specs = plan.specs();
        let organisations = Organisations::new(&specs)?;
        let maker = BlockMaker::new(channel_id(), organisations.orderer()?);
        let mut places = Vec::with_capacity(specs.len());
        for (index, spec) in (0u16..).zip(specs) {
            let (transport, endpoint) = addresses.listen(index).await?;
            places.push(Place {
                spec,
                transport,
                endpoint,
            });
        }
        let channel = channel(&organisations, &places);
        let launch = Launch {
            data,
            commits,
            channel: channel.clone(),
            organisations,
            peers: places.len(),
            first_of_org: (places.iter().filter(|place| place.spec.is_leader()))
                .map(|place| place.endpoint.clone())
                .collect(),
        };
        let mut network = Self {
            channel,
            peers: Vec::with_capacity(places.len()),
        };
        for (index, place) in places.into_iter().enumerate() {
            let checked = interrupt.check();
            match checked.and_then(|()| launch.start(runtime, index, place)) {
                Ok(peer) => network.peers.push(peer),
                Err(failure) => {
                    network.stop().await;
                    return Err(failure);
                }
            }
        }
        Ok((network, maker))
    }

    /// Joins all peers to the channel.
    pub(crate) async fn join(&self) -> Result<(), Failure> {
        let (id, membership) = (self.channel.id(), self.channel.membership());
        let peers = self.peers.iter();
        let joins = peers.map(|peer| peer.gossip.join_channel(id.clone(), membership.clone()));
        let joined = try_join_all(joins).await;
        joined
            .map(drop)
            .map_err(|error| Failure::step("join the channel", error))
    }

    /// The peers' names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.peers
            .iter()
            .map(|peer| peer.spec.name.clone())
            .collect()
    }

    /// The channel of each organisation's leader.
    pub(crate) fn leaders(&self) -> Vec<Channel> {
        let leaders = self.peers.iter().filter(|peer| peer.spec.is_leader());
        leaders
            .filter_map(|peer| peer.gossip.channel(&channel_id()))
            .collect()
    }

    /// For each peer, the number of members that it holds alive and sees in the channel, including itself.
    pub(crate) fn members_seen(&self) -> Vec<u64> {
        let seen = |peer: &Peer| {
            let members = peer.gossip.members();
            let alive = members.iter().filter(|member| member.alive).count();
            let joined = peer.info().map_or(0, |info| info.peers.len());
            alive.min(joined) as u64 + 1
        };
        self.peers.iter().map(seen).collect()
    }

    /// Fails if a peer's ledger has failed, after which it commits no more blocks.
    pub(crate) fn check_ledgers(&self) -> Result<(), Failure> {
        for peer in &self.peers {
            if let Some(reason) = peer.info().and_then(|info| info.halted.clone()) {
                let reason = format!("the ledger of {} failed: {reason}", peer.spec.name);
                return Err(Failure::step("continue", reason));
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

/// A peer's transport and endpoint before its start.
struct Place<T> {
    spec: PeerSpec,
    transport: T,
    endpoint: Endpoint,
}

/// Everything that the start of a peer needs.
struct Launch<'a> {
    data: &'a DataDir,
    commits: &'a Arc<Commits>,
    organisations: Organisations,
    channel: ChannelDefinition,
    peers: usize,
    first_of_org: Vec<Endpoint>,
}

impl Launch<'_> {
    fn start<R: Runtime, T: Transport>(
        &self,
        runtime: &R,
        index: usize,
        place: Place<T>,
    ) -> Result<Peer, Failure> {
        let spec = place.spec;
        let crypto = self.organisations.service(&spec, &self.channel)?;
        let path = self.data.ledger(&spec.name)?;
        let ledger = BlockLedger::open(&path).map_err(|error| Failure::data(&path, error))?;
        let peer_book = Arc::new(ledger.peer_book());
        let bootstrap = &self.first_of_org[spec.org];
        let gossip = Gossip::builder()
            .runtime(runtime.clone())
            .identity(crypto)
            .transport(place.transport)
            .ledger(Observed::new(ledger, index, Arc::clone(self.commits)))
            .bootstrap((!spec.is_leader()).then(|| bootstrap.clone()))
            .endpoint(place.endpoint.clone())
            .external_endpoint(place.endpoint)
            .configure(configure)
            .configure_driver(|driver| {
                share_cores(driver, self.peers);
                driver.peer_book = Some(peer_book);
            })
            .spawn()
            .map_err(|error| Failure::step("start a peer", error))?;
        Ok(Peer { spec, gossip })
    }
}

/// The channel, with each organisation's leader as its anchor.
fn channel<T>(organisations: &Organisations, places: &[Place<T>]) -> ChannelDefinition {
    let leaders = places.iter().filter(|place| place.spec.is_leader());
    leaders.fold(organisations.channel(CHANNEL), |channel, leader| {
        channel.with_member(&leader.spec.msp, [leader.endpoint.clone()])
    })
}

fn configure(config: &mut Config) {
    // Shorter intervals than the defaults: the user watches, and one machine can carry the traffic.
    config.membership.sync_interval = EXCHANGE;
    config.channel.request_interval = EXCHANGE;
    // The certificates are made for this run only.
    config.identities.warn_before = Duration::ZERO;
}

/// Peers of one process share its cores.
fn share_cores(driver: &mut DriverConfig, peers: usize) {
    let cores = available_parallelism().map_or(1, usize::from);
    driver.crypto_threads = std::num::NonZeroUsize::new(cores.div_ceil(peers));
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use gossip::tokio::TokioRuntime;

    use super::*;
    use crate::cli::{Cli, Command};
    use crate::demo::addresses::MemAddresses;

    fn plan() -> Plan {
        let args = ["gossip", "demo", "--orgs", "1", "--peers", "3"];
        let Command::Demo(args) = Cli::parse_from(args).command else {
            panic!("not a demo");
        };
        Plan::new(&args).unwrap()
    }

    #[test]
    fn a_start_that_fails_stops_the_peers_already_started() {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let runtime = TokioRuntime::new(tokio.handle().clone());
        let (plan, data) = (plan(), DataDir::prepare(None, false).unwrap());
        let ledgers: Vec<_> = (plan.specs().iter())
            .map(|spec| data.ledger(&spec.name).unwrap())
            .collect();
        // A database cannot be opened where a folder is.
        std::fs::create_dir(&ledgers[2]).unwrap();
        let commits = Arc::new(Commits::new(ledgers.len()));
        let addresses = MemAddresses::new(runtime.clone());
        let (interrupt, started) = (Interrupt::never(), &runtime);
        let starting = Network::start(started, &addresses, &plan, &data, &commits, &interrupt);
        let failure = tokio.block_on(starting).unwrap_err();
        assert!(matches!(failure, Failure::Data { .. }), "{failure}");
        for ledger in &ledgers[..2] {
            BlockLedger::open(ledger).expect("closed by its peer");
        }
    }
}
