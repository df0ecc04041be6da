//! `gossip demo`.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{gossip, json, run, text, write_input};
use serde_json::Value;

const GENEROUS: Duration = Duration::from_secs(120);

/// All ledgers of `report` have the same `height` and equal the input.
fn assert_complete(report: &Value, peers: usize, height: u64) {
    assert_eq!(report["verdict"], "ok");
    assert_eq!(report["blocks"], height);
    let entries = report["peers"].as_array().unwrap();
    assert_eq!(entries.len(), peers);
    for peer in entries {
        assert_eq!(peer["height"], height, "{peer}");
        assert_eq!(peer["equal"], true, "{peer}");
        assert_eq!(peer["chain_hash"], entries[0]["chain_hash"]);
        let sources = ["blocks_published", "blocks_pushed", "blocks_transferred"];
        let received: u64 = sources
            .iter()
            .map(|source| peer[source].as_u64().unwrap())
            .sum();
        assert_eq!(
            received, height,
            "each block has exactly one source: {peer}"
        );
    }
    assert!(report["timing"]["last_peer_max_ms"].as_f64().unwrap() > 0.0);
}

fn every_peer_gets_every_block(runtime: &str, transport: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    write_input(&first, 20_000);
    write_input(&second, 12_768);
    let mut args = vec![
        "demo",
        "--json",
        "--orgs",
        "2",
        "--peers",
        "2",
        "--block-size",
        "4KiB",
    ];
    args.extend(["--runtime", runtime, "--transport", transport, "--input"]);
    args.extend([first.to_str().unwrap(), second.to_str().unwrap()]);
    let report = json(args);
    assert_complete(&report, 4, 8);
    assert_eq!(report["runtime"], runtime);
    assert_eq!(report["transport"], transport);
    assert_eq!(report["input_bytes"], 32_768);
}

#[test]
fn every_peer_gets_every_block_on_tokio_over_tcp() {
    every_peer_gets_every_block("tokio", "tcp");
}

#[test]
fn every_peer_gets_every_block_on_smol_over_tcp() {
    every_peer_gets_every_block("smol", "tcp");
}

#[test]
fn every_peer_gets_every_block_on_tokio_over_memory() {
    every_peer_gets_every_block("tokio", "mem");
}

#[test]
fn every_peer_gets_every_block_on_smol_over_memory() {
    every_peer_gets_every_block("smol", "mem");
}

#[test]
fn without_options_the_built_in_text_is_distributed() {
    let output = run(["demo"]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}{stdout}", text(&output.stderr));
    assert!(stdout.contains("peer3.org2"), "{stdout}");
    let verdict = stdout.lines().last().unwrap();
    assert!(
        verdict.starts_with("verdict: ok: 8 of 8 ledgers equal"),
        "{verdict}"
    );
}

#[test]
fn a_network_of_one_peer_works() {
    let report = json(["demo", "--json", "--orgs", "1", "--peers", "1"]);
    assert_complete(&report, 1, 22);
    assert_eq!(report["block_size"], 64 << 10, "the default");
}

#[test]
fn ledgers_are_removed_unless_kept() {
    let temporary = tempfile::tempdir().unwrap();
    let args = [
        "demo",
        "--json",
        "--orgs",
        "1",
        "--peers",
        "2",
        "--transport",
        "mem",
    ];
    let run = |keep: &[&str]| {
        let command = gossip(args.iter().chain(keep))
            .env("TMPDIR", temporary.path())
            .output();
        assert!(command.unwrap().status.success());
        fs::read_dir(temporary.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(&[]), [] as [&Path; 0]);
    let kept = run(&["--keep"]);
    assert_eq!(kept.len(), 1);
    assert!(kept[0].join("peer1.org1/ledger.redb").is_file());
}

#[test]
fn a_folder_of_ledgers_is_kept_and_refused_by_the_next_run() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("ledgers");
    let args = [
        "demo",
        "--json",
        "--orgs",
        "1",
        "--peers",
        "2",
        "--transport",
        "mem",
        "--data",
    ];
    let args: Vec<_> = args.into_iter().chain([data.to_str().unwrap()]).collect();
    let report = json(&args);
    assert_eq!(report["ledgers"], data.to_str().unwrap());
    assert!(data.join("peer0.org1/ledger.redb").is_file());
    let error = crate::support::fails(1, &args);
    assert!(error.contains("earlier run"), "{error}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_all_peers_and_removes_their_ledgers() {
    let dir = tempfile::tempdir().unwrap();
    let temporary = dir.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let input = dir.path().join("input");
    write_input(&input, 32 << 20);
    let mut demo = gossip([
        "demo",
        "--quiet",
        "--orgs",
        "1",
        "--peers",
        "2",
        "--block-size",
        "256",
    ])
    .arg("--input")
    .arg(&input)
    .args(["--transport", "mem"])
    .env("TMPDIR", &temporary)
    .stdout(Stdio::piped())
    .stderr(Stdio::piped())
    .spawn()
    .unwrap();
    let started = Instant::now();
    while !has_ledger(&temporary) {
        assert!(started.elapsed() < GENEROUS, "no ledger has appeared");
        assert_eq!(
            demo.try_wait().unwrap(),
            None,
            "the run ended before the interrupt"
        );
        std::thread::yield_now();
    }
    let killed = std::process::Command::new("kill")
        .args(["-INT", &demo.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    let output = demo.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(text(&output.stderr), "gossip: interrupted\n");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(
        fs::read_dir(&temporary).unwrap().count(),
        0,
        "temporary files are removed"
    );
}

#[cfg(unix)]
fn has_ledger(temporary: &Path) -> bool {
    let mut entries = fs::read_dir(temporary).unwrap().flatten();
    entries.any(|entry| entry.path().join("peer1.org1/ledger.redb").is_file())
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_not_a_failure() {
    let args = ["demo", "--orgs", "1", "--peers", "1", "--transport", "mem"];
    let mut demo = gossip(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(demo.stdout.take());
    let output = demo.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}
