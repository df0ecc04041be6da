//! W7: the whole stack on real sockets, with the default configuration.

mod flood;
mod idle;
mod mesh;

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::measured::Measured;
use crate::size::size;

/// One run.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "lowercase")]
pub(crate) enum Case {
    /// All nodes start at once and find each other.
    Mesh { nodes: usize },
    /// Nothing happens for 45 seconds.
    Idle { nodes: usize, channel: bool },
    /// Blocks as fast as three quarters of the nodes receive them.
    Flood { nodes: usize, size: usize },
}

impl Case {
    pub(crate) async fn run(self) -> Result<Measured> {
        match self {
            Self::Mesh { nodes } => mesh::run(nodes).await,
            Self::Idle { nodes, channel } => idle::run(nodes, channel).await,
            Self::Flood { nodes, size } => flood::run(nodes, size).await,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mesh { nodes } => write!(f, "mesh, {nodes} nodes"),
            Self::Idle { nodes, channel } => {
                let with = if *channel {
                    "one channel"
                } else {
                    "no channel"
                };
                write!(f, "idle, {nodes} nodes, {with}")
            }
            Self::Flood { nodes, size: bytes } => {
                write!(f, "flood, {nodes} nodes, {}", size(*bytes))
            }
        }
    }
}
