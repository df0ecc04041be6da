use std::fmt;
use std::sync::Arc;

use gossip_core::{ChannelId, PeerId};

use crate::views::Views;

/// A participant's signature over its state info (Fabric's `PeerSignature`).
#[derive(Clone, Copy, Debug)]
pub struct PeerSignature<'a> {
    /// The peer's serialized identity.
    pub identity: &'a [u8],
    /// The signed text: the payload of its latest state info.
    pub message: &'a [u8],
    /// Its signature over the text.
    pub signature: &'a [u8],
}

type Predicate = Box<dyn Fn(PeerSignature<'_>) -> bool + Send + Sync>;

/// A filter for the participants of a channel by a predicate over their signed state info, for instance the policy
/// of a collection. Returned by
/// [`GossipService::peer_filter`](super::GossipService::peer_filter).
///
/// It reads the latest snapshot at each call, and does not keep the node running.
pub struct PeerFilter {
    views: Arc<Views>,
    channel: ChannelId,
    predicate: Predicate,
}

impl PeerFilter {
    pub(crate) fn new(views: Arc<Views>, channel: ChannelId, predicate: Predicate) -> Self {
        Self {
            views,
            channel,
            predicate,
        }
    }

    /// Whether the peer is an alive participant of the channel and satisfies the predicate. Always `false` once the
    /// channel was left. Costs a look-up and the predicate.
    #[must_use]
    pub fn matches(&self, peer: &PeerId) -> bool {
        let channels = self.views.channels();
        let Some(info) = channels.get(&self.channel) else {
            return false;
        };
        let place = info.peers.binary_search_by(|one| one.peer.cmp(peer));
        let Some(one) = place.ok().and_then(|place| info.peers.get(place)) else {
            return false;
        };
        (self.predicate)(PeerSignature {
            identity: &one.identity,
            message: one.state_info.payload(),
            signature: one.state_info.signature(),
        })
    }
}

impl fmt::Debug for PeerFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerFilter")
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
