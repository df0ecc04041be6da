//! Tombstones of members.

use gossip_proto::PeerTime;

use crate::PeerId;
use crate::recent::Recent;

/// The last time of a removed member: older heartbeats of it are ignored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tombstone {
    pub(super) time: PeerTime,
    /// Whether its last message was its farewell.
    pub(super) left: bool,
}

/// Tombstones by member. At most `membership.max_members`.
pub(super) type Tombstones = Recent<PeerId, Tombstone>;
