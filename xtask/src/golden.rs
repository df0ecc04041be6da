//! Runs of the simulator do what they did: their fingerprints are those of `gossip-sim/golden.txt`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Failure, Violations};

const RUN: &str = "run --quiet --release --locked --package gossip-sim --example golden --";
const WRITE: &str = "cargo run -p xtask -- golden";
/// Runs of the long list are called so.
const LONG: &str = "long/";
const HASHES: [&str; 3] = ["events", "commands", "counters"];
const HEADER: &str = "\
# What runs of the simulator do, as CONTRIBUTING.md says: the name of each run, then the first 128 bits of the hashes
# of its events, its commands and its counters. Written by cargo run -p xtask -- golden [--long] --write.
";

/// Which runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Short,
    Long,
}

impl List {
    fn of(name: &str) -> Self {
        if name.starts_with(LONG) {
            Self::Long
        } else {
            Self::Short
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Long => "long",
        }
    }

    fn remedy(self) -> String {
        let long = if self == Self::Long { " --long" } else { "" };
        format!("if that is meant, run {WRITE}{long} --write and say why in the commit")
    }
}

/// The rest of each line by its first word, in the order of the lines.
type Lines = Vec<(String, String)>;

/// One line for each run that does not do what the file says.
pub(crate) fn check(root: &Path, list: List) -> Result<Violations, Failure> {
    let expected = parse(&fs::read_to_string(file(root))?);
    Ok(compare(&expected, &run(root, list)?, list))
}

/// Takes over what the runs of a list do; the lines of the other list stay.
pub(crate) fn write(root: &Path, list: List) -> Result<Violations, Failure> {
    let told = run(root, list)?;
    let failed: Violations = told.iter().filter_map(failure).collect();
    if !failed.is_empty() {
        return Ok(failed);
    }
    let before = fs::read_to_string(file(root)).unwrap_or_default();
    fs::write(file(root), render(&parse(&before), told, list))?;
    Ok(Violations::new())
}

fn file(root: &Path) -> PathBuf {
    root.join("gossip-sim").join("golden.txt")
}

fn run(root: &Path, list: List) -> Result<Lines, Failure> {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(RUN.split(' '))
        .arg(list.name())
        .current_dir(root)
        .stderr(Stdio::inherit())
        .output()?;
    let told = parse(std::str::from_utf8(&output.stdout)?);
    if told.is_empty() {
        return Err("the runs do not build, or end before they tell anything".into());
    }
    Ok(told)
}

fn parse(text: &str) -> Lines {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
        .collect()
}

fn failure((name, rest): &(String, String)) -> Option<String> {
    let reason = rest.strip_prefix("failed: ")?;
    Some(format!(
        "{name} does not do what it is for: {reason}\n  {}",
        again(name)
    ))
}

fn again(name: &str) -> String {
    format!("alone: cargo {RUN} {name}")
}

fn compare(expected: &Lines, told: &Lines, list: List) -> Violations {
    let mut left: BTreeMap<&str, &str> = expected
        .iter()
        .filter(|(name, _)| List::of(name) == list)
        .map(|(name, rest)| (name.as_str(), rest.as_str()))
        .collect();
    let mut violations = Violations::new();
    for line in told {
        let (name, now) = line;
        let before = left.remove(name.as_str());
        if let Some(failure) = failure(line) {
            violations.push(failure);
        } else if before.is_none() {
            violations.push(format!("{name} is not in gossip-sim/golden.txt"));
        } else if let Some(before) = before.filter(|before| before != now) {
            violations.push(difference(name, before, now));
        }
    }
    for name in left.keys() {
        violations.push(format!(
            "{name} is in gossip-sim/golden.txt, but there is no such run"
        ));
    }
    if !violations.is_empty() {
        violations.push(list.remedy());
    }
    violations
}

fn difference(name: &str, before: &str, now: &str) -> String {
    let mut text = format!("{name} does something else than before");
    for ((what, before), now) in HASHES.iter().zip(before.split(' ')).zip(now.split(' ')) {
        if before != now {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {what}: {now} instead of {before}");
        }
    }
    text + "\n  " + &again(name)
}

fn render(before: &Lines, told: Lines, list: List) -> String {
    let others = before.iter().filter(|(name, _)| List::of(name) != list);
    let others: Lines = others.cloned().collect();
    let (short, long) = match list {
        List::Short => (told, others),
        List::Long => (others, told),
    };
    let lines = short.into_iter().chain(long);
    HEADER.to_owned()
        + &lines
            .map(|(name, rest)| format!("{name} {rest}\n"))
            .collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# text\nsim/a 1 2 3\nchaos/b 4 5 6\nlong/sim/c 7 8 9\n";

    fn told(text: &str) -> Violations {
        compare(&parse(FILE), &parse(text), List::Short)
    }

    #[test]
    fn runs_that_do_what_they_did_are_fine() {
        assert!(told("sim/a 1 2 3\nchaos/b 4 5 6\n").is_empty());
        let long = compare(&parse(FILE), &parse("long/sim/c 7 8 9\n"), List::Long);
        assert!(long.is_empty());
    }

    #[test]
    fn a_run_that_does_something_else_is_named_with_both_hashes_and_its_command() {
        let violations = told("sim/a 1 7 3\nchaos/b 4 5 6\n");
        let [difference, remedy] = &violations[..] else {
            panic!("{violations:?}");
        };
        assert!(difference.starts_with("sim/a does something else"));
        assert!(difference.contains("commands: 7 instead of 2"));
        assert!(!difference.contains("events"), "{difference}");
        assert!(difference.ends_with("--example golden -- sim/a"));
        assert!(remedy.contains("--write"));
    }

    #[test]
    fn a_run_that_fails_is_missing_or_is_new_is_named() {
        let violations = told("sim/a failed: not all hold 3 blocks\nscene/d 1 2 3\n");
        assert!(violations[0].contains("not all hold 3 blocks"));
        assert!(violations[1].starts_with("scene/d is not in"));
        assert!(violations[2].starts_with("chaos/b is in"));
        assert_eq!(violations.len(), 4);
    }

    #[test]
    fn writing_one_list_keeps_the_other() {
        let text = render(&parse(FILE), parse("sim/a 0 0 0\n"), List::Short);
        assert_eq!(text, HEADER.to_owned() + "sim/a 0 0 0\nlong/sim/c 7 8 9\n");
        let text = render(&parse(FILE), parse("long/e 0 0 0\n"), List::Long);
        assert!(text.ends_with("chaos/b 4 5 6\nlong/e 0 0 0\n"), "{text}");
    }
}
