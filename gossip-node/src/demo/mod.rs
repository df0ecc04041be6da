//! `gossip demo`: a network in one process that commits a chain to ledgers on disk.
//!
//! [`run`] prepares ([`plan`], [`data_dir`]), runs the stages of the network on the chosen
//! runtime ([`session`]), reads every ledger back ([`verify`]) and reports ([`report`]).

mod addresses;
mod blocks;
mod commits;
mod data_dir;
mod input;
mod network;
mod observed;
mod organisations;
mod plan;
mod progress;
mod publication;
mod report;
mod session;
mod verify;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;

use self::data_dir::DataDir;
use self::plan::Plan;
use self::progress::Screen;
use self::report::{PeerReport, Report, TimingReport, milliseconds, rate, seconds};
use self::session::Outcome;
use self::verify::Contents;
use crate::cli::{DemoArgs, RuntimeKind, TransportKind};
use crate::console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::size::ByteSize;

/// Runs the demo. Succeeds only if every ledger equals the input.
pub(crate) fn run(args: &DemoArgs, log: EnvFilter) -> Result<(), Failure> {
    let started = Instant::now();
    let plan = Plan::new(args)?;
    let interrupt = Interrupt::install()?;
    let data = DataDir::prepare(plan.data.as_deref(), plan.keep)?;
    let bars = MultiProgress::new();
    console::init_log(log, &bars);
    let silent = args.json || args.quiet;
    let mut screen = Screen::new(bars, !silent)?;
    if !silent {
        console::note(&introduction(&plan));
    }
    let outcome = session::run(&plan, &data, &mut screen, &interrupt)?;
    let comparing = Instant::now();
    let contents = compare(&plan, &data, &screen, &interrupt)?;
    drop(screen);
    let spent = Spent {
        comparison: comparing.elapsed(),
        total: started.elapsed(),
    };
    let report = make_report(&plan, &data, &outcome, &contents, &spent);
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(|error| Failure::step("write JSON", error))?
    } else {
        report.to_text()
    };
    console::report(&text)?;
    if report.problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::Verdict(report.problems.join("; ")))
    }
}

/// Time spent outside the session.
struct Spent {
    comparison: Duration,
    total: Duration,
}

fn introduction(plan: &Plan) -> String {
    let block_size = ByteSize(plan.block_size as u64);
    let what = report::describe_input(
        &plan.input.names(),
        plan.input.bytes(),
        plan.blocks,
        block_size,
    );
    format!(
        "{} organisations of {} peers over {} on {}; {what}",
        plan.orgs,
        plan.peers_per_org,
        transport_name(plan),
        runtime_name(plan),
    )
}

fn compare(
    plan: &Plan,
    data: &DataDir,
    screen: &Screen,
    interrupt: &Interrupt,
) -> Result<Vec<Contents>, Failure> {
    let specs = plan.specs();
    let ledgers: Vec<PathBuf> = specs
        .iter()
        .map(|spec| data.ledger(&spec.name))
        .collect::<Result<_, _>>()?;
    screen.comparing(plan.input.bytes().saturating_mul(specs.len() as u64))?;
    verify::compare_all(
        &ledgers,
        &network::channel_id(),
        &plan.input,
        screen,
        interrupt,
    )
}

fn make_report(
    plan: &Plan,
    data: &DataDir,
    outcome: &Outcome,
    contents: &[Contents],
    spent: &Spent,
) -> Report {
    let problems = problems(plan, contents);
    Report {
        verdict: if problems.is_empty() { "ok" } else { "failed" },
        problems,
        runtime: runtime_name(plan),
        transport: transport_name(plan),
        orgs: plan.orgs,
        peers_per_org: plan.peers_per_org,
        input: plan.input.names(),
        input_bytes: plan.input.bytes(),
        block_size: plan.block_size as u64,
        blocks: plan.blocks,
        timing: timing(plan, outcome, spent),
        peers: peers(plan, outcome, contents),
        ledgers: data
            .remains(plan.keep)
            .map(|path| path.display().to_string()),
    }
}

/// The reasons for which the run is not a success.
fn problems(plan: &Plan, contents: &[Contents]) -> Vec<String> {
    let specs = plan.specs();
    let mut problems: Vec<String> = specs
        .iter()
        .zip(contents)
        .filter_map(|(spec, ledger)| {
            let difference = ledger.difference.as_ref()?;
            Some(format!("the ledger of {} {difference}", spec.name))
        })
        .collect();
    let odd = specs.iter().zip(contents).find(|(_, ledger)| {
        contents
            .first()
            .is_some_and(|first| first.chain_hash != ledger.chain_hash)
    });
    if let Some((spec, _)) = odd {
        problems.push(format!(
            "the chain of {} is not that of {}",
            spec.name, specs[0].name
        ));
    }
    problems
}

fn timing(plan: &Plan, outcome: &Outcome, spent: &Spent) -> TimingReport {
    let timing = &outcome.timing;
    TimingReport {
        membership_s: seconds(outcome.membership),
        dissemination_s: seconds(timing.spread),
        comparison_s: seconds(spent.comparison),
        total_s: seconds(spent.total),
        last_peer_p50_ms: milliseconds(timing.p50),
        last_peer_p99_ms: milliseconds(timing.p99),
        last_peer_max_ms: milliseconds(timing.max),
        blocks_per_s: rate(plan.blocks, timing.spread),
        bytes_per_s: rate(plan.input.bytes(), timing.spread),
    }
}

fn peers(plan: &Plan, outcome: &Outcome, contents: &[Contents]) -> Vec<PeerReport> {
    let specs = plan.specs();
    let peers = specs.iter().zip(contents).zip(&outcome.metrics);
    peers
        .map(|((spec, ledger), metrics)| PeerReport {
            name: spec.name.clone(),
            org: spec.msp.clone(),
            leader: spec.is_leader(),
            height: ledger.height,
            chain_hash: ledger.chain_hash.clone(),
            equal: ledger.difference.is_none(),
            blocks_published: metrics.blocks_published,
            blocks_pushed: metrics.blocks_pushed,
            blocks_transferred: metrics.blocks_transferred,
            blocks_duplicate: metrics.blocks_duplicate,
            bytes_sent: metrics.bytes_sent,
            bytes_received: metrics.bytes_received,
        })
        .collect()
}

fn runtime_name(plan: &Plan) -> &'static str {
    match plan.runtime {
        RuntimeKind::Tokio => "tokio",
        RuntimeKind::Smol => "smol",
    }
}

fn transport_name(plan: &Plan) -> &'static str {
    match plan.transport {
        TransportKind::Tcp => "tcp",
        TransportKind::Mem => "mem",
    }
}
