use gossip_core::LinkDownReason;

use crate::network::{EndKey, Frame};

/// What happens next to a node. Small: the heap moves it around.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occurrence {
    Start,
    Wake,
    /// An event from the slab, for one life of the node.
    Event(u32),
    /// An operation of the ledger completes.
    Ledger(u32),
    /// Something arrives at an end of a link.
    Arrival(u32),
    /// The line of an end is free again.
    Pump(EndKey),
    /// Credit is returned.
    Sweep,
    /// A dial reaches the other side.
    Accept(EndKey),
    /// A dial has succeeded.
    Connected(EndKey),
    Fault(u32),
    Publish(u32),
}

/// What arrives at the end of a link.
#[derive(Debug)]
pub(super) enum Arrival {
    Frame(Frame),
    End(LinkDownReason),
}
