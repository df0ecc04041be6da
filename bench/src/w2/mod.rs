//! W2: membership from a cold start, in virtual time: node i contacts node 0 at i milliseconds, and
//! messages take 5 to 15 milliseconds.

#[cfg(feature = "foca")]
mod foca;
mod ours;

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::measured::Measured;

/// The implementation to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Peer {
    /// This project, in its simulator.
    Ours,
    /// foca, a SWIM library (feature `foca`).
    Foca,
}

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Case {
    pub(crate) peer: Peer,
    pub(crate) nodes: usize,
    pub(crate) seed: u64,
}

impl Case {
    pub(crate) fn run(self) -> Result<Measured> {
        if self.nodes < 2 {
            bail!("a network to measure has at least two nodes: --nodes 2");
        }
        match self.peer {
            Peer::Ours => ours::run(self.nodes, self.seed),
            #[cfg(feature = "foca")]
            Peer::Foca => foca::run(self.nodes, self.seed),
            #[cfg(not(feature = "foca"))]
            Peer::Foca => bail!("foca is not built in: add --features foca"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = match self.peer {
            Peer::Ours => "ours",
            Peer::Foca => "foca",
        };
        write!(f, "cold start, {} nodes, {peer}", self.nodes)
    }
}
