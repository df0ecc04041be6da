//! Hostile members: a test sends forged frames on the links of a real node.

use bytes::Bytes;

use super::World;
use super::environment::Environment;
use super::heard::Heard;
use super::occurrence::Arrival;
use crate::NodeId;
use crate::network::{EndKey, EndState, Frame};

/// Cap of messages kept per overheard node; the oldest are dropped.
const MAX_HEARD: usize = 1 << 17;

impl World {
    /// Puts a frame, of any bytes, on the link from one running node to another, as if `from` had sent it.
    /// It arrives after the link's latency and after all frames under way. So `from` is an authenticated member
    /// that sends the test's frames besides those of its node.
    ///
    /// Returns `false`, and sends nothing, if no link is up between the two, or if the link is held, since a
    /// transport would not accept a frame either.
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

    /// Signs `payload` with the node's own key, whatever identity the payload names.
    pub fn sign_as(&mut self, node: NodeId, payload: &[u8]) -> Bytes {
        let identity = self.identity(node).bytes.clone();
        self.environment.crypto.sign(&identity, payload)
    }

    /// Keeps a copy of each message that reaches a node from now on; see [`World::take_heard`]. This includes
    /// messages that reach it while it is frozen, so a test can answer in its place.
    pub fn overhear(&mut self, node: NodeId) {
        self.environment.heard.entry(node.index()).or_default();
    }

    /// Messages that have reached a node since the last call, at most the last 131,072; empty without
    /// [`World::overhear`].
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

    /// The sender's end of a link that is up at both ends and not held.
    fn open_way(&self, from: u32, to: u32) -> Option<EndKey> {
        let ways = self.links.select(|end, other| {
            let up = end.state == EndState::Up && other.state == EndState::Up;
            up && end.node == from && other.node == to && !end.pipe.is_held()
        });
        ways.first().copied()
    }
}
