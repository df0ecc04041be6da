//! Instructions per event of the core's hot paths, counted by callgrind: they hardly vary from run
//! to run, whatever else runs on the machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Failure, Violations};

/// Kind, amount and number of events of each case of W3.
const CASES: [(&str, u64, u64); 6] = [
    ("duplicate", 1 << 10, 2_048),
    ("duplicate", 1 << 20, 128),
    ("first_copy", 1 << 10, 2_048),
    ("first_copy", 64 << 10, 512),
    ("known_alive", 1_000, 2_048),
    ("new_alive", 1_000, 2_048),
];
/// The functions that are counted with their callees: decoding a frame and handling its message.
const COUNTED: [&str; 2] = ["bench::w3::decode", "bench::w3::handle"];
/// In percent, up or down: an improvement must be stored too, or it would hide a later regression.
const TOLERANCE: f64 = 3.0;

type Counts = BTreeMap<String, f64>;

fn baseline(root: &Path) -> PathBuf {
    root.join("bench").join("instructions.json")
}

/// Counts, and stores the counts as the expected ones.
pub(crate) fn write(root: &Path) -> Result<Violations, Failure> {
    let counts = count(root)?;
    let text = serde_json::to_string_pretty(&json!(counts))?;
    fs::write(baseline(root), text + "\n")?;
    Ok(Violations::new())
}

/// One line for each case with an unexpected count.
pub(crate) fn check(root: &Path) -> Result<Violations, Failure> {
    let expected: Counts = serde_json::from_str(&fs::read_to_string(baseline(root))?)?;
    Ok(compare(&expected, &count(root)?))
}

fn compare(expected: &Counts, counted: &Counts) -> Violations {
    let mut violations = Violations::new();
    for (case, count) in counted {
        let Some(expected) = expected.get(case) else {
            violations.push(format!("{case}: not in bench/instructions.json: {REMEDY}"));
            continue;
        };
        let change = (count / expected - 1.0) * 100.0;
        if change.abs() > TOLERANCE {
            violations.push(format!(
                "{case}: {count:.0} instructions per event instead of {expected:.0} ({change:+.1} %, \
                 {TOLERANCE} % are tolerated): {REMEDY}"
            ));
        }
    }
    violations
}

const REMEDY: &str = "if that is meant, run cargo run -p xtask -- instructions --write";

fn count(root: &Path) -> Result<Counts, Failure> {
    let bench = build(root)?;
    let mut counts = Counts::new();
    for (kind, amount, events) in CASES {
        let case = json!({ "workload": "w3", "kind": kind, "amount": amount, "events": events });
        let output = Command::new("valgrind")
            .args([
                "--tool=callgrind",
                "--collect-atstart=no",
                "--callgrind-out-file=/dev/null",
            ])
            .args(COUNTED.map(|function| format!("--toggle-collect={function}")))
            .arg(&bench)
            .args(["case", &case.to_string()])
            .output()
            .map_err(|error| format!("valgrind cannot be started: {error}: install it"))?;
        let output = String::from_utf8_lossy(&output.stderr);
        let total =
            collected(&output).ok_or_else(|| format!("valgrind reports no count: {output}"))?;
        counts.insert(format!("{kind} {amount}"), (total / events as f64).round());
    }
    Ok(counts)
}

/// Builds the benchmark program in release mode; returns its path.
fn build(root: &Path) -> Result<PathBuf, Failure> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--package",
            "bench",
        ])
        .arg("--message-format=json")
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err("the benchmarks do not build".into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let executable = messages.lines().rev().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    executable.ok_or_else(|| "cargo names no program".into())
}

/// The total in valgrind's last lines, such as `==42== Collected : 123456`.
fn collected(output: &str) -> Option<f64> {
    let line = output.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(duplicate: f64) -> Counts {
        Counts::from([("duplicate 1024".to_owned(), duplicate)])
    }

    #[test]
    fn the_total_is_read_from_the_closing_lines() {
        let output = "==1== Events    : Ir\n==1== Collected : 3049331\n";
        assert_eq!(collected(output), Some(3_049_331.0));
        assert_eq!(collected("==1== nothing"), None);
    }

    #[test]
    fn counts_within_the_tolerance_pass_and_others_are_named_with_the_remedy() {
        let expected = counts(1_000.0);
        assert!(compare(&expected, &counts(1_029.0)).is_empty());
        assert!(compare(&expected, &counts(971.0)).is_empty());
        for moved in [1_031.0, 969.0] {
            let violations = compare(&expected, &counts(moved));
            assert!(
                violations[0].contains("instructions --write"),
                "{violations:?}"
            );
        }
        assert_eq!(compare(&Counts::new(), &counts(1.0)).len(), 1);
    }
}
