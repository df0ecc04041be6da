//! Where to send, and what became of it.

use super::drop_reason::DropReason;
use crate::{Endpoint, OrgId};

/// Where a peer is believed to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendTo {
    /// Its address; absent where none is known, then only a link that is up can carry a message.
    pub(crate) endpoint: Option<Endpoint>,
    /// Its organisation, if known: another peer of it may answer at the address.
    pub(crate) expected_org: Option<OrgId>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Queued on a link that is up.
    Queued,
    /// Waits for a link, which may be some time off if dials to the peer are backing off.
    Dialling,
    /// Dropped, and counted.
    Dropped(DropReason),
}
