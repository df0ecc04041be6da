//! Runs the built binary.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// The command, not yet started, without `RUST_LOG`.
pub(crate) fn gossip<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gossip"));
    command.args(args).env_remove("RUST_LOG");
    command
}

/// Runs the command to its end.
pub(crate) fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Output {
    gossip(args).output().unwrap()
}

/// Runs the command, which must fail with `code` and exactly one line on stderr, and returns it.
pub(crate) fn fails<S: AsRef<OsStr>>(code: i32, args: impl IntoIterator<Item = S>) -> String {
    let output = run(args);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("gossip: error: "), "{stderr}");
    assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
    stderr
}

/// Runs the command, which must succeed and print one JSON document.
pub(crate) fn json<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Value {
    let output = run(args);
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}{}", text(&output.stdout));
    assert_eq!(stderr, "", "nothing but the document is written");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A file of `bytes` bytes with a long period.
pub(crate) fn write_input(path: &Path, bytes: u64) {
    let mut state = bytes | 1;
    let content: Vec<u8> = (0..bytes)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    std::fs::write(path, content).unwrap();
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
