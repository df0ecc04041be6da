//! Faults of a world.

use std::time::Duration;

use crate::NodeId;

/// A fault, or its repair.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Breaks all links between two nodes, which may connect again.
    Cut {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// Separates the island from all other nodes: links break and dials time out, until [`Fault::Heal`]
    /// or another partition.
    Partition {
        /// One side; all other nodes are the other side.
        island: Vec<NodeId>,
    },
    /// Ends the partition.
    Heal,
    /// Stalls the links from one node to another: no frame arrives, the links stay up, and the sender's credit
    /// runs out.
    Stall {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// Duration.
        lasting: Duration,
    },
    /// Cuts one direction: frames from any node of `from` to any node of `to` wait, the other direction works. No
    /// new connection can be made between them.
    OneWay {
        /// The senders.
        from: Vec<NodeId>,
        /// The receivers.
        to: Vec<NodeId>,
        /// Duration.
        lasting: Duration,
    },
    /// Loses frames and dials, each with this probability; a lost frame's credit is returned, and its link stays
    /// up. Harsher than the transport that a node may expect, which loses no frame before the end of a link.
    /// Replaces an earlier loss.
    Loss {
        /// Probability in percent.
        percent: u8,
        /// Duration.
        lasting: Duration,
    },
    /// Suspends a node's process: it handles nothing, its links stay up, and its neighbours' credit runs
    /// out. At the end it handles all events that have occurred meanwhile in order, then its timer.
    Freeze {
        /// The node.
        node: NodeId,
        /// Duration.
        lasting: Duration,
    },
    /// Divides the bandwidth and multiplies the latency between two nodes, both ways.
    Slow {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// Factor.
        factor: u32,
        /// Duration.
        lasting: Duration,
    },
    /// Crashes a node. Its ledger may survive.
    Crash {
        /// The node.
        node: NodeId,
    },
    /// Starts a crashed node, whose application joins its channels again.
    Restart {
        /// The node.
        node: NodeId,
        /// Whether its ledger survived.
        ledger: LedgerFate,
        /// Its new incarnation.
        incarnation: Incarnation,
    },
    /// Multiplies the time that a node's identity service takes.
    SlowCrypto {
        /// The node.
        node: NodeId,
        /// Factor.
        factor: u32,
        /// Duration.
        lasting: Duration,
    },
    /// Multiplies the time that a node's ledger takes.
    SlowLedger {
        /// The node.
        node: NodeId,
        /// Factor.
        factor: u32,
        /// Duration.
        lasting: Duration,
    },
}

/// Whether a crashed node's ledger survived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFate {
    /// All stored blocks are kept.
    Kept,
    /// The ledger is empty.
    Lost,
}

/// The incarnation of a restarted node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incarnation {
    /// Greater than the last one, the normal case.
    Next,
    /// Smaller than the last one, as after a clock was set back.
    Backwards,
}

/// Classes of faults, each of which a [`FaultMask`] can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultClass {
    /// [`Fault::Cut`].
    Cut,
    /// [`Fault::Partition`] and [`Fault::Heal`].
    Partition,
    /// [`Fault::Stall`].
    Stall,
    /// [`Fault::Slow`].
    Slow,
    /// [`Fault::Crash`] and [`Fault::Restart`].
    Crash,
    /// [`Fault::SlowCrypto`].
    SlowCrypto,
    /// [`Fault::SlowLedger`].
    SlowLedger,
    /// [`Fault::OneWay`].
    OneWay,
    /// [`Fault::Loss`].
    Loss,
    /// [`Fault::Freeze`].
    Freeze,
}

impl FaultClass {
    /// All classes.
    pub const ALL: [Self; 10] = [
        Self::Cut,
        Self::Partition,
        Self::Stall,
        Self::Slow,
        Self::Crash,
        Self::SlowCrypto,
        Self::SlowLedger,
        Self::OneWay,
        Self::Loss,
        Self::Freeze,
    ];

    /// The name of the class in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Partition => "partition",
            Self::Stall => "stall",
            Self::Slow => "slow link",
            Self::Crash => "crash",
            Self::SlowCrypto => "slow crypto",
            Self::SlowLedger => "slow ledger",
            Self::OneWay => "one-way cut",
            Self::Loss => "loss",
            Self::Freeze => "freeze",
        }
    }
}

impl Fault {
    /// Returns whether it is a repair.
    #[must_use]
    pub const fn is_repair(&self) -> bool {
        matches!(self, Self::Heal | Self::Restart { .. })
    }

    /// How long it may delay messages to some nodes; `None` if it does not.
    pub(crate) const fn delays_for(&self) -> Option<Duration> {
        match self {
            Self::Stall { lasting, .. }
            | Self::OneWay { lasting, .. }
            | Self::Loss { lasting, .. }
            | Self::Freeze { lasting, .. }
            | Self::Slow { lasting, .. }
            | Self::SlowCrypto { lasting, .. } => Some(*lasting),
            Self::Cut { .. }
            | Self::Partition { .. }
            | Self::Heal
            | Self::Crash { .. }
            | Self::Restart { .. }
            | Self::SlowLedger { .. } => None,
        }
    }

    /// Its class.
    #[must_use]
    pub const fn class(&self) -> FaultClass {
        match self {
            Self::Cut { .. } => FaultClass::Cut,
            Self::Partition { .. } | Self::Heal => FaultClass::Partition,
            Self::Stall { .. } => FaultClass::Stall,
            Self::Slow { .. } => FaultClass::Slow,
            Self::Crash { .. } | Self::Restart { .. } => FaultClass::Crash,
            Self::SlowCrypto { .. } => FaultClass::SlowCrypto,
            Self::SlowLedger { .. } => FaultClass::SlowLedger,
            Self::OneWay { .. } => FaultClass::OneWay,
            Self::Loss { .. } => FaultClass::Loss,
            Self::Freeze { .. } => FaultClass::Freeze,
        }
    }
}

/// The set of classes whose faults take effect. A fault of another class is drawn and planned like any
/// other, then skipped, so that switching a class off changes no random choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultMask(u16);

impl FaultMask {
    /// All classes take effect.
    pub const ALL: Self = Self(u16::MAX);

    /// The same without `class`.
    #[must_use]
    pub const fn without(self, class: FaultClass) -> Self {
        Self(self.0 & !(1 << class as u8))
    }

    /// Returns whether faults of `class` take effect.
    #[must_use]
    pub const fn allows(self, class: FaultClass) -> bool {
        self.0 & (1 << class as u8) != 0
    }
}

impl Default for FaultMask {
    fn default() -> Self {
        Self::ALL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_switches_off_one_class_only() {
        for off in FaultClass::ALL {
            let mask = FaultMask::ALL.without(off);
            for class in FaultClass::ALL {
                assert_eq!(mask.allows(class), class != off);
            }
        }
    }
}
