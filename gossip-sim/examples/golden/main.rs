//! Runs whose fingerprints are checked in as `gossip-sim/golden.txt`: a change of the code that changes no
//! behaviour leaves them as they are.
//!
//! `cargo run --release -p gossip-sim --example golden -- short` (or `long`, or names of runs) prints a line for each
//! run: its name and the first 128 bits of the hashes of its events, its commands and its counters. A run that did
//! not do what it is there for prints `failed:` and why instead, and the program fails. `cargo run -p xtask --
//! golden` compares the lines with those of the file.

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

/// What a run did, or why it says nothing.
type Outcome = Result<Fingerprint, String>;

/// More would not help: the longest runs come first, and the others are short.
const MOST_THREADS: usize = 8;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runs = match chosen(&args) {
        Ok(runs) => runs,
        Err(error) => return fail(&error),
    };
    let outcomes = run_all(&runs);
    let mut all_well = true;
    for (run, outcome) in runs.iter().zip(outcomes) {
        say(&match outcome {
            Ok(fingerprint) => line(&run.name, &fingerprint),
            Err(reason) => {
                all_well = false;
                format!("{} failed: {reason}", run.name)
            }
        });
    }
    if all_well {
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
    all.find(|run| run.name == name).ok_or_else(|| {
        format!("no run is called {name}: gossip-sim/golden.txt has the names of all")
    })
}

/// Each run is one thread, in one order; several may go on at a time.
#[allow(
    clippy::disallowed_methods,
    reason = "runs know nothing of each other, and each stays on its thread"
)]
fn run_all(runs: &[Run]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let waiting = || Mutex::new(Err("did not run".to_owned()));
    let outcomes: Vec<Mutex<Outcome>> = runs.iter().map(|_| waiting()).collect();
    let threads = available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(MOST_THREADS) {
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

#[allow(clippy::print_stdout, reason = "the program's answer")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "the program's complaint")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
