//! The built binary, from its options to its exit code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod chaos;
mod demo;
mod options;
mod sim;
mod support;
