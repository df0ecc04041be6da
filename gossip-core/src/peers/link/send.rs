//! The address of a message, and its outcome.

use super::drop_reason::DropReason;
use crate::{Endpoint, OrgId};

/// The known address of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SendTo {
    /// Its endpoint; absent if unknown: then a message needs a link that is up.
    pub(crate) endpoint: Option<Endpoint>,
    /// Its organisation, if known: another peer of it may answer at the endpoint.
    pub(crate) expected_org: Option<OrgId>,
}

/// The outcome of sending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Queued on a link that is up.
    Queued,
    /// Waits for a link, which may take long if dials to the peer are backing off.
    Dialling,
    /// Dropped, and counted.
    Dropped(DropReason),
}
