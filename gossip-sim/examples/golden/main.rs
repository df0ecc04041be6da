//! Runs whose fingerprints are checked in as `gossip-sim/golden.txt`. A change of the code that changes no
//! behaviour does not change them.
//!
//! `cargo run --release -p gossip-sim --example golden -- short` (or `long`, or names of runs) prints a line for each
//! run: its name and the first 128 bits of the hashes of its events, its commands and its counters. If a run does
//! not reach its purpose, the line has `failed:` and the reason instead, and the program fails. `cargo run -p xtask --
//! golden` compares the lines with the file.

mod net;
mod runs;
mod scenes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use gossip_sim::{Fingerprint, TraceHash};

use crate::runs::Run;

/// The fingerprint of a run, or the reason for its failure.
type Outcome = Result<Fingerprint, String>;

/// More threads do not help: the longest runs start first, and the others are short.
const MAX_THREADS: usize = 8;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runs = match chosen(&args) {
        Ok(runs) => runs,
        Err(error) => return fail(&error),
    };
    let outcomes = run_all(&runs);
    let mut success = true;
    for (run, outcome) in runs.iter().zip(outcomes) {
        print(&match outcome {
            Ok(fingerprint) => line(&run.name, &fingerprint),
            Err(reason) => {
                success = false;
                format!("{} failed: {reason}", run.name)
            }
        });
    }
    if success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn chosen(args: &[String]) -> Result<Vec<Run>, String> {
    match args {
        [] => Err("usage: golden short | long | NAME..".to_owned()),
        [list] if list == "short" => Ok(runs::short()),
        [list] if list == "long" => Ok(runs::long()),
        names => names.iter().map(|name| named(name)).collect(),
    }
}

fn named(name: &str) -> Result<Run, String> {
    let mut all = runs::short().into_iter().chain(runs::long());
    all.find(|run| run.name == name)
        .ok_or_else(|| format!("there is no run {name}: see the names in gossip-sim/golden.txt"))
}

/// Runs each run on one thread, several at a time.
#[allow(
    clippy::disallowed_methods,
    reason = "runs are independent, and each stays on its thread"
)]
fn run_all(runs: &[Run]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let waiting = || Mutex::new(Err("did not run".to_owned()));
    let outcomes: Vec<Mutex<Outcome>> = runs.iter().map(|_| waiting()).collect();
    let threads = available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(MAX_THREADS) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((run, place)) = runs.get(index).zip(outcomes.get(index)) else {
                        return;
                    };
                    let outcome = catch_unwind(AssertUnwindSafe(|| (run.go)()))
                        .unwrap_or_else(|_| Err("panicked, see above".to_owned()));
                    if let Ok(mut place) = place.lock() {
                        *place = outcome;
                    }
                }
            });
        }
    });
    let taken = outcomes.into_iter().map(Mutex::into_inner);
    taken
        .map(|outcome| outcome.unwrap_or_else(|poisoned| poisoned.into_inner()))
        .collect()
}

fn line(name: &str, fingerprint: &Fingerprint) -> String {
    let short = |hash: TraceHash| hash.to_string().chars().take(32).collect::<String>();
    let (events, commands, counters) = (
        short(fingerprint.events),
        short(fingerprint.commands),
        short(fingerprint.counters),
    );
    format!("{name} {events} {commands} {counters}")
}

#[allow(clippy::print_stdout, reason = "the program's output")]
fn print(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "the program's error output")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
