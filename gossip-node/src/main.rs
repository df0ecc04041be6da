//! `gossip`: a permissioned gossip network at the command line.
//!
//! * `gossip demo` starts several organisations' peers in one process, over Noise-encrypted TCP
//!   on the loopback interface. It cuts input files into signed blocks, publishes them through one leader
//!   per organisation, waits until every peer has committed all of them to its own ledger on disk, and
//!   reads the input back from every ledger.
//! * `gossip sim` runs thousands of peers in virtual time and reports how a network of that size
//!   behaves; the same seed gives the same run.
//! * `gossip chaos` runs networks through storms of faults, one per seed, and checks invariants during the storm
//!   and recovery after it.
//!
//! ```text
//! gossip demo                                     # built-in text, 2 organisations of 4 peers
//! gossip demo --orgs 3 --peers 5 --input big.iso --block-size 1MiB --runtime smol
//! gossip demo --json | jq .verdict                # machine-readable
//! gossip sim --orgs 10 --peers 100 --blocks 100 --seed 1
//! gossip chaos --nodes 30 --seeds 0..64
//! gossip chaos --nodes 30 --seed 17               # repeat one seed
//! ```
//!
//! # Exit codes
//! | code | meaning |
//! | --- | --- |
//! | 0 | all ledgers equal the input (`demo`), the network converged (`sim`), all checks passed (`chaos`) |
//! | 1 | a check or a step failed; one line on stderr gives the reason |
//! | 2 | the options are invalid |
//! | 130 | interrupted by Ctrl-C; peers were shut down and temporary files removed |
//!
//! Reports go to stdout; progress, logs (`--log`, `RUST_LOG`) and errors go to stderr.

mod chaos;
mod cli;
mod console;
mod demo;
mod failure;
mod interrupt;
mod sim;
mod size;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use self::cli::{Cli, Command};
use self::failure::Failure;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console::error(&failure);
            failure.exit_code()
        }
    }
}

/// Parses the command line and runs the command.
fn run() -> Result<(), Failure> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return parse_failure(&error),
    };
    let log = cli
        .log
        .or_else(|| std::env::var("RUST_LOG").ok())
        .unwrap_or_default();
    let default = match cli.command {
        Command::Demo(_) => "warn",
        // Simulated nodes warn of the faults that the simulation injects.
        Command::Sim(_) | Command::Chaos(_) => "error",
    };
    let filter = if log.is_empty() { default } else { &log };
    let filter = EnvFilter::try_new(filter)
        .map_err(|error| Failure::Usage(format!("cannot read RUST_LOG: {error}")))?;
    match cli.command {
        Command::Demo(args) => demo::run(&args, filter),
        Command::Sim(args) => sim::run(&args, filter),
        Command::Chaos(args) => chaos::run(&args, filter),
    }
}

fn parse_failure(error: &clap::Error) -> Result<(), Failure> {
    let text = error.render().to_string();
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return console::report(text.trim_end());
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Err(Failure::Usage(
            "no command given: try gossip --help".to_owned(),
        ));
    }
    // Clap's first paragraph is the error; usage and hints follow after an empty line.
    let first = text.split("\n\n").next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    Err(Failure::Usage(format!("{first} (try gossip --help)")))
}
