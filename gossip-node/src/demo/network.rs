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
use super::board::Board;
use super::data_dir::DataDir;
use super::observed::Observed;
use super::organisations::Organisations;
use super::plan::{Plan, Seat};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Between two exchanges of views, of members and of what they hold.
const EXCHANGE: Duration = Duration::from_secs(1);

/// The channel that all peers join.
const CHANNEL: &str = "demo";

/// The same as an id.
pub(crate) fn channel_id() -> ChannelId {
    ChannelId::new(CHANNEL)
}

/// Peers that run.
#[derive(Debug)]
pub(crate) struct Network {
    peers: Vec<Peer>,
    channel: ChannelDefinition,
}

#[derive(Debug)]
struct Peer {
    seat: Seat,
    gossip: Gossip,
}

impl Peer {
    /// What it knows of the channel, once it has joined.
    fn info(&self) -> Option<Arc<ChannelInfo>> {
        self.gossip.channel(&channel_id())?.info()
    }
}

impl Network {
    /// Starts all peers, with certificates made for the occasion. Also yields the maker of blocks
    /// that they accept. If it fails, those already started have stopped when it returns.
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
        let mut places = Vec::with_capacity(seats.len());
        for (index, seat) in (0u16..).zip(seats) {
            let (transport, endpoint) = addresses.listen(index).await?;
            places.push(Place {
                seat,
                transport,
                endpoint,
            });
        }
        let channel = channel(&organisations, &places);
        let launch = Launch {
            data,
            board,
            channel: channel.clone(),
            organisations,
            peers: places.len(),
            first_of_org: (places.iter().filter(|place| place.seat.is_leader()))
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

    /// Lets all peers join the channel.
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
            let joined = peer.info().map_or(0, |info| info.peers.len());
            alive.min(joined) as u64 + 1
        };
        self.peers.iter().map(seen).collect()
    }

    /// Fails if a peer's ledger has: it commits nothing any more then.
    pub(crate) fn check_ledgers(&self) -> Result<(), Failure> {
        for peer in &self.peers {
            if let Some(reason) = peer.info().and_then(|info| info.halted.clone()) {
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

/// Where a peer will run.
struct Place<T> {
    seat: Seat,
    transport: T,
    endpoint: Endpoint,
}

/// What starting a peer takes.
struct Launch<'a> {
    data: &'a DataDir,
    board: &'a Arc<Board>,
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
        let seat = place.seat;
        let crypto = self.organisations.service(&seat, &self.channel)?;
        let path = self.data.ledger(&seat.name)?;
        let ledger = BlockLedger::open(&path).map_err(|error| Failure::data(&path, error))?;
        let peer_book = Arc::new(ledger.peer_book());
        let bootstrap = &self.first_of_org[seat.org];
        let gossip = Gossip::builder()
            .runtime(runtime.clone())
            .identity(crypto)
            .transport(place.transport)
            .ledger(Observed::new(ledger, index, Arc::clone(self.board)))
            .bootstrap((!seat.is_leader()).then(|| bootstrap.clone()))
            .endpoint(place.endpoint.clone())
            .external_endpoint(place.endpoint)
            .configure(configure)
            .configure_driver(|driver| {
                share_cores(driver, self.peers);
                driver.peer_book = Some(peer_book);
            })
            .spawn()
            .map_err(|error| Failure::step("start a peer", error))?;
        Ok(Peer { seat, gossip })
    }
}

/// The channel, with each organisation's leader as its anchor.
fn channel<T>(organisations: &Organisations, places: &[Place<T>]) -> ChannelDefinition {
    let leaders = places.iter().filter(|place| place.seat.is_leader());
    leaders.fold(organisations.channel(CHANNEL), |channel, leader| {
        channel.with_member(&leader.seat.msp, [leader.endpoint.clone()])
    })
}

fn configure(config: &mut Config) {
    // A user is watching, and the network of one machine has the capacity.
    config.membership.sync_interval = EXCHANGE;
    config.channel.request_interval = EXCHANGE;
    // The certificates were made for this run.
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
        let ledgers: Vec<_> = (plan.seats().iter())
            .map(|seat| data.ledger(&seat.name).unwrap())
            .collect();
        // No database opens where a folder is.
        std::fs::create_dir(&ledgers[2]).unwrap();
        let board = Arc::new(Board::new(ledgers.len()));
        let addresses = MemAddresses::new(runtime.clone());
        let (interrupt, started) = (Interrupt::never(), &runtime);
        let starting = Network::start(started, &addresses, &plan, &data, &board, &interrupt);
        let failure = tokio.block_on(starting).unwrap_err();
        assert!(matches!(failure, Failure::Data { .. }), "{failure}");
        for ledger in &ledgers[..2] {
            BlockLedger::open(ledger).expect("closed by the peer that had it");
        }
    }
}
