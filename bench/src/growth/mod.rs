//! The cost of a unit of work as the work grows: more nodes on sockets and in the simulator, larger
//! payloads.

mod payload;
mod simulator;
mod sockets;

use std::fmt;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::measured::Measured;
use crate::size::size;
use crate::w1::Peer;

/// Peers of each organisation, if there are several.
pub(crate) const ORG: usize = 64;

/// Payload sizes in bytes.
pub(crate) const SIZES: [usize; 7] = [
    1 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
];

/// One point of a curve.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "lowercase")]
pub(crate) enum Case {
    /// A cluster on loopback: forming the mesh, idling, and paced blocks of 1 KB.
    Sockets { peer: Peer, nodes: usize },
    /// Blocks of 1 KB in virtual time, in organisations of `peers` peers.
    Simulator { orgs: usize, peers: usize },
    /// The closed loop of W1 among eight nodes.
    Payload { peer: Peer, size: usize },
}

/// A point of a chart, and its curve.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    /// Cases of one part have the same figures.
    pub(crate) part: &'static str,
    pub(crate) series: &'static str,
    /// Number of nodes, or bytes of payload.
    pub(crate) amount: usize,
}

impl Case {
    pub(crate) async fn run(self) -> Result<Measured> {
        match self {
            Self::Sockets { peer, nodes } => sockets::run(peer, nodes).await,
            Self::Simulator { orgs, peers } => simulator::run(orgs, peers),
            Self::Payload { peer, size } => payload::run(peer, size).await,
        }
    }

    pub(crate) fn point(&self) -> Point {
        let (part, series, amount) = match *self {
            Self::Sockets { peer, nodes } => ("sockets", peer.name(), nodes),
            Self::Simulator { orgs: 1, peers } => ("simulator", "one organisation", peers),
            Self::Simulator { orgs, peers } => ("simulator", "many organisations", orgs * peers),
            Self::Payload { peer, size } => ("payload", peer.name(), size),
        };
        Point {
            part,
            series,
            amount,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sockets { peer, nodes } => write!(f, "sockets, {nodes} nodes, {}", peer.name()),
            Self::Simulator { orgs: 1, peers } => {
                write!(f, "simulator, {peers} nodes, one organisation")
            }
            Self::Simulator { orgs, peers } => {
                let nodes = orgs * peers;
                write!(f, "simulator, {nodes} nodes, {orgs} organisations")
            }
            Self::Payload { peer, size: bytes } => {
                write!(f, "payload, {}, {}", size(*bytes), peer.name())
            }
        }
    }
}
