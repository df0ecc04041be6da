//! `gossip sim`.

use crate::support::{json, run, text};

const SMALL: [&str; 10] = [
    "sim", "--orgs", "2", "--peers", "4", "--blocks", "10", "--seed", "7", "--json",
];

#[test]
fn the_same_seed_gives_the_same_run_in_two_processes() {
    let [mut first, mut second] = [json(SMALL), json(SMALL)];
    for report in [&mut first, &mut second] {
        let wall = report.as_object_mut().unwrap().remove("wall");
        assert!(wall.is_some(), "only the real time may differ");
    }
    assert_eq!(first, second);
    assert_eq!(first["committed"], true);
    assert_eq!(first["trace_hash"].as_str().unwrap().len(), 64);
}

#[test]
fn another_seed_gives_another_run() {
    let mut other = SMALL;
    other[8] = "8";
    assert_ne!(json(SMALL)["trace_hash"], json(other)["trace_hash"]);
}

#[test]
fn the_text_report_ends_with_a_verdict() {
    let output = run(&SMALL[..9]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}{stdout}", text(&output.stderr));
    for part in [
        "membership complete",
        "redundancy",
        "trace hash",
        "publication to last ledger",
    ] {
        assert!(stdout.contains(part), "{part} in {stdout}");
    }
    assert!(
        stdout.lines().last().unwrap().starts_with("verdict: ok"),
        "{stdout}"
    );
}
