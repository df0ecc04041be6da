//! What is remembered of members that are gone.

use gossip_proto::PeerTime;

use crate::PeerId;
use crate::recent::Recent;

/// The last time heard of a member that is gone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tombstone {
    pub(super) time: PeerTime,
    /// It has said farewell.
    pub(super) left: bool,
}

/// One of each member that is gone. At most `membership.max_members`.
pub(super) type Tombstones = Recent<PeerId, Tombstone>;
