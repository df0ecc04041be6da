//! W1: one node publishes, all others receive.

mod floor;
#[cfg(feature = "gossipsub")]
mod gossipsub;
mod ours;
mod tracker;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(crate) use self::floor::Floor;
pub(crate) use self::ours::Ours;
pub(crate) use self::tracker::Tracker;
use crate::measure::{Meter, Usage};
use crate::measured::Measured;
use crate::size::size;

/// A network that W1 can run on.
pub(crate) trait Network: Sized {
    /// Starts `nodes` nodes and waits until all of them can receive from the first.
    fn start(nodes: usize, tracker: &Arc<Tracker>) -> impl Future<Output = Result<Self>>;

    /// Publishes the payload at the first node; waits while the network applies back-pressure.
    fn publish(&mut self, payload: &[u8]) -> impl Future<Output = Result<()>>;

    /// Additional figures, taken at the end.
    fn figures(&self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    fn stop(self) -> impl Future<Output = ()>;
}

/// The implementation to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// This project.
    Ours,
    /// Plain code over a static tree.
    Floor,
    /// libp2p's gossipsub (feature `gossipsub`).
    Gossipsub,
}

impl Peer {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Gossipsub => "gossipsub",
        }
    }
}

/// The pace of the payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// A fixed number of payloads in flight.
    Closed,
    /// Twenty payloads per second.
    Paced,
    /// Three thousand at once, after a short warm-up.
    Burst,
}

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) peer: Peer,
    pub(crate) mode: Mode,
    pub(crate) nodes: usize,
    pub(crate) size: usize,
}

/// After this time without a delivery, the missing payloads count as lost.
const TIMEOUT: Duration = Duration::from_secs(30);
const RATE: u32 = 20;
const WARM_UP: usize = 200;
const BURST: usize = 3_000;

impl Case {
    /// Number of payloads to publish.
    pub(crate) fn count(&self) -> usize {
        match self.mode {
            Mode::Closed if self.size <= 1 << 10 => 24_000 / self.nodes,
            Mode::Closed if self.size <= 64 << 10 => 3_200 / self.nodes,
            Mode::Closed if self.size <= 1 << 20 => (280 / self.nodes).max(8),
            Mode::Closed => ((128 << 20) / self.size).max(8),
            Mode::Paced if self.size <= 64 << 10 => 200,
            Mode::Paced => 60,
            Mode::Burst => WARM_UP + BURST,
        }
    }

    fn window(&self) -> usize {
        match self.size {
            0..=1_024 => 64,
            1_025..=65_536 => 16,
            _ => 4,
        }
    }

    pub(crate) async fn run(self) -> Result<Measured> {
        if self.nodes < 2 {
            bail!("a network to measure has at least two nodes: --nodes 2");
        }
        match self.peer {
            Peer::Ours => self.on::<Ours>().await,
            Peer::Floor => self.on::<Floor>().await,
            #[cfg(feature = "gossipsub")]
            Peer::Gossipsub => self.on::<gossipsub::Gossipsub>().await,
            #[cfg(not(feature = "gossipsub"))]
            Peer::Gossipsub => bail!("gossipsub is not built in: add --features gossipsub"),
        }
    }

    async fn on<N: Network>(self) -> Result<Measured> {
        let tracker = Arc::new(Tracker::new(self.nodes));
        let mut network = N::start(self.nodes, &tracker).await?;
        let payloads = Payloads::new(self.size);
        let warm = match self.mode {
            Mode::Burst => WARM_UP,
            Mode::Closed | Mode::Paced => 0,
        };
        for index in 0..warm {
            self.publish(&mut network, &tracker, &payloads, index)
                .await?;
            tracker.wait(index + 1, TIMEOUT).await;
        }
        let before = tracker.copies();
        let meter = Meter::start();
        self.feed(&mut network, &tracker, &payloads, warm).await?;
        let complete = tracker.wait(self.count(), TIMEOUT).await;
        let usage = meter.stop();
        let copies = tracker.copies() - before;
        let mut measured = self.measured(&usage, &tracker, (warm, complete, copies));
        for (name, value) in network.figures() {
            measured.set(name, value);
        }
        network.stop().await;
        Ok(measured)
    }

    async fn feed<N: Network>(
        &self,
        network: &mut N,
        tracker: &Tracker,
        payloads: &Payloads,
        first: usize,
    ) -> Result<()> {
        if self.mode == Mode::Closed {
            tracker.widen(self.window());
        }
        let begun = Instant::now();
        for index in first..self.count() {
            match self.mode {
                Mode::Closed => tracker.place().await,
                Mode::Paced => {
                    let due = Duration::from_secs(1) / RATE * u32::try_from(index)?;
                    tokio::time::sleep(due.saturating_sub(begun.elapsed())).await;
                }
                Mode::Burst => {}
            }
            self.publish(network, tracker, payloads, index).await?;
        }
        Ok(())
    }

    async fn publish<N: Network>(
        &self,
        network: &mut N,
        tracker: &Tracker,
        payloads: &Payloads,
        index: usize,
    ) -> Result<()> {
        let payload = payloads.make(index);
        tracker.published(index);
        network.publish(&payload).await
    }

    fn measured(
        &self,
        usage: &Usage,
        tracker: &Tracker,
        (first, complete, copies): (usize, usize, usize),
    ) -> Measured {
        let count = self.count() - first;
        let expected = count * (self.nodes - 1);
        let bytes = (self.size * expected) as f64;
        let latencies = tracker.latencies(first);
        let mut measured = Measured::default();
        measured.set(
            "payloads_per_s",
            (complete - first) as f64 / usage.wall.as_secs_f64(),
        );
        measured.set(
            "cpu_us_per_copy",
            usage.cpu.as_secs_f64() * 1e6 / copies.max(1) as f64,
        );
        measured.set("p50_ms", latencies.millis(0.5));
        measured.set("p99_ms", latencies.millis(0.99));
        measured.set("redundancy", usage.loopback.bytes as f64 / bytes);
        measured.set(
            "segments_per_copy",
            usage.loopback.segments as f64 / copies.max(1) as f64,
        );
        measured.set("lost_copies", expected.saturating_sub(copies) as f64);
        measured.curve = latencies.curve();
        measured
    }
}

/// Makes payloads: a tag of the run, the index, and filler.
pub(crate) struct Payloads {
    template: Vec<u8>,
}

const TAG: u64 = 0x6265_6e63_682d_7731;

impl Payloads {
    pub(crate) fn new(size: usize) -> Self {
        // Neither compressible nor constant.
        let mut state = TAG;
        let filler = (0..size.max(16)).map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        });
        let mut template: Vec<u8> = filler.collect();
        template[..8].copy_from_slice(&TAG.to_be_bytes());
        Self { template }
    }

    pub(crate) fn make(&self, index: usize) -> Bytes {
        let mut payload = self.template.clone();
        payload[8..16].copy_from_slice(&(index as u64).to_be_bytes());
        payload.into()
    }
}

/// The index of a payload.
pub(crate) fn index_of(payload: &[u8]) -> Option<usize> {
    let index = payload.get(8..16)?.first_chunk::<8>()?;
    usize::try_from(u64::from_be_bytes(*index)).ok()
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Closed => "closed loop",
            Mode::Paced => "paced",
            Mode::Burst => "burst",
        };
        write!(
            f,
            "{mode}, {} nodes, {}, {}",
            self.nodes,
            size(self.size),
            self.peer.name()
        )
    }
}
