use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Measures this project next to plain code and to libraries of the field.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Cli {
    /// Small sizes and one round: everything ends within two minutes.
    #[arg(long, global = true)]
    pub(crate) quick: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// What to measure; everything if absent.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Command {
    /// Dissemination: one node publishes, all others receive.
    W1,
    /// Membership from a cold start, simulated.
    W2,
    /// The core alone: nanoseconds per event.
    W3,
    /// Memory, and processor time when idle.
    W4,
    /// One link of the transport.
    W6,
    /// The whole stack: mesh, idle, flood.
    W7,
    /// The cost of a unit of work as the work grows: sockets, simulator, payload.
    Growth,
}

impl Command {
    pub(crate) const ALL: [Self; 7] = [
        Self::W1,
        Self::W2,
        Self::W3,
        Self::W4,
        Self::W6,
        Self::W7,
        Self::Growth,
    ];
}

/// Parts of a workload, and output.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Whose code to measure, if a workload has several.
    #[arg(long, global = true, value_enum, default_value = "all")]
    pub(crate) peer: PeerChoice,
    /// Only this number of nodes, if a workload has several.
    #[arg(long, global = true)]
    pub(crate) nodes: Option<usize>,
    /// Only this payload or frame, in bytes.
    #[arg(long, global = true)]
    pub(crate) size: Option<usize>,
    /// Only parts of a workload whose first column in the table begins with this: `paced`, `idle`,
    /// `sockets`, ...
    #[arg(long, global = true)]
    pub(crate) part: Option<String>,
    /// Number of rounds for each case; the table shows medians.
    #[arg(long, global = true)]
    pub(crate) rounds: Option<usize>,
    /// Writes all rounds of all cases to this file.
    #[arg(long, global = true)]
    pub(crate) json: Option<PathBuf>,
    /// Draws charts (SVG) into this directory.
    #[arg(long, global = true)]
    pub(crate) plot: Option<PathBuf>,
}

/// The implementation to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PeerChoice {
    /// This project.
    Ours,
    /// Plain code over a static tree (W1 and growth).
    Floor,
    /// libp2p's gossipsub (W1; feature `gossipsub`).
    Gossipsub,
    /// foca (W2; feature `foca`).
    Foca,
    /// All that are built in.
    All,
}
