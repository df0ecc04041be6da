//! `gossip sim`: a large network in virtual time.

use std::num::NonZeroU64;
use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use gossip_sim::{Delay, Percentiles, Phase, Progress, Report, Scenario};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::EnvFilter;

use crate::cli::SimArgs;
use crate::console;
use crate::failure::Failure;

/// Steps of the progress bar.
const STEPS: u64 = 1000;
/// The largest block size that fits into a message.
const MAX_BLOCK: u64 = 100 << 20;

/// Runs the simulation. Succeeds only if the network converged, committed all blocks and violated nothing.
pub(crate) fn run(args: &SimArgs, log: EnvFilter) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    console::init_log(log, &bars);
    if args.json || args.quiet {
        bars.set_draw_target(ProgressDrawTarget::hidden());
    }
    let mut bar = Bar::new(&bars)?;
    let (orgs, peers) = (usize::from(args.orgs), usize::from(args.peers));
    let mut scenario = Scenario::new(orgs, peers, args.seed);
    scenario.blocks = u64::from(args.blocks);
    scenario.external = Some(usize::from(args.external));
    scenario.block_size = usize::try_from(args.block_size.0).unwrap_or(usize::MAX);
    scenario.rate = args.rate;
    scenario.warm_up = u64::from(args.warm_up);
    scenario.idle = Duration::from_secs(u64::from(args.idle));
    let millis = Duration::from_millis;
    scenario.world.latency = Delay::between(millis(args.latency.start), millis(args.latency.end));
    scenario.world.bandwidth = NonZeroU64::new(args.bandwidth.0)
        .ok_or_else(|| Failure::Usage("--bandwidth must be at least 1".to_owned()))?;
    if args.block_size.0 > MAX_BLOCK {
        return Err(Failure::Usage(
            "--block-size must be at most 100MiB".to_owned(),
        ));
    }
    if args.no_pulses {
        scenario.tune = |config| config.membership.pulses = false;
    }
    let report = scenario
        .run(&mut bar)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    drop(bar);
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| Failure::step("write JSON", error))?
    } else {
        to_text(&report)
    };
    console::report(&text)?;
    if report.is_success() {
        Ok(())
    } else {
        Err(Failure::Verdict(problems(&report)))
    }
}

/// The progress of the present phase.
struct Bar(ProgressBar);

impl Bar {
    fn new(bars: &MultiProgress) -> Result<Self, Failure> {
        let style = ProgressStyle::with_template("{msg:<12} [{bar:40}] {percent:>3} % {elapsed}")
            .map_err(|error| Failure::step("draw progress", error))?
            .progress_chars("=> ");
        Ok(Self(bars.add(ProgressBar::new(STEPS)).with_style(style)))
    }
}

impl Progress for Bar {
    fn progress(&mut self, phase: Phase, fraction: f64) {
        self.0.set_message(match phase {
            Phase::Start => "start",
            Phase::Membership => "membership",
            Phase::Blocks => "blocks",
            Phase::Storm => "storm",
            Phase::Calm => "calm",
            Phase::Done => "done",
        });
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a fraction of a thousand steps"
        )]
        self.0
            .set_position((fraction.clamp(0.0, 1.0) * STEPS as f64) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn to_text(report: &Report) -> String {
    let convergence = report
        .convergence_s
        .map_or("not reached".to_owned(), |at| format!("{at:.2} s"));
    let mut lines = vec![
        format!(
            "{} organisations of {} peers, {} blocks of {} bytes, seed {}",
            report.orgs, report.peers, report.blocks, report.block_size, report.seed
        ),
        messages(report).to_string(),
        format!("membership complete: {convergence} of virtual time"),
    ];
    lines.extend(blocks(report));
    lines.extend([
        format!(
            "traffic: {:.1} KiB sent per node",
            report.bytes_per_node / 1024.0
        ),
        format!(
            "cost: {:.2} s for {:.2} s of virtual time, {} events, {:.0} events/s",
            report.wall.seconds, report.virtual_s, report.events, report.wall.events_per_second
        ),
        format!("trace hash: {}", report.trace_hash),
    ]);
    if let Some(warm) = &report.warm {
        lines.push(format!(
            "from block {} on: payload {:.3} bytes sent per byte needed; publication to last ledger {}",
            warm.first,
            warm.payload_ratio,
            percentiles(&warm.time_to_all)
        ));
    }
    if let Some(idle) = &report.idle {
        lines.push(format!(
            "idle, per node and second: membership {:.1} messages, {:.0} bytes; all {:.0} bytes",
            idle.membership_messages, idle.membership_bytes, idle.all_bytes
        ));
    }
    lines.extend(report.missing.iter().map(|line| format!("missing: {line}")));
    lines.extend(
        report
            .violations
            .iter()
            .map(|line| format!("violation: {line}")),
    );
    lines.push(if report.is_success() {
        "verdict: ok: every peer sees all others and holds all blocks".to_owned()
    } else {
        format!("verdict: failed: {}", problems(report))
    });
    lines.join("\n")
}

/// Lines on the delivery of blocks, if there were any.
fn blocks(report: &Report) -> Vec<String> {
    if report.blocks == 0 {
        return Vec::new();
    }
    let committed = if report.committed { "yes" } else { "no" };
    let (last, each) = (
        percentiles(&report.time_to_all),
        percentiles(&report.time_per_copy),
    );
    vec![
        format!("blocks in all ledgers: {committed}"),
        format!("publication to last ledger: {last}"),
        format!("publication to each ledger: {each}"),
        format!(
            "redundancy: {:.2} copies received per copy needed",
            report.redundancy
        ),
        format!(
            "payload: {:.3} bytes sent per byte needed",
            report.payload_ratio
        ),
    ]
}

fn messages(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["messages", "count", "bytes"]);
    for kind in &report.messages {
        table.add_row([
            kind.kind.to_owned(),
            kind.messages.to_string(),
            kind.bytes.to_string(),
        ]);
    }
    for column in [1, 2] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn percentiles(times: &Percentiles) -> String {
    format!(
        "p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
        times.p50_ms, times.p99_ms, times.max_ms
    )
}

fn problems(report: &Report) -> String {
    let mut problems = Vec::new();
    if report.convergence_s.is_none() {
        problems.push("not every peer sees all others".to_owned());
    }
    if !report.committed {
        problems.push("not every peer holds all blocks".to_owned());
    }
    if report.violation_count > 0 {
        problems.push(format!("{} violations", report.violation_count));
    }
    problems.join("; ")
}
