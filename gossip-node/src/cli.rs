//! The command line.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::EnvFilter;

use crate::size::ByteSize;

const MAX_SEEDS: u64 = 100_000;

/// A permissioned gossip network.
#[derive(Debug, Parser)]
#[command(name = "gossip", version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// What to log on stderr: error, warn, info, debug, trace, or a filter such as
    /// gossip_core=debug [default: RUST_LOG, else warn; error for sim and chaos]
    #[arg(long, global = true, value_name = "LEVEL", value_parser = log_filter)]
    pub(crate) log: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a network of peers in this process, distribute files as blocks, check every ledger
    Demo(DemoArgs),
    /// Run thousands of peers in virtual time; the same seed gives the same run
    Sim(SimArgs),
    /// Put networks through storms of faults in virtual time and check that they recover
    Chaos(ChaosArgs),
}

/// Options of `gossip demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Organisations
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) orgs: u16,
    /// Peers in each organisation
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) peers: u16,
    /// Files to distribute, in this order [default: a text built into the program, repeated to
    /// 1.4 MB]
    #[arg(long, num_args = 1.., value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// Bytes of input in each block
    #[arg(long, default_value_t = ByteSize(64 << 10), value_name = "SIZE")]
    pub(crate) block_size: ByteSize,
    /// The transport of the messages
    #[arg(long, value_enum, default_value_t = TransportKind::Tcp)]
    pub(crate) transport: TransportKind,
    /// The runtime of the tasks
    #[arg(long, value_enum, default_value_t = RuntimeKind::Tokio)]
    pub(crate) runtime: RuntimeKind,
    /// Use consecutive ports from this one [default: free ones]
    #[arg(long, value_name = "BASE", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Folder for the ledgers; they stay there [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the temporary folder
    #[arg(long)]
    pub(crate) keep: bool,
    /// Give up when nothing has moved for this many seconds
    #[arg(long, default_value = "60", value_name = "SECONDS", value_parser = seconds)]
    pub(crate) patience: Duration,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// The transport of the messages between peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportKind {
    /// TCP on the loopback interface, encrypted with Noise
    Tcp,
    /// Memory, within the process
    Mem,
}

/// The runtime of the tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuntimeKind {
    /// A multi-threaded tokio runtime
    Tokio,
    /// The smol executor
    Smol,
}

/// Options of `gossip sim`.
#[derive(Clone, Debug, Args)]
pub(crate) struct SimArgs {
    /// Organisations
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) orgs: u16,
    /// Peers in each organisation
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) peers: u16,
    /// Peers of each organisation that other organisations may know
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) external: u16,
    /// Blocks to distribute
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) blocks: u32,
    /// Bytes of payload in each block
    #[arg(long, default_value_t = ByteSize(1 << 10), value_name = "SIZE")]
    pub(crate) block_size: ByteSize,
    /// Blocks published per second
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rate: u32,
    /// Number of first blocks that grow the tree; the cost of the others is reported separately
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub(crate) warm_up: u32,
    /// Milliseconds from one peer to another, between these
    #[arg(long, default_value = "5..15", value_name = "MS..MS", value_parser = latency)]
    pub(crate) latency: Range<u64>,
    /// Bytes per second of each connection and direction
    #[arg(long, default_value_t = ByteSize(125_000_000), value_name = "SIZE")]
    pub(crate) bandwidth: ByteSize,
    /// Seconds of virtual time in which the traffic of the idle network is measured
    #[arg(long, default_value_t = 0, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub(crate) idle: u32,
    /// Sign every heartbeat and send complete views, as the original protocol does
    #[arg(long)]
    pub(crate) no_pulses: bool,
    /// Decides every random choice
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Options of `gossip chaos`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChaosArgs {
    /// Nodes in each network
    #[arg(long, default_value_t = 30, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub(crate) nodes: u32,
    /// Seeds to run: from the first one up to, not including, the second one
    #[arg(long, default_value = "0..64", value_name = "A..B", value_parser = seeds)]
    pub(crate) seeds: Range<u64>,
    /// The only seed to run
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// Set no clock back; all other faults stay the same
    #[arg(long)]
    pub(crate) clocks_right: bool,
    /// Runs at the same time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub(crate) threads: Option<u16>,
    /// Print one JSON document instead of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// Show no progress
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

fn log_filter(text: &str) -> Result<String, String> {
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("expected 1 to 86400 seconds".to_owned()),
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let bounds = text.split_once("..");
    let bounds = bounds.and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    match bounds {
        Some(seeds) if seeds.start >= seeds.end => Err("no seed is in this range".to_owned()),
        Some(seeds) if seeds.end - seeds.start > MAX_SEEDS => {
            Err(format!("at most {MAX_SEEDS} seeds can be run"))
        }
        Some(seeds) => Ok(seeds),
        None => Err("expected a range such as 0..64".to_owned()),
    }
}

fn latency(text: &str) -> Result<Range<u64>, String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high && high <= 60_000 => Ok(low..high),
        (Ok(low), Ok(high)) if low > high => Err(format!("did you mean {high}..{low}?")),
        _ => Err("expected milliseconds such as 10..50, at most 60000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
