//! Read-only views for the application.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{Content, Limits, Properties, RawEnvelope, SignedMessage};

use crate::{ChannelId, Endpoint, Instant, OrgId, PeerId};

/// A member of the network, as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The member's id.
    pub peer: PeerId,
    /// Its organisation, if known.
    pub org: Option<OrgId>,
    /// Its external endpoint, which every peer may learn.
    pub endpoint: Option<Endpoint>,
    /// Its internal endpoint, known only within our own organisation.
    pub internal_endpoint: Option<Endpoint>,
    /// Its metadata, opaque to gossip.
    pub metadata: Bytes,
    /// The incarnation in its latest heartbeat, which grows with each start of the peer.
    pub incarnation: u64,
    /// Whether it is considered alive: heard of within the expiration time.
    pub alive: bool,
    /// Whether an authenticated link to it is up.
    pub connected: bool,
    /// Time of the first dial that failed since the last link to it authenticated; absent if there is none. Other
    /// members may still reach it.
    pub unreachable_since: Option<Instant>,
    /// The latest signed heartbeat at the time of this view, as received, to pass on or to verify. Absent of ourselves
    /// until our first heartbeat is signed.
    pub heartbeat: Option<RawEnvelope>,
}

impl Member {
    /// The endpoint to dial: the internal one if known, else the external one.
    #[must_use]
    pub fn preferred_endpoint(&self) -> Option<&Endpoint> {
        self.internal_endpoint.as_ref().or(self.endpoint.as_ref())
    }
}

/// A valid identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentityInfo {
    /// The peer's id.
    pub peer: PeerId,
    /// Its organisation, if known.
    pub org: Option<OrgId>,
    /// The serialized identity.
    pub identity: Bytes,
    /// The time until it expires; absent if it does not expire or, for our own identity, if that is unknown.
    pub expires_in: Option<Duration>,
}

/// A participant of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelPeer {
    /// The peer's id.
    pub peer: PeerId,
    /// Its organisation.
    pub org: OrgId,
    /// The height it published last, which is not verified.
    pub height: u64,
    /// When we learned it, in the node's own time: the height of a peer that has not published for long is stale.
    pub heard: Instant,
    /// Its latest state info, as signed.
    pub state_info: RawEnvelope,
    /// Its serialized identity.
    pub identity: Bytes,
}

impl ChannelPeer {
    /// The properties it published: its height and its chaincodes. Decoded at each call.
    #[must_use]
    pub fn properties(&self) -> Properties {
        properties(&self.state_info)
    }
}

/// A channel as this node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// The channel's name.
    pub channel: ChannelId,
    /// Blocks in our ledger.
    pub height: u64,
    /// Blocks held beyond the ledger's height.
    pub buffered: usize,
    /// Our latest state info; absent until it is signed.
    pub state_info: Option<RawEnvelope>,
    /// Alive participants without ourselves, in the order of their ids. Views with the same participants share the list
    /// (see [`Node::channel_since`](crate::Node::channel_since)).
    pub peers: Arc<[ChannelPeer]>,
    /// The error of the ledger, if the channel has halted.
    pub halted: Option<String>,
    pub(crate) version: ChannelVersion,
}

/// The versions that a view of a channel was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChannelVersion {
    /// Of the participation: the other versions restart with each.
    pub(crate) joined: u64,
    /// Of everything except the peers.
    pub(crate) own: u64,
    pub(crate) peers: u64,
    pub(crate) members: u64,
}

impl ChannelVersion {
    /// Returns whether the peers are the same in both views.
    pub(crate) fn has_peers_of(&self, other: &Self) -> bool {
        let of_peers = |version: &Self| (version.joined, version.peers, version.members);
        of_peers(self) == of_peers(other)
    }
}

impl ChannelInfo {
    /// The properties that we published last. Decoded at each call.
    #[must_use]
    pub fn properties(&self) -> Option<Properties> {
        self.state_info.as_ref().map(properties)
    }
}

/// The properties in a state info. A state info that was accepted has some.
fn properties(state_info: &RawEnvelope) -> Properties {
    let message = SignedMessage::decode_nested(state_info, &Limits::default());
    match message.as_ref().map(SignedMessage::content) {
        Ok(Content::StateInfo(info)) => info.properties.clone().unwrap_or_default(),
        _ => Properties::default(),
    }
}
