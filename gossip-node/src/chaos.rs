//! `gossip chaos`: networks in storms, several at a time.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use gossip_sim::{Phase, Progress, Trial, TrialReport};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::cli::ChaosArgs;
use crate::console;
use crate::failure::Failure;

/// Steps of the progress bar for each run.
const STEPS: f64 = 1000.0;

/// The results of all runs.
#[derive(Serialize)]
struct Summary {
    nodes: u32,
    clocks_right: bool,
    failed: Vec<u64>,
    runs: Vec<TrialReport>,
}

/// Runs the seeds. Succeeds only if all runs passed.
pub(crate) fn run(args: &ChaosArgs, log: EnvFilter) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    console::init_log(log, &bars);
    if args.json || args.quiet {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let seeds = args
        .seed
        .map_or(args.seeds.clone(), |seed| seed..seed.saturating_add(1));
    let nodes = usize::try_from(args.nodes).unwrap_or(usize::MAX);
    let threads = args.threads.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );
    let bar = bar(&bars, &seeds)?;
    let trial = |seed| {
        let mut trial = Trial::new(nodes, seed);
        trial.clocks_set_back = !args.clocks_right;
        trial
    };
    let runs = run_all(trial, &seeds, threads, &bar)?;
    bar.finish_and_clear();
    let failed = runs.iter().filter(|run| !run.is_success());
    let summary = Summary {
        nodes: args.nodes,
        clocks_right: args.clocks_right,
        failed: failed.map(|run| run.seed).collect(),
        runs,
    };
    let text = if args.json {
        serde_json::to_string_pretty(&summary)
            .map_err(|error| Failure::step("write JSON", error))?
    } else {
        to_text(&summary)
    };
    console::report(&text)?;
    if summary.failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Verdict(format!(
        "{} of {} runs failed; repeat the first one: {}",
        summary.failed.len(),
        summary.runs.len(),
        command(&summary, summary.failed.first().copied().unwrap_or(0))
    )))
}

fn bar(bars: &MultiProgress, seeds: &Range<u64>) -> Result<ProgressBar, Failure> {
    let style = ProgressStyle::with_template("storms [{bar:40}] {percent:>3} % {elapsed}")
        .map_err(|error| Failure::step("draw progress", error))?
        .progress_chars("=> ");
    let length = (seeds.end - seeds.start).saturating_mul(1000);
    Ok(bars.add(ProgressBar::new(length)).with_style(style))
}

/// Runs the seeds on `threads` threads; returns the reports in order of seeds.
fn run_all(
    trial: impl Fn(u64) -> Trial + Sync,
    seeds: &Range<u64>,
    threads: usize,
    bar: &ProgressBar,
) -> Result<Vec<TrialReport>, Failure> {
    let next = AtomicU64::new(seeds.start);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = trial(seed).run(&mut Share::new(bar));
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push(report);
                }
            });
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    let runs: Result<Vec<_>, _> = done.into_iter().collect();
    let mut runs = runs.map_err(|error| Failure::Usage(error.to_string()))?;
    runs.sort_by_key(|run| run.seed);
    Ok(runs)
}

/// The part of one run in the progress bar.
struct Share<'a> {
    bar: &'a ProgressBar,
    reported: u64,
}

impl<'a> Share<'a> {
    const fn new(bar: &'a ProgressBar) -> Self {
        Self { bar, reported: 0 }
    }
}

impl Progress for Share<'_> {
    fn progress(&mut self, phase: Phase, fraction: f64) {
        let (from, to) = match phase {
            Phase::Start | Phase::Membership => return,
            Phase::Blocks | Phase::Storm => (0.0, 0.8),
            Phase::Calm => (0.8, 1.0),
            Phase::Done => (1.0, 1.0),
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of a thousand steps"
        )]
        let at = ((from + fraction.clamp(0.0, 1.0) * (to - from)) * STEPS) as u64;
        self.bar.inc(at.saturating_sub(self.reported));
        self.reported = self.reported.max(at);
    }
}

/// The command that repeats one run.
fn command(summary: &Summary, seed: u64) -> String {
    let clocks = if summary.clocks_right {
        " --clocks-right"
    } else {
        ""
    };
    format!(
        "gossip chaos --nodes {} --seed {seed}{clocks}",
        summary.nodes
    )
}

fn to_text(summary: &Summary) -> String {
    let mut lines = vec![table(&summary.runs).to_string()];
    if let [run] = &summary.runs[..] {
        lines.push(format!("trace hash: {}", run.trace_hash));
    }
    lines.push(coverage(&summary.runs));
    for run in summary.runs.iter().filter(|run| !run.is_success()) {
        let again = command(summary, run.seed);
        lines.push(format!(
            "seed {} failed, {} violations: {again}",
            run.seed, run.violation_count
        ));
        let shown = if summary.runs.len() == 1 { 20 } else { 3 };
        let violations = run.violations.iter().take(shown);
        lines.extend(violations.map(|line| format!("  {line}")));
    }
    let failed = summary.failed.len();
    lines.push(if failed == 0 {
        "verdict: ok: all runs passed".to_owned()
    } else {
        format!("verdict: failed: {failed} of {} runs", summary.runs.len())
    });
    lines.join("\n")
}

/// One row for each duration of the partition.
fn table(runs: &[TrialReport]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header([
        "partition",
        "runs",
        "failed",
        "views equal",
        "blocks everywhere",
        "virtual time",
        "events",
        "cost",
    ]);
    let mut lengths: Vec<u64> = runs.iter().map(|run| run.partition_s).collect();
    lengths.sort_unstable();
    lengths.dedup();
    for length in lengths {
        let of: Vec<_> = runs
            .iter()
            .filter(|run| run.partition_s == length)
            .collect();
        let failed = of.iter().filter(|run| !run.is_success()).count();
        table.add_row([
            format!("{length} s"),
            of.len().to_string(),
            failed.to_string(),
            longest(of.iter().map(|run| run.views_s)),
            longest(of.iter().map(|run| run.blocks_s)),
            format!("{:.0} s", of.iter().map(|run| run.virtual_s).sum::<f64>()),
            of.iter().map(|run| run.events).sum::<u64>().to_string(),
            format!(
                "{:.1} s",
                of.iter().map(|run| run.wall.seconds).sum::<f64>()
            ),
        ]);
    }
    for column in 0..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The longest of these times after the storm.
fn longest(mut times: impl Iterator<Item = Option<f64>>) -> String {
    let longest = times.try_fold(0.0_f64, |longest, time| Some(longest.max(time?)));
    longest.map_or("not all".to_owned(), |time| format!("≤ {time:.1} s"))
}

/// The sums of the coverage of all runs.
fn coverage(runs: &[TrialReport]) -> String {
    let mut sums = std::collections::BTreeMap::new();
    for (name, count) in runs.iter().flat_map(|run| &run.coverage) {
        *sums.entry(*name).or_insert(0) += count;
    }
    let parts: Vec<_> = sums
        .iter()
        .map(|(name, count)| format!("{count} × {name}"))
        .collect();
    format!("coverage: {}", parts.join(", "))
}
