//! `gossip chaos`.

use crate::support::{json, run, text};

const SMALL: [&str; 6] = ["chaos", "--nodes", "3", "--seeds", "1..4", "--json"];

#[test]
fn the_same_seeds_give_the_same_storms_in_two_processes_with_any_number_of_threads() {
    let one_thread = [&SMALL[..], &["--threads", "1"]].concat();
    let [mut first, mut second] = [json(&SMALL[..]), json(&one_thread[..])];
    for summary in [&mut first, &mut second] {
        for run in summary["runs"].as_array_mut().unwrap() {
            let wall = run.as_object_mut().unwrap().remove("wall");
            assert!(wall.is_some(), "only the real time may differ");
        }
    }
    assert_eq!(first, second);
    let seeds: Vec<_> = first["runs"].as_array().unwrap().iter().collect();
    let seeds: Vec<_> = seeds.iter().map(|run| run["seed"].as_u64()).collect();
    assert_eq!(seeds, [Some(1), Some(2), Some(3)]);
}

#[test]
fn one_seed_can_be_repeated_with_a_full_report() {
    let output = run(["chaos", "--nodes", "3", "--seed", "2"]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}{stdout}", text(&output.stderr));
    for part in ["partition", "views equal", "trace hash", "coverage: "] {
        assert!(stdout.contains(part), "{part} in {stdout}");
    }
    assert!(
        stdout.lines().last().unwrap().starts_with("verdict: ok"),
        "{stdout}"
    );
}
