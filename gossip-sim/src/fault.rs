//! What can go wrong in a world.

use std::time::Duration;

use crate::NodeId;

/// Something that goes wrong, or is put right again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Breaks all links between two nodes; they may connect again.
    Cut {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
    },
    /// Separates these nodes from all others: links break and dials time out, until [`Fault::Heal`]
    /// or another partition.
    Partition {
        /// One side; everybody else is the other.
        island: Vec<NodeId>,
    },
    /// Ends the partition.
    Heal,
    /// Nothing gets through from one node to another; the links stay up and the sender's credit
    /// runs out.
    Stall {
        /// The sender.
        from: NodeId,
        /// The receiver.
        to: NodeId,
        /// For how long.
        lasting: Duration,
    },
    /// Nothing gets through from any of these nodes to any of those; what they send waits, and the
    /// other direction is as before. No new connection comes about between them.
    OneWay {
        /// The senders.
        from: Vec<NodeId>,
        /// The receivers.
        to: Vec<NodeId>,
        /// For how long.
        lasting: Duration,
    },
    /// Loses frames and dials, each with this probability; a frame's credit comes back all the same, and
    /// its link stays up. Harsher than any transport that a node is promised, which loses nothing before
    /// the end of a link. Replaces the loss that was in force.
    Loss {
        /// Of a hundred frames or dials so many are lost.
        percent: u8,
        /// For how long.
        lasting: Duration,
    },
    /// Suspends a node's process: it handles nothing, its links stay up, and its neighbours' credit runs
    /// out. Then everything that has happened meanwhile reaches it in order, and its timer after that.
    Freeze {
        /// The node.
        node: NodeId,
        /// For how long.
        lasting: Duration,
    },
    /// Divides the bandwidth and multiplies the latency between two nodes, both ways.
    Slow {
        /// One node.
        a: NodeId,
        /// The other.
        b: NodeId,
        /// By how much.
        factor: u32,
        /// For how long.
        lasting: Duration,
    },
    /// Stops a node without warning. What its ledger had stored may survive.
    Crash {
        /// The node.
        node: NodeId,
    },
    /// Starts a crashed node; its application joins its channels again.
    Restart {
        /// The node.
        node: NodeId,
        /// What became of its ledger.
        ledger: LedgerFate,
        /// How its clock stands.
        incarnation: Incarnation,
    },
    /// Multiplies the time that a node's identity service takes.
    SlowCrypto {
        /// The node.
        node: NodeId,
        /// By how much.
        factor: u32,
        /// For how long.
        lasting: Duration,
    },
    /// Multiplies the time that a node's ledger takes.
    SlowLedger {
        /// The node.
        node: NodeId,
        /// By how much.
        factor: u32,
        /// For how long.
        lasting: Duration,
    },
}

/// What became of a crashed node's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerFate {
    /// All that was stored is still there.
    Kept,
    /// It is empty.
    Lost,
}

/// The incarnation that a node starts again with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incarnation {
    /// Greater than the last one, as it should be.
    Next,
    /// Smaller than the last one, as after a clock was set back.
    Backwards,
}

/// The classes that faults can be switched off by.
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

    /// Its name in reports.
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
    /// Does it put something right again?
    #[must_use]
    pub const fn is_repair(&self) -> bool {
        matches!(self, Self::Heal | Self::Restart { .. })
    }

    /// For how long it keeps messages from some nodes that others have, if it does.
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

    /// The class it belongs to.
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

/// Which classes of faults take effect. A fault of another class is drawn and planned like any
/// other, then skipped, so that switching a class off changes no random choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultMask(u16);

impl FaultMask {
    /// Every class takes effect.
    pub const ALL: Self = Self(u16::MAX);

    /// The same without `class`.
    #[must_use]
    pub const fn without(self, class: FaultClass) -> Self {
        Self(self.0 & !(1 << class as u8))
    }

    /// Does `class` take effect?
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
