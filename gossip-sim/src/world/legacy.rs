//! Legacy peers: peers without our capabilities.

use gossip_core::Config;
use gossip_core::proto::{Content, GossipMessage, SignedMessage, UnsignedMessage};

use super::World;
use super::environment::Environment;
use crate::NodeId;
use crate::network::EndKey;

impl World {
    /// Adds a legacy peer: on its links neither side sees a capability, a network id or an incarnation in the
    /// other's authentication, and it uses neither pulses nor the tree. Both sides treat each other as legacy peers.
    ///
    /// # Errors
    /// As [`World::add`].
    pub fn add_legacy(&mut self, mut config: Config) -> Result<NodeId, gossip_core::ConfigError> {
        config.membership.pulses = false;
        config.push.tree = false;
        let node = self.add(config)?;
        self.environment.host(node.index()).legacy = true;
        Ok(node)
    }
}

impl Environment {
    /// Removes the extensions from an authentication and signs it again, if one end of the link is a legacy peer;
    /// returns every other message unchanged.
    pub(super) fn for_legacy(&mut self, from: EndKey, message: SignedMessage) -> SignedMessage {
        let Content::Conn(conn) = message.content() else {
            return message;
        };
        let ends = [from, from.other()].map(|key| self.links.end(key).map(|end| end.node));
        let [Some(sender), Some(receiver)] = ends else {
            return message;
        };
        if ![sender, receiver]
            .map(|end| self.hosts[end as usize].legacy)
            .contains(&true)
        {
            return message;
        }
        let mut conn = conn.clone();
        conn.capabilities = 0;
        conn.network_id.clear();
        conn.incarnation = 0;
        let content = Content::Conn(conn);
        let message = GossipMessage {
            content,
            ..message.message().clone()
        };
        let unsigned = UnsignedMessage::new(message, None);
        let own = &self.hosts[sender as usize].config.identity.bytes;
        let signature = self.crypto.sign(own, unsigned.payload());
        unsigned.sign(signature, None)
    }
}
