use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::time::{sleep, timeout};

use crate::measure::{Meter, Usage};
use crate::measured::Measured;
use crate::stack::{BenchLedger, Prepared, Stack};
use crate::w1::{Floor, Network, Ours, Payloads, Peer, Tracker};

const SIZE: usize = 1 << 10;
/// Copies delivered per second, at every number of nodes: far below the capacity of two cores.
const COPIES_PER_SECOND: usize = 512;
const PACED: Duration = Duration::from_secs(10);
/// After this time, views are exchanged at the usual intervals.
const SETTLE: Duration = Duration::from_secs(8);
/// Two heartbeats of each node.
const IDLE: Duration = Duration::from_secs(10);
/// Much longer than a mesh takes to form.
const TIMEOUT: Duration = Duration::from_secs(180);

pub(super) async fn run(peer: Peer, nodes: usize) -> Result<Measured> {
    ensure!(nodes >= 2, "a network has at least two nodes: --nodes 2");
    match peer {
        Peer::Ours => ours(nodes).await,
        Peer::Floor => floor(nodes).await,
        Peer::Gossipsub => bail!("gossipsub does not grow here: see w1"),
    }
}

async fn ours(nodes: usize) -> Result<Measured> {
    let tracker = Arc::new(Tracker::new(nodes));
    let prepared = Prepared::new(nodes).await?;
    let forming = Meter::start();
    let stack = prepared.start(|index| {
        let tracker = Arc::clone(&tracker);
        BenchLedger::new(move |seq| {
            if index > 0 {
                tracker.delivered(seq as usize);
            }
        })
    })?;
    timeout(TIMEOUT, stack.wait_members())
        .await
        .context("the mesh does not converge")??;
    let forming = forming.stop();
    let publisher = stack.join().await?.swap_remove(0);
    sleep(SETTLE).await;
    let (heard, checked) = (messages(&stack), checks(&stack));
    let idle = Meter::start();
    sleep(IDLE).await;
    let idle = idle.stop();
    let (heard, checked) = (messages(&stack) - heard, checks(&stack) - checked);

    let mut network = Ours::new(stack, publisher);
    let before = (messages(network.stack()), checks(network.stack()));
    let paced = pace(&mut network, &tracker, nodes).await?;
    let length = paced.wall.as_secs_f64() / idle.wall.as_secs_f64();
    let more_heard = messages(network.stack()) - before.0 - heard * length;
    let more_checked = checks(network.stack()) - before.1 - checked * length;
    let received = tracker.copies() as f64 + network.stack().sum(|it| it.blocks_duplicate);
    let own = (cpu_micros(&paced) - cpu_micros(&idle) * length).max(0.0);
    let mut measured = Measured::default();
    block_figures(&mut measured, own, received, &tracker);
    let copies = tracker.copies() as f64;
    measured.set("messages_per_copy", more_heard / copies);
    measured.set("checks_per_copy", more_checked / copies);
    let pairs = (nodes * (nodes - 1)) as f64;
    measured.set("mesh_s", forming.wall.as_secs_f64());
    measured.set("mesh_cpu_us_per_pair", cpu_micros(&forming) / pairs);
    measured.set(
        "mesh_kb_per_pair",
        forming.loopback.bytes as f64 / 1e3 / pairs,
    );
    measured.set("idle_cpu_us_per_message", cpu_micros(&idle) / heard);
    measured.set(
        "idle_messages_per_s_per_pair",
        heard / idle.wall.as_secs_f64() / pairs,
    );
    network.stop().await;
    Ok(measured)
}

async fn floor(nodes: usize) -> Result<Measured> {
    let tracker = Arc::new(Tracker::new(nodes));
    let mut network = Floor::start(nodes, &tracker).await?;
    let paced = pace(&mut network, &tracker, nodes).await?;
    let mut measured = Measured::default();
    let copies = tracker.copies() as f64;
    block_figures(&mut measured, cpu_micros(&paced), copies, &tracker);
    network.stop().await;
    Ok(measured)
}

/// Publishes at a steady rate and waits until every node has every payload.
async fn pace<N: Network>(network: &mut N, tracker: &Arc<Tracker>, nodes: usize) -> Result<Usage> {
    let payloads = Payloads::new(SIZE);
    let interval =
        Duration::from_secs(1) * u32::try_from(nodes)? / u32::try_from(COPIES_PER_SECOND)?;
    let count = PACED.div_duration_f64(interval).ceil() as usize;
    let meter = Meter::start();
    let begun = Instant::now();
    for index in 0..count {
        let due = interval * u32::try_from(index)?;
        sleep(due.saturating_sub(begun.elapsed())).await;
        tracker.published(index);
        network.publish(&payloads.make(index)).await?;
    }
    let complete = tracker.wait(count, TIMEOUT).await;
    ensure!(complete == count, "{} blocks are lost", count - complete);
    Ok(meter.stop())
}

fn block_figures(measured: &mut Measured, cpu: f64, received: f64, tracker: &Tracker) {
    let copies = tracker.copies() as f64;
    let latencies = tracker.latencies(0);
    measured.set("cpu_us_per_received_copy", cpu / received);
    measured.set("cpu_us_per_copy", cpu / copies);
    measured.set("received_per_copy", received / copies);
    measured.set("p50_ms", latencies.millis(0.5));
    measured.set("p99_ms", latencies.millis(0.99));
}

fn messages(stack: &Stack) -> f64 {
    stack.sum(|metrics| metrics.messages_received)
}

fn checks(stack: &Stack) -> f64 {
    stack.sum(|metrics| metrics.verifications)
}

fn cpu_micros(usage: &Usage) -> f64 {
    usage.cpu.as_secs_f64() * 1e6
}
