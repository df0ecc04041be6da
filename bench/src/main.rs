//! The benchmark workloads W1 to W7 of `bench/README.md` and its growth curves: this project, a
//! floor of plain code, and libraries of the field do the same work, one after the other. Results
//! are medians of several rounds.
//!
//! ```console
//! $ cargo run --release -p bench -- w1 --nodes 8
//! $ cargo run --release -p bench --features peers -- w1 --peer all --json w1.json --plot charts
//! $ cargo run --release -p bench -- --quick
//! ```

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "figures go to standard output, progress to standard error"
)]
#![allow(
    clippy::cast_precision_loss,
    reason = "figures are for people: 52 bits are enough"
)]

mod case;
mod cli;
mod growth;
mod measure;
mod measured;
mod outcome;
mod plan;
mod report;
mod size;
mod stack;
mod w1;
mod w2;
mod w3;
mod w4;
mod w6;
mod w7;

use std::fs;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};

use self::case::Case;
use self::cli::{Cli, Command};
use self::outcome::Outcome;

const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("case") {
        return one(&arguments.next().context("a case is given as JSON")?);
    }
    let cli = Cli::parse();
    let commands = cli
        .command
        .map_or_else(|| Command::ALL.to_vec(), |one| vec![one]);
    let cases: Vec<Case> = commands
        .into_iter()
        .flat_map(|command| plan::cases(command, &cli.options, cli.quick))
        .collect();
    anyhow::ensure!(
        !cases.is_empty(),
        "no case matches the options: see --part, --peer and --help"
    );
    let rounds = cli
        .options
        .rounds
        .unwrap_or(if cli.quick { 1 } else { ROUNDS })
        .max(1);
    let outcomes = measure(cases, rounds)?;
    report::table(&outcomes);
    if let Some(path) = &cli.options.json {
        let text = serde_json::to_vec_pretty(&outcomes)?;
        fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if let Some(directory) = &cli.options.plot {
        report::plots(&outcomes, directory)?;
    }
    let missing = outcomes.iter().filter(|it| it.rounds.len() < rounds);
    let missing: Vec<&str> = missing.map(|it| it.label.as_str()).collect();
    anyhow::ensure!(
        missing.is_empty(),
        "some rounds failed: {}",
        missing.join("; ")
    );
    Ok(())
}

/// Runs one case in this process, which was started for it.
fn one(case: &str) -> Result<()> {
    let case: Case = serde_json::from_str(case).context("the case cannot be read")?;
    println!("{}", serde_json::to_string(&case.run()?)?);
    Ok(())
}

/// Runs all cases in each round, so that variations of the machine affect all of them. If a run
/// fails, the other cases keep their figures.
fn measure(cases: Vec<Case>, rounds: usize) -> Result<Vec<Outcome>> {
    let mut outcomes: Vec<Outcome> = cases.into_iter().map(Outcome::new).collect();
    let bar = ProgressBar::new((outcomes.len() * rounds) as u64);
    bar.set_style(ProgressStyle::with_template(
        "{wide_bar} {pos}/{len} {msg} [{elapsed}]",
    )?);
    for _ in 0..rounds {
        for outcome in &mut outcomes {
            bar.set_message(outcome.label.clone());
            match outcome.case.run_in_process() {
                Ok(measured) => outcome.rounds.push(measured),
                Err(error) => bar.suspend(|| eprintln!("{error}")),
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(outcomes)
}
