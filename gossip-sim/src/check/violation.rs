//! A property that did not hold.

use std::fmt;

use gossip_core::{ChannelId, Instant};

use crate::NodeId;

/// A property that did not hold, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Time of detection.
    pub at: Instant,
    /// The node at which it was detected.
    pub node: NodeId,
    /// The property.
    pub breach: Breach,
}

/// The property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Breach {
    /// A block other than the next one was handed to the ledger.
    OutOfOrder {
        /// The channel.
        channel: ChannelId,
        /// The ledger's height.
        height: u64,
        /// The block's number.
        seq: u64,
    },
    /// A block was handed to the ledger before the previous one was stored.
    Overlap {
        /// The channel.
        channel: ChannelId,
        /// The block's number.
        seq: u64,
    },
    /// A height reported by a node fell although its ledger was kept.
    HeightFell {
        /// The channel.
        channel: ChannelId,
        /// The height reported before.
        from: u64,
        /// The height reported now.
        to: u64,
    },
    /// A chain differs from the chain that another node holds.
    Forked {
        /// The channel.
        channel: ChannelId,
        /// The first number that differs.
        seq: u64,
    },
    /// A member was seen with a lower incarnation than before, and does not run with it.
    Stale {
        /// The member.
        subject: NodeId,
        /// The incarnation seen before.
        known: u64,
        /// The incarnation seen now.
        seen: u64,
    },
    /// A node that had been down for longer than the expiration became alive in a view that had held it dead.
    Resurrected {
        /// The node that is down.
        subject: NodeId,
    },
    /// A member was seen by a node that must not know it.
    Disclosed {
        /// The member.
        subject: NodeId,
    },
    /// A node's list of members contradicts its notifications.
    ViewMismatch {
        /// The member.
        subject: NodeId,
    },
    /// A node held a running peer dead only because it had been frozen itself.
    FalseSuspicion {
        /// The peer.
        subject: NodeId,
    },
    /// A running node was not seen by a node that should see it, long enough after all repairs.
    Unseen {
        /// The node.
        subject: NodeId,
    },
    /// A node that does not run was still held alive after its death should have been detected.
    HeldAlive {
        /// The node.
        subject: NodeId,
    },
    /// A node that does not run was still listed, alive or dead, after it should have been forgotten.
    NotForgotten {
        /// The node.
        subject: NodeId,
    },
    /// A ledger lacked blocks, long enough after all repairs.
    Behind {
        /// The channel.
        channel: ChannelId,
        /// The ledger's height.
        height: u64,
        /// The height that it should have.
        due: u64,
    },
    /// A bound was exceeded.
    Overrun {
        /// The bounded quantity.
        what: &'static str,
        /// The actual number.
        actual: u64,
        /// The allowed number.
        limit: u64,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.at.as_nanos() / 1_000_000;
        write!(f, "at {millis} ms, node {}: {}", self.node, self.breach)
    }
}

impl fmt::Display for Breach {
    #[allow(
        clippy::too_many_lines,
        reason = "one sentence for each breach; they are read together"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfOrder {
                channel,
                height,
                seq,
            } => {
                write!(
                    f,
                    "block {seq} of {channel} handed to a ledger of height {height}"
                )
            }
            Self::Overlap { channel, seq } => {
                write!(
                    f,
                    "block {seq} of {channel} handed over while another was being stored"
                )
            }
            Self::HeightFell { channel, from, to } => {
                write!(f, "height of {channel} fell from {from} to {to}")
            }
            Self::Forked { channel, seq } => {
                write!(
                    f,
                    "block {seq} of {channel} differs from the one another node stored"
                )
            }
            Self::Stale {
                subject,
                known,
                seen,
            } => {
                write!(f, "sees node {subject} as incarnation {seen} after {known}")
            }
            Self::Resurrected { subject } => {
                write!(
                    f,
                    "sees node {subject} alive, which is down and was held dead"
                )
            }
            Self::Disclosed { subject } => {
                write!(f, "sees node {subject}, which it must not know")
            }
            Self::ViewMismatch { subject } => {
                write!(f, "lists node {subject} differently from its notifications")
            }
            Self::FalseSuspicion { subject } => {
                write!(f, "holds node {subject} dead because it was frozen itself")
            }
            Self::Unseen { subject } => write!(f, "does not see node {subject}, which runs"),
            Self::HeldAlive { subject } => {
                write!(f, "holds node {subject} alive, which does not run")
            }
            Self::NotForgotten { subject } => {
                write!(f, "still lists node {subject}, which has not run for long")
            }
            Self::Behind {
                channel,
                height,
                due,
            } => {
                write!(f, "holds {height} of {due} blocks of {channel}")
            }
            Self::Overrun {
                what,
                actual,
                limit,
            } => {
                write!(f, "{actual} {what}, at most {limit} are allowed")
            }
        }
    }
}
