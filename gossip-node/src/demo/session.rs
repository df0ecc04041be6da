//! The life of the network: start, gather, distribute, stop.

use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join};
use gossip_driver::core::Metrics;
use gossip_driver::{Runtime, TcpRuntime};
use runtime_smol::SmolRuntime;
use runtime_tokio::TokioRuntime;
use smol::Executor;

use super::addresses::{Addresses, MemAddresses, TcpAddresses};
use super::blocks::BlockMaker;
use super::board::{Board, Timing};
use super::data_dir::DataDir;
use super::feed;
use super::network::Network;
use super::plan::Plan;
use super::progress::Screen;
use crate::cli::{RuntimeKind, TransportKind};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Between two looks at the network. Times in the report do not depend on it.
const GLANCE: Duration = Duration::from_millis(50);

/// Peers named in a message about a stall.
const MAX_NAMED: usize = 5;

/// What a network has done when it has stopped.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Until every peer saw all others.
    pub(crate) membership: Duration,
    /// How long blocks took.
    pub(crate) timing: Timing,
    /// The counters of each peer.
    pub(crate) metrics: Vec<Metrics>,
}

/// Runs a network on the planned runtime until all blocks are in all ledgers. Whatever the outcome,
/// all peers have stopped and all ledgers are closed when it returns.
pub(crate) fn run(
    plan: &Plan,
    data: &DataDir,
    screen: &mut Screen,
    interrupt: &Interrupt,
) -> Result<Outcome, Failure> {
    let session = Session {
        plan,
        data,
        screen,
        interrupt,
    };
    match plan.runtime {
        RuntimeKind::Tokio => {
            let tokio = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build();
            let tokio = tokio.map_err(|error| Failure::step("start tokio", error))?;
            let runtime = TokioRuntime::new(tokio.handle().clone());
            tokio.block_on(session.on_runtime(runtime))
        }
        RuntimeKind::Smol => on_smol(|runtime| smol::block_on(session.on_runtime(runtime))),
    }
}

/// Gives `main` a smol executor with a thread per core.
fn on_smol<T>(main: impl FnOnce(SmolRuntime) -> T) -> T {
    let executor = Arc::new(Executor::new());
    let (stop, stopped) = async_channel::bounded::<()>(1);
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(|| smol::block_on(executor.run(stopped.recv())));
        }
        let result = main(SmolRuntime::new(Arc::clone(&executor)));
        drop(stop);
        result
    })
}

struct Session<'a> {
    plan: &'a Plan,
    data: &'a DataDir,
    screen: &'a mut Screen,
    interrupt: &'a Interrupt,
}

impl Session<'_> {
    async fn on_runtime<R: TcpRuntime>(self, runtime: R) -> Result<Outcome, Failure> {
        match self.plan.transport {
            TransportKind::Tcp => {
                let addresses = TcpAddresses::new(runtime.clone(), self.plan.port);
                self.on_transport(runtime, addresses).await
            }
            TransportKind::Mem => {
                let addresses = MemAddresses::new(runtime.clone());
                self.on_transport(runtime, addresses).await
            }
        }
    }

    async fn on_transport<R, A>(mut self, runtime: R, addresses: A) -> Result<Outcome, Failure>
    where
        R: Runtime,
        A: Addresses,
    {
        let board = Arc::new(Board::new(self.plan.seats().len()));
        let (network, maker) =
            Network::start(&runtime, &addresses, self.plan, self.data, &board).await?;
        let interrupt = self.interrupt.clone();
        let result = {
            let stages = pin!(self.stages(&runtime, &network, maker, &board));
            match select(stages, pin!(interrupt.wait())).await {
                Either::Left((result, _)) => result,
                Either::Right(_) => Err(Failure::Interrupted),
            }
        };
        network.stop().await;
        result
    }

    async fn stages<R: Runtime>(
        &mut self,
        runtime: &R,
        network: &Network,
        maker: BlockMaker,
        board: &Arc<Board>,
    ) -> Result<Outcome, Failure> {
        let started = Instant::now();
        self.join(runtime, network).await?;
        self.gather(runtime, network).await?;
        let membership = started.elapsed();
        self.screen
            .distributing(&network.names(), self.plan.blocks)?;
        let leaders = network.leaders();
        let feed = feed::feed(
            &self.plan.input,
            self.plan.block_size,
            maker,
            &leaders,
            board,
        );
        try_join(feed, self.distribute(runtime, network, board)).await?;
        Ok(Outcome {
            membership,
            timing: board.timing(),
            metrics: network.metrics(),
        })
    }

    async fn join<R: Runtime>(&self, runtime: &R, network: &Network) -> Result<(), Failure> {
        let patience = self.plan.patience;
        let late = runtime.sleep_until(runtime.now() + patience);
        match select(pin!(network.join()), pin!(late)).await {
            Either::Left((joined, _)) => joined,
            Either::Right(_) => Err(Failure::Stalled {
                seconds: patience.as_secs(),
                stage: "joining the channel",
                lacking: "not every peer has joined".to_owned(),
            }),
        }
    }

    /// Waits until every peer sees all others, in the network and in the channel.
    async fn gather<R: Runtime>(&self, runtime: &R, network: &Network) -> Result<(), Failure> {
        let all = network.names().len();
        self.screen.gathering(all as u64);
        let look = || {
            let seen = network.members_seen();
            self.screen
                .members(seen.iter().min().copied().unwrap_or_default() as u64);
            seen
        };
        let lacking = |seen: &Vec<usize>| {
            lacking(
                network,
                seen.iter().map(|seen| (*seen as u64, all as u64)),
                "sees",
                "members",
            )
        };
        self.watch(
            runtime,
            "waiting for the members to see each other",
            look,
            lacking,
            |seen| seen.iter().all(|seen| *seen == all),
        )
        .await
    }

    /// Waits until every peer has committed every block.
    async fn distribute<R: Runtime>(
        &self,
        runtime: &R,
        network: &Network,
        board: &Board,
    ) -> Result<(), Failure> {
        let blocks = self.plan.blocks;
        let look = || {
            let heights = board.heights();
            self.screen.heights(&heights);
            heights
        };
        let lacking = |heights: &Vec<u64>| {
            lacking(
                network,
                heights.iter().map(|height| (*height, blocks)),
                "has",
                "blocks",
            )
        };
        self.watch(runtime, "distributing blocks", look, lacking, |heights| {
            heights.iter().all(|height| *height == blocks)
        })
        .await
    }

    /// Looks again and again until `done`, and gives up when nothing has changed for too long.
    async fn watch<R: Runtime, S: PartialEq>(
        &self,
        runtime: &R,
        stage: &'static str,
        look: impl Fn() -> S,
        lacking: impl Fn(&S) -> String,
        done: impl Fn(&S) -> bool,
    ) -> Result<(), Failure> {
        let mut seen = look();
        let mut changed = Instant::now();
        while !done(&seen) {
            if changed.elapsed() > self.plan.patience {
                let seconds = self.plan.patience.as_secs();
                return Err(Failure::Stalled {
                    seconds,
                    stage,
                    lacking: lacking(&seen),
                });
            }
            runtime.sleep_until(runtime.now() + GLANCE).await;
            let now = look();
            if now != seen {
                changed = Instant::now();
                seen = now;
            }
        }
        Ok(())
    }
}

/// Which peers have less than they must: `peer1.org1 has 3 of 11 blocks, ...`.
fn lacking(
    network: &Network,
    have: impl Iterator<Item = (u64, u64)>,
    verb: &str,
    what: &str,
) -> String {
    let names = network.names();
    let behind: Vec<String> = names
        .iter()
        .zip(have)
        .filter(|(_, (have, all))| have < all)
        .map(|(name, (have, all))| format!("{name} {verb} {have} of {all} {what}"))
        .collect();
    let mut text = behind[..behind.len().min(MAX_NAMED)].join(", ");
    if behind.len() > MAX_NAMED {
        text.push_str(&format!(" and {} more", behind.len() - MAX_NAMED));
    }
    text
}
