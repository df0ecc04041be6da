//! Read-only views for the application.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, Limits, Properties, RawEnvelope, SignedMessage};

use crate::{ChannelId, Endpoint, Instant, OrgId, PeerId};

/// A member of the network as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Who.
    pub peer: PeerId,
    /// Its organisation, if known.
    pub org: Option<OrgId>,
    /// The endpoint it tells everybody.
    pub endpoint: Option<Endpoint>,
    /// The endpoint it tells its own organisation, if that is ours.
    pub internal_endpoint: Option<Endpoint>,
    /// Opaque to gossip.
    pub metadata: Bytes,
    /// The start of the peer that its latest heartbeat belongs to; grows each time it starts.
    pub incarnation: u64,
    /// Heard of within the expiration time, as opposed to dead.
    pub alive: bool,
    /// An authenticated link is up.
    pub connected: bool,
    /// Since when it could not be reached: all dials since then failed, and it has not connected either.
    /// Others may hear it all the same.
    pub unreachable_since: Option<Instant>,
    /// The signed heartbeat from which all this comes, as received, for those who pass it on or check it
    /// themselves: the latest one when this view was made. Absent of ourselves until somebody was there to
    /// sign one for.
    pub heartbeat: Option<RawEnvelope>,
}

impl Member {
    /// Where to reach it: the internal endpoint if known, else the external one.
    #[must_use]
    pub fn preferred_endpoint(&self) -> Option<&Endpoint> {
        self.internal_endpoint.as_ref().or(self.endpoint.as_ref())
    }
}

/// An identity that was found valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentityInfo {
    /// Whose.
    pub peer: PeerId,
    /// Its organisation, if known.
    pub org: Option<OrgId>,
    /// The serialized identity.
    pub identity: Bytes,
    /// How long it is still valid; absent if it does not expire, and of our own if nobody has told us.
    pub expires_in: Option<Duration>,
}

/// A peer's part in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelPeer {
    /// Who.
    pub peer: PeerId,
    /// Its organisation.
    pub org: OrgId,
    /// The height it published last; a claim, nothing more.
    pub height: u64,
    /// When we heard of that, in the node's own time: a peer that has published nothing for long may be
    /// anywhere.
    pub heard: Instant,
    /// What it published last, as signed by it.
    pub state_info: RawEnvelope,
    /// Its serialized identity.
    pub identity: Bytes,
}

impl ChannelPeer {
    /// What it tells of itself: its height, and the chaincodes that it can execute. Decoded at each call.
    #[must_use]
    pub fn properties(&self) -> Properties {
        properties(&self.state_info)
    }
}

/// A channel as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Which.
    pub channel: ChannelId,
    /// Blocks in our ledger.
    pub height: u64,
    /// Blocks held beyond it.
    pub buffered: usize,
    /// What we published of ourselves last; absent until somebody was there to read it.
    pub state_info: Option<RawEnvelope>,
    /// Alive peers that take part, without ourselves, in the order of their PKI-IDs. Views in which none of
    /// that differs share the list (see [`Node::channel_since`](crate::Node::channel_since)).
    pub peers: Arc<[ChannelPeer]>,
    /// What the ledger said when it failed, if it did.
    pub halted: Option<String>,
    pub(crate) version: ChannelVersion,
}

/// What a view of a channel was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelVersion {
    /// Which participation: versions begin anew with each.
    pub(crate) joined: u64,
    /// Of everything but the peers.
    pub(crate) own: u64,
    pub(crate) peers: u64,
    pub(crate) members: u64,
}

impl ChannelVersion {
    /// Are the peers the same in both views?
    pub(crate) fn has_peers_of(&self, other: &Self) -> bool {
        let of_peers = |version: &Self| (version.joined, version.peers, version.members);
        of_peers(self) == of_peers(other)
    }
}

impl ChannelInfo {
    /// What we published of ourselves last. Decoded at each call.
    #[must_use]
    pub fn properties(&self) -> Option<Properties> {
        self.state_info.as_ref().map(properties)
    }
}

/// What a state info tells; of one that is held it is never missing.
fn properties(state_info: &RawEnvelope) -> Properties {
    let message = SignedMessage::decode_nested(state_info, &Limits::default());
    match message.as_ref().map(SignedMessage::content) {
        Ok(Content::StateInfo(info)) => info.properties.clone().unwrap_or_default(),
        _ => Properties::default(),
    }
}
