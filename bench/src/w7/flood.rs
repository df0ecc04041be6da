use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::measure::Meter;
use crate::measured::Measured;
use crate::stack::{BenchLedger, Prepared};
use crate::w1::Tracker;

/// Block i is published when `SHARE` of the others have block i − `AHEAD`.
const AHEAD: usize = 10;
const SHARE: f64 = 0.75;
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn run(nodes: usize, size: usize) -> Result<Measured> {
    ensure!(nodes >= 2, "a network has at least two nodes: --nodes 2");
    let count = match size {
        0..=1_024 => 1_000,
        1_025..=65_536 => 200,
        _ => 30,
    };
    let tracker = Arc::new(Tracker::new(nodes));
    let mut stack = Prepared::new(nodes).await?.start(|index| {
        let tracker = Arc::clone(&tracker);
        BenchLedger::new(move |seq| {
            if index > 0 {
                tracker.delivered(seq as usize);
            }
        })
    })?;
    stack.wait_members().await?;
    let publisher = stack.join().await?.swap_remove(0);
    let payload = vec![7; size];
    let meter = Meter::start();
    for index in 0..count {
        while index >= AHEAD && tracker.share(index - AHEAD) < SHARE {
            // A pause: a wake-up for each copy would be measured too.
            sleep(Duration::from_micros(200)).await;
        }
        let block = stack.block(&payload)?;
        tracker.published(index);
        publisher.publish(index as u64, block).await?;
    }
    let complete = tracker.wait(count, TIMEOUT).await;
    let usage = meter.stop();
    let copies = tracker.copies().max(1) as f64;
    let expected = count * (nodes - 1);
    let latencies = tracker.latencies(0);
    let pushed = stack.sum(|metrics| metrics.blocks_pushed);
    let mut measured = Measured::default();
    measured.set("blocks_per_s", complete as f64 / usage.wall.as_secs_f64());
    measured.set("cpu_us_per_copy", usage.cpu.as_secs_f64() * 1e6 / copies);
    measured.set(
        "redundancy",
        usage.loopback.bytes as f64 / (size * expected) as f64,
    );
    measured.set("share_by_push", pushed / copies);
    measured.set("p50_ms", latencies.millis(0.5));
    measured.set("p99_ms", latencies.millis(0.99));
    let within = latencies.share_within(Duration::from_millis(100), count);
    measured.set("blocks_everywhere_within_100_ms", within);
    measured.set("lost_copies", expected as f64 - copies);
    measured.curve = latencies.curve();
    stack.stop().await;
    Ok(measured)
}
