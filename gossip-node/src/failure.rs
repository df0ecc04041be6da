//! Failures of the command.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use thiserror::Error;

/// A failure that ends the command: one line for stderr and an exit code.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The options are invalid.
    #[error("{0}")]
    Usage(String),
    /// An input file cannot be used.
    #[error("cannot read the input {}: {reason}", path.display())]
    Input {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The input has no bytes.
    #[error("the input is empty: give files that hold at least one byte")]
    EmptyInput,
    /// The folder for the ledgers cannot be used.
    #[error("cannot keep ledgers in {}: {reason}", path.display())]
    Data {
        /// The folder.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// A peer's address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// The reason.
        reason: String,
    },
    /// A step failed.
    #[error("cannot {step}: {reason}")]
    Step {
        /// The step.
        step: &'static str,
        /// The reason.
        reason: String,
    },
    /// There was no progress for too long.
    #[error("no progress for {seconds} s while {stage}: {lacking}")]
    Stalled {
        /// Seconds without progress.
        seconds: u64,
        /// The stage.
        stage: &'static str,
        /// The peers that are behind.
        lacking: String,
    },
    /// The run ended with a failed verdict. The report has been printed.
    #[error("{0}")]
    Verdict(String),
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// An input file cannot be used.
    pub(crate) fn input(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Input {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// The folder for the ledgers cannot be used.
    pub(crate) fn data(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Data {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    /// A step failed.
    pub(crate) fn step(step: &'static str, reason: impl fmt::Display) -> Self {
        Self::Step {
            step,
            reason: reason.to_string(),
        }
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Interrupted => ExitCode::from(130),
            Self::Input { .. }
            | Self::EmptyInput
            | Self::Data { .. }
            | Self::Listen { .. }
            | Self::Step { .. }
            | Self::Stalled { .. }
            | Self::Verdict(_) => ExitCode::FAILURE,
        }
    }
}
