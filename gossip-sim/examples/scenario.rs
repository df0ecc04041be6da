//! Runs a scenario and prints its report as JSON: `scenario [orgs] [peers] [blocks] [seed]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its purpose")]

use gossip_sim::{Scenario, ScenarioError};

fn main() -> Result<(), ScenarioError> {
    let number = |place: usize, otherwise: usize| {
        std::env::args()
            .nth(place)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let scenario = Scenario::new(number(1, 2), number(2, 4), number(4, 1) as u64)
        .blocks(number(3, 100) as u64, 1_024);
    let report = scenario.run(&mut ())?;
    match serde_json::to_string_pretty(&report) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("{error}"),
    }
    Ok(())
}
