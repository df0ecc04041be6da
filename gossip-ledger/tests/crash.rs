//! A process killed during commits loses no block that it has reported as committed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{grow, next_block};
use gossip_driver::core::ChannelId;
use gossip_ledger::BlockLedger;

/// Makes the re-executed test binary commit blocks to this file until it is killed.
const FILE: &str = "GOSSIP_LEDGER_CRASH_FILE";

fn channel() -> ChannelId {
    ChannelId::new("mychannel")
}

/// No test of its own: the process that is killed.
#[test]
fn commits_until_killed() {
    let Ok(path) = std::env::var(FILE) else {
        return;
    };
    let ledger = BlockLedger::open(path).unwrap();
    let mut tip = ledger.tip(&channel()).unwrap();
    loop {
        let number = tip.map_or(0, |tip| tip.height);
        // Sizes below and above a page, and some large ones.
        let size = if number % 7 == 6 {
            3_000_000
        } else {
            100 + 977 * (number as usize % 11)
        };
        let (block, next) = next_block(tip, size);
        ledger.append(&channel(), number, &block).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
        tip = Some(next);
    }
}

/// Runs the process above until it has reported `until`, kills it, and returns the last number that
/// it reported.
fn commit_and_kill(path: &Path, until: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "commits_until_killed", "--nocapture"])
        .env(FILE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut number_of = || {
        lines.by_ref().find_map(|line| {
            line.unwrap()
                .rsplit_once("committed ")
                .and_then(|(_, number)| number.parse().ok())
        })
    };
    let mut last = number_of().expect("the child must report");
    while last < until {
        last = number_of().expect("the child must go on");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Numbers still in the pipe were reported before the kill.
    while let Some(number) = number_of() {
        last = number;
    }
    last
}

#[test]
fn nothing_committed_is_lost_when_the_process_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.redb");
    let mut until = 0;
    for step in [0, 1, 2, 3, 5, 8, 6, 7, 13, 21] {
        until += step;
        let reported = commit_and_kill(&path, until);
        let ledger = BlockLedger::open(&path).unwrap();
        let checked = ledger.check_chain(&channel()).unwrap().unwrap();
        assert_eq!(Some(checked), ledger.tip(&channel()).unwrap());
        // The block after the last reported one may have been committed without a report.
        let heights = reported + 1..=reported + 2;
        assert!(
            heights.contains(&checked.height),
            "{heights:?} {}",
            checked.height
        );
        until = checked.height;
    }
    let ledger = BlockLedger::open(&path).unwrap();
    grow(&ledger, &channel(), until + 3, 100);
}
