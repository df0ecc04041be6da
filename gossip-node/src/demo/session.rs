//! The stages of the network: start, gather, distribute, stop.

use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join};
use gossip::core::Metrics;
use gossip::smol::SmolRuntime;
use gossip::tokio::TokioRuntime;
use gossip::{Runtime, TcpRuntime};
use smol::Executor;

use super::addresses::{Addresses, MemAddresses, TcpAddresses};
use super::blocks::BlockMaker;
use super::commits::{Commits, Timing};
use super::data_dir::DataDir;
use super::network::Network;
use super::plan::Plan;
use super::progress::Screen;
use super::publication;
use super::watch::Stage;
use crate::cli::{RuntimeKind, TransportKind};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// The result of a network after its stop.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// Time until every peer saw all others.
    pub(crate) membership: Duration,
    /// Times of blocks.
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

/// Runs `main` on a smol executor with a thread per core.
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
        let commits = Arc::new(Commits::new(self.plan.specs().len()));
        let (network, maker) = Network::start(
            &runtime,
            &addresses,
            self.plan,
            self.data,
            &commits,
            self.interrupt,
        )
        .await?;
        let interrupt = self.interrupt.clone();
        let result = {
            let stages = pin!(self.stages(&runtime, &network, maker, &commits));
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
        commits: &Arc<Commits>,
    ) -> Result<Outcome, Failure> {
        let started = Instant::now();
        self.join(runtime, network).await?;
        self.gather(runtime, network).await?;
        let membership = started.elapsed();
        self.screen
            .distributing(&network.names(), self.plan.blocks)?;
        let leaders = network.leaders();
        let publication = publication::publish(
            &self.plan.input,
            self.plan.block_size,
            maker,
            &leaders,
            commits,
        );
        try_join(publication, self.distribute(runtime, network, commits)).await?;
        Ok(Outcome {
            membership,
            timing: commits.timing(),
            metrics: network.metrics(),
        })
    }

    async fn join<R: Runtime>(&self, runtime: &R, network: &Network) -> Result<(), Failure> {
        let timeout = self.plan.stall_timeout;
        let late = runtime.sleep_until(runtime.now() + timeout);
        match select(pin!(network.join()), pin!(late)).await {
            Either::Left((joined, _)) => joined,
            Either::Right(_) => Err(Failure::Stalled {
                seconds: timeout.as_secs(),
                stage: "joining the channel",
                lacking: "not every peer has joined".to_owned(),
            }),
        }
    }

    /// Waits until every peer sees all others, in the network and in the channel.
    async fn gather<R: Runtime>(&self, runtime: &R, network: &Network) -> Result<(), Failure> {
        let names = network.names();
        let all = names.len() as u64;
        let doing = "waiting for the members to see each other";
        let stage = Stage {
            doing,
            verb: "sees",
            what: "members",
            all,
        };
        self.screen.gathering(all);
        let look = || {
            let seen = network.members_seen();
            self.screen
                .members(seen.iter().min().copied().unwrap_or_default());
            Ok(seen)
        };
        stage
            .watch(runtime, self.plan.stall_timeout, &names, look)
            .await
    }

    /// Waits until every peer has committed every block.
    async fn distribute<R: Runtime>(
        &self,
        runtime: &R,
        network: &Network,
        commits: &Commits,
    ) -> Result<(), Failure> {
        let doing = "distributing blocks";
        let stage = Stage {
            doing,
            verb: "has",
            what: "blocks",
            all: self.plan.blocks,
        };
        let look = || {
            network.check_ledgers()?;
            let heights = commits.heights();
            self.screen.heights(&heights);
            Ok(heights)
        };
        stage
            .watch(runtime, self.plan.stall_timeout, &network.names(), look)
            .await
    }
}
