use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::measure::{Meter, resident_bytes};
use crate::measured::Measured;
use crate::stack::{BenchLedger, Prepared};

const SETTLE: Duration = Duration::from_secs(15);
const PERIOD: Duration = Duration::from_secs(45);

pub(super) async fn run(nodes: usize, channel: bool) -> Result<Measured> {
    ensure!(nodes >= 2, "a network has at least two nodes: --nodes 2");
    let prepared = Prepared::new(nodes).await?;
    let before = resident_bytes();
    let stack = prepared.start(|_| BenchLedger::new(|_| {}))?;
    stack.wait_members().await?;
    let joined = match channel {
        true => stack.join().await?,
        false => Vec::new(),
    };
    sleep(SETTLE).await;
    let messages = stack.sum(|metrics| metrics.messages_sent);
    let meter = Meter::start();
    sleep(PERIOD).await;
    let usage = meter.stop();
    let messages = stack.sum(|metrics| metrics.messages_sent) - messages;
    let memory = resident_bytes().saturating_sub(before);
    let seconds = usage.wall.as_secs_f64();
    let share = 1.0 / nodes as f64;
    let mut measured = Measured::default();
    measured.set(
        "cpu_s_per_node_minute",
        usage.cpu.as_secs_f64() * 60.0 / seconds * share,
    );
    measured.set(
        "bytes_per_s_per_node",
        usage.loopback.bytes as f64 / seconds * share,
    );
    measured.set("messages_per_s_per_node", messages / seconds * share);
    measured.set("mb_per_node", memory as f64 / 1e6 * share);
    drop(joined);
    stack.stop().await;
    Ok(measured)
}
