use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::timeout;

use crate::measure::Meter;
use crate::measured::Measured;
use crate::stack::{BenchLedger, Prepared};

/// Much longer than a mesh takes to form.
const TIMEOUT: Duration = Duration::from_secs(180);

pub(super) async fn run(nodes: usize) -> Result<Measured> {
    ensure!(nodes >= 2, "a mesh has at least two nodes: --nodes 2");
    let prepared = Prepared::new(nodes).await?;
    let meter = Meter::start();
    let stack = prepared.start(|_| BenchLedger::new(|_| {}))?;
    timeout(TIMEOUT, stack.wait_members())
        .await
        .context("the mesh does not converge")??;
    let usage = meter.stop();
    let floor = (nodes * (nodes - 1) / 2) as f64;
    let dials = stack.sum(|metrics| metrics.dials);
    let share = 1.0 / nodes as f64;
    let mut measured = Measured::default();
    measured.set("seconds", usage.wall.as_secs_f64());
    measured.set("cpu_ms_per_node", usage.cpu.as_secs_f64() * 1e3 * share);
    measured.set("kb_per_node", usage.loopback.bytes as f64 / 1e3 * share);
    measured.set("dials", dials);
    measured.set("dials_per_floor", dials / floor);
    measured.set(
        "links",
        stack.sum(|metrics| metrics.links_established) / 2.0,
    );
    measured.set(
        "checks_per_node",
        stack.sum(|metrics| metrics.verifications) * share,
    );
    stack.stop().await;
    Ok(measured)
}
