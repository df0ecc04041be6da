//! Developer commands. `cargo run -p xtask -- help` lists them.

mod architecture;
mod codegen;
mod dependency_rule;
mod file_sizes;
mod golden;
mod import_circles;
mod instructions;
mod msrv;
mod readme;
mod scenarios;
mod schema;
mod simulation;
mod sources;
mod workspace;

use std::{path::Path, process::ExitCode};

const USAGE: &str = "usage: cargo run -p xtask -- COMMAND
  architecture      fail if ARCHITECTURE.md names a file or function that does not exist
  codegen           regenerate gossip-proto/src/generated from gossip-proto/proto
  codegen --check   fail if the generated code that is checked in differs
  dependency-rule   fail if a crate depends on one that the design does not allow
  file-sizes        fail if a source file is too long
  golden --check    fail if a run of the simulator does something else than gossip-sim/golden.txt says
  golden --write    take over what the runs do now
  golden --long     the same as --check for larger networks; golden --long --write takes them over
  import-circles    fail if files of a crate import each other in a circle
  instructions --check  fail if the core's hot paths take more or fewer instructions than expected
  instructions --write  take over what they take now (both need valgrind)
  msrv              fail if a dependency needs a newer compiler than the workspace states
  readme            fail if README.md shows another example than the facade's front page
  scenarios         fail if tests/README.md or gossip/README.md names a test that does not exist, or none in a row
  sim-1000          fail if a simulation of 1,000 peers differs in a second process or takes too long";

/// The violations that a check found, one entry each.
type Violations = Vec<String>;

/// Why a command could not run.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let Some(root) = Path::new(env!("CARGO_MANIFEST_DIR")).parent() else {
        return fail("xtask: its folder has no parent: run it from the workspace");
    };
    let outcome = match args.as_slice() {
        ["architecture"] => architecture::check(root),
        ["codegen"] => codegen::write(root),
        ["codegen", "--check"] => codegen::check(root),
        ["dependency-rule"] => workspace::load(root).map(|found| dependency_rule::check(&found)),
        ["file-sizes"] => file_sizes::check(root),
        ["golden", "--check"] => golden::check(root, golden::List::Short),
        ["golden", "--write"] => golden::write(root, golden::List::Short),
        ["golden", "--long"] => golden::check(root, golden::List::Long),
        ["golden", "--long", "--write"] => golden::write(root, golden::List::Long),
        ["import-circles"] => {
            workspace::load(root).and_then(|found| import_circles::check(root, &found))
        }
        ["instructions", "--check"] => instructions::check(root),
        ["instructions", "--write"] => instructions::write(root),
        ["msrv"] => workspace::load(root).map(|found| msrv::check(&found)),
        ["readme"] => readme::check(root),
        ["scenarios"] => scenarios::check(root),
        ["sim-1000"] => simulation::check(root),
        ["help" | "--help" | "-h"] => {
            say(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => return fail(USAGE),
    };
    match outcome {
        Ok(violations) if violations.is_empty() => ExitCode::SUCCESS,
        Ok(violations) => fail(&violations.join("\n")),
        Err(error) => fail(&format!("xtask: {error}")),
    }
}

#[allow(clippy::print_stdout, reason = "the command line's answer")]
fn say(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "the command line's complaint")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
