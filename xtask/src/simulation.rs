//! A large simulation gives the same result in two processes, within a time limit.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{Failure, Violations};

const RUN: &str = "run --quiet --release --locked --package gossip-node --";
const SIMULATION: &str = "sim --orgs 10 --peers 100 --blocks 100 --seed 1 --json";

/// Measured on a shared two-core machine: 45 s.
const MAX_SECONDS: f64 = 60.0;

/// The factor by which this machine may be slower.
const SLOWNESS_VARIABLE: &str = "XTASK_SLOWNESS";

/// Runs the simulation twice. One line for each run beyond the time limit, and for each part of the
/// report that differs, except its cost.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let slowness = match std::env::var(SLOWNESS_VARIABLE) {
        Ok(text) => text
            .parse::<f64>()
            .map_err(|error| format!("{SLOWNESS_VARIABLE}={text}: {error}"))?,
        Err(_) => 1.0,
    };
    let reports = [run(root)?, run(root)?];
    Ok(compare(reports, MAX_SECONDS * slowness))
}

/// The report; fails if the network has not converged or not committed every block.
fn run(root: &Path) -> Result<Value, Failure> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(RUN.split(' ').chain(SIMULATION.split(' ')))
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("gossip {SIMULATION} failed").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn compare(mut reports: [Value; 2], max_seconds: f64) -> Violations {
    let mut violations = Vec::new();
    for report in &mut reports {
        let wall = report.as_object_mut().and_then(|map| map.remove("wall"));
        let seconds = wall.and_then(|wall| wall["seconds"].as_f64());
        if seconds.is_none_or(|seconds| seconds > max_seconds) {
            let took =
                seconds.map_or_else(|| "no time reported".to_owned(), |s| format!("{s:.1} s"));
            violations.push(format!(
                "gossip {SIMULATION}: {took}, at most {max_seconds} s are allowed ({SLOWNESS_VARIABLE}=2 doubles it)"
            ));
        }
    }
    let [first, second] = reports.map(|report| report.as_object().cloned().unwrap_or_default());
    let keys = first
        .keys()
        .chain(second.keys().filter(|key| !first.contains_key(*key)));
    for key in keys.filter(|key| first.get(*key) != second.get(*key)) {
        violations.push(format!(
            "gossip {SIMULATION}: {key} differs from one process to the next"
        ));
    }
    violations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(hash: &str, seconds: f64) -> Value {
        json!({ "trace_hash": hash, "nodes": 1000, "wall": { "seconds": seconds } })
    }

    #[test]
    fn equal_runs_in_time_are_fine() {
        assert!(compare([report("a", 20.0), report("a", 30.0)], 60.0).is_empty());
    }

    #[test]
    fn a_run_that_takes_too_long_is_named() {
        let found = compare([report("a", 20.0), report("a", 60.1)], 60.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("60.1 s"), "{found:?}");
    }

    #[test]
    fn whatever_differs_besides_the_cost_is_named() {
        let found = compare([report("a", 20.0), report("b", 20.0)], 60.0);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("trace_hash differs"), "{found:?}");
        let missing = compare([report("a", 20.0), json!({})], 60.0);
        assert_eq!(missing.len(), 3, "{missing:?}");
    }
}
