//! Hostile members: a real node whose links a test abuses.

use bytes::Bytes;

use super::World;
use super::environment::Environment;
use super::heard::Heard;
use super::occurrence::Arrival;
use crate::NodeId;
use crate::network::{EndKey, EndState, Frame};

/// Messages kept of what a node hears; the oldest are dropped.
const MAX_HEARD: usize = 1 << 17;

impl World {
    /// Puts a frame, of any bytes, on the link from one running node to another, as if `from` had sent it;
    /// it arrives after the link's latency and behind what is on its way. `from` is thereby a member that
    /// has authenticated in order and does what the test wants, besides what its node does.
    ///
    /// `false`, and nothing is sent, if no link is up between the two, or if the receiver reads no further:
    /// a transport would take nothing either.
    pub fn forge(&mut self, from: NodeId, to: NodeId, frame: Bytes) -> bool {
        let Some(key) = self.environment.open_way(from.index(), to.index()) else {
            return false;
        };
        let latency = self.environment.draw_latency();
        let now = self.environment.now;
        let Some(end) = self.environment.links.end_mut(key) else {
            return false;
        };
        let at = end.pipe.arrival(now, latency);
        self.environment.stats.frames_forged += 1;
        let cargo = Arrival::Frame(Frame::Forged(frame));
        self.environment.arrive(at, key.other(), cargo);
        true
    }

    /// The signature of a node's own key over `payload`; of no other, whatever the payload says.
    pub fn sign_as(&mut self, node: NodeId, payload: &[u8]) -> Bytes {
        let identity = self.identity(node).bytes.clone();
        self.environment.crypto.sign(&identity, payload)
    }

    /// Listens to what other nodes send to a node, from now on; see [`World::take_heard`]. What reaches it
    /// while it is frozen is heard too: so a test can answer in its place.
    pub fn overhear(&mut self, node: NodeId) {
        self.environment.heard.entry(node.index()).or_default();
    }

    /// What a node has heard since the last call, of which the last 131,072 messages are kept; nothing if
    /// nobody has listened.
    pub fn take_heard(&mut self, node: NodeId) -> Vec<Heard> {
        let heard = self.environment.heard.get_mut(&node.index());
        heard.map_or_else(Vec::new, |heard| heard.drain(..).collect())
    }
}

impl Environment {
    pub(super) fn overheard(&mut self, node: u32, arrival: u32) {
        let now = self.now;
        let Some((key, Arrival::Frame(Frame::Message(message)))) = self.arrivals.peek(arrival)
        else {
            return;
        };
        let other = self.links.end(key.other());
        let (Some(heard), Some(other)) = (self.heard.get_mut(&node), other) else {
            return;
        };
        if heard.len() == MAX_HEARD {
            heard.pop_front();
        }
        heard.push_back(Heard {
            at: now,
            from: NodeId::new(other.node),
            message: message.clone(),
        });
    }

    /// The sender's end of a link that is up at both ends and moves.
    fn open_way(&self, from: u32, to: u32) -> Option<EndKey> {
        let ways = self.links.select(|end, other| {
            let up = end.state == EndState::Up && other.state == EndState::Up;
            up && end.node == from && other.node == to && !end.pipe.is_held()
        });
        ways.first().copied()
    }
}
