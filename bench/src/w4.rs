//! W4: a node's memory, and its cost when idle.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::measure::{Meter, resident_bytes};
use crate::measured::Measured;
use crate::stack::{BenchLedger, Prepared};
use crate::w3::Fixture;

const SETTLE: Duration = Duration::from_secs(15);
const PERIOD: Duration = Duration::from_secs(20);

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "lowercase")]
pub(crate) enum Case {
    /// Fully meshed nodes in one idle channel.
    Nodes { nodes: usize },
    /// The core's tables for this number of members.
    Members { members: usize },
}

impl Case {
    pub(crate) async fn run(self) -> Result<Measured> {
        match self {
            Self::Nodes { nodes } => meshed(nodes).await,
            Self::Members { members } => tables(members),
        }
    }
}

async fn meshed(nodes: usize) -> Result<Measured> {
    ensure!(nodes >= 2, "a mesh has at least two nodes: --nodes 2");
    let prepared = Prepared::new(nodes).await?;
    let before = resident_bytes();
    let stack = prepared.start(|_| BenchLedger::new(|_| {}))?;
    stack.wait_members().await?;
    let channels = stack.join().await?;
    sleep(SETTLE).await;
    let memory = resident_bytes().saturating_sub(before) as f64;
    let meter = Meter::start();
    sleep(PERIOD).await;
    let usage = meter.stop();
    let pairs = (nodes * (nodes - 1) / 2) as f64;
    let seconds = usage.wall.as_secs_f64();
    let mut measured = Measured::default();
    measured.set("kb_per_node", memory / 1e3 / nodes as f64);
    measured.set("kb_per_pair", memory / 1e3 / pairs);
    let cpu = usage.cpu.as_secs_f64() * 1e3 / seconds / nodes as f64;
    measured.set("idle_cpu_ms_per_s_per_node", cpu);
    drop(channels);
    stack.stop().await;
    Ok(measured)
}

fn tables(members: usize) -> Result<Measured> {
    // A small fixture first, which warms up the allocator and the code.
    let small = Fixture::new(64)?;
    let before = resident_bytes();
    let fixture = Fixture::new(members)?;
    let memory = resident_bytes().saturating_sub(before) as f64;
    let mut measured = Measured::default();
    measured.set("bytes_per_member", memory / members as f64);
    drop((small, fixture));
    Ok(measured)
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes { nodes } => write!(f, "footprint, {nodes} nodes meshed"),
            Self::Members { members } => write!(f, "footprint of {members} members in one node"),
        }
    }
}
