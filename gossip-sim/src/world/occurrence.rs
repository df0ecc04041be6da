use gossip_core::LinkDownReason;

use crate::network::{EndKey, Frame};

/// An entry of the event heap. It is small, because the heap moves its entries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Occurrence {
    Start,
    Wake,
    /// An event from the slab, for one run of the node between start and crash.
    Event(u32),
    /// An operation of the ledger completes.
    Ledger(u32),
    /// A frame or the end of the stream arrives at an end of a link.
    Arrival(u32),
    /// The line of an end of a link is free again.
    Pump(EndKey),
    /// Credit is returned to a node.
    Sweep,
    /// A dial reaches the other side.
    Accept(EndKey),
    /// A dial has succeeded.
    Connected(EndKey),
    Fault(u32),
    Publish(u32),
}

/// A frame or the end of the stream, on its way to an end of a link.
#[derive(Debug)]
pub(super) enum Arrival {
    Frame(Frame),
    End(LinkDownReason),
}
