//! A case: one measurement. Each runs in a process of its own, so that memory and threads of one
//! case do not affect the next.

use std::fmt;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

use crate::measured::Measured;
use crate::{growth, w1, w2, w3, w4, w6, w7};

/// A measurement of one of the workloads.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "workload", rename_all = "lowercase")]
pub(crate) enum Case {
    W1(w1::Case),
    W2(w2::Case),
    W3(w3::Case),
    W4(w4::Case),
    W6(w6::Case),
    W7(w7::Case),
    Growth(growth::Case),
}

impl Case {
    /// The name of the charts for this case and similar ones; short, since it is a file name.
    pub(crate) fn group(&self) -> &'static str {
        match self {
            Self::W1(case) => match case.mode {
                w1::Mode::Closed => "w1-closed",
                w1::Mode::Paced => "w1-paced",
                w1::Mode::Burst => "w1-burst",
            },
            Self::W2(_) => "w2",
            Self::W3(_) => "w3",
            Self::W4(w4::Case::Nodes { .. }) => "w4-nodes",
            Self::W4(w4::Case::Members { .. }) => "w4-members",
            Self::W6(_) => "w6",
            Self::W7(w7::Case::Mesh { .. }) => "w7-mesh",
            Self::W7(w7::Case::Idle { .. }) => "w7-idle",
            Self::W7(w7::Case::Flood { .. }) => "w7-flood",
            Self::Growth(case) => case.point().part,
        }
    }

    /// Runs the case in a process of its own.
    pub(crate) fn run_in_process(&self) -> Result<Measured> {
        let program = std::env::current_exe().context("this program cannot be found again")?;
        let output = Command::new(program)
            .arg("case")
            .arg(serde_json::to_string(self)?)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("the process of a case cannot be started")?;
        if !output.status.success() {
            bail!("{self} failed: {}", output.status);
        }
        serde_json::from_slice(&output.stdout).context("a case printed something else than figures")
    }

    /// Runs the case in this process.
    pub(crate) fn run(self) -> Result<Measured> {
        match self {
            Self::W1(case) => on_tokio(case.run()),
            Self::W2(case) => case.run(),
            Self::W3(case) => case.run(),
            Self::W4(case) => on_tokio(case.run()),
            Self::W6(case) => on_tokio(case.run()),
            Self::W7(case) => on_tokio(case.run()),
            Self::Growth(case) => on_tokio(case.run()),
        }
    }
}

/// With two workers on every machine, so that results can be compared.
fn on_tokio<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let result = tokio.block_on(work);
    tokio.shutdown_background();
    result
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::W1(case) => write!(f, "w1 {case}"),
            Self::W2(case) => write!(f, "w2 {case}"),
            Self::W3(case) => write!(f, "w3 {case}"),
            Self::W4(case) => write!(f, "w4 {case}"),
            Self::W6(case) => write!(f, "w6 {case}"),
            Self::W7(case) => write!(f, "w7 {case}"),
            Self::Growth(case) => write!(f, "growth {case}"),
        }
    }
}
