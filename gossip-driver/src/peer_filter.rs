use std::fmt;
use std::sync::Arc;

use gossip_core::{ChannelId, PeerId};

use crate::views::Views;

/// What a peer has signed about its part in a channel (Fabric's `PeerSignature`).
#[derive(Clone, Copy, Debug)]
pub struct PeerSignature<'a> {
    /// The peer's serialized identity.
    pub identity: &'a [u8],
    /// The text: the payload of its latest state info.
    pub message: &'a [u8],
    /// Its signature over the text.
    pub signature: &'a [u8],
}

type Predicate = Box<dyn Fn(PeerSignature<'_>) -> bool + Send + Sync>;

/// Tells which peers of a channel satisfy a predicate over what they have signed, for instance a policy of a
/// part of the channel such as a collection. Made by [`Gossip::peer_filter`](crate::Gossip::peer_filter).
///
/// It looks at the present each time it is asked, and does not keep the node running.
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

    /// Does this peer take part in the channel, alive, and satisfy the predicate? Nobody does in a channel
    /// that was left. Costs a look-up and the predicate.
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
