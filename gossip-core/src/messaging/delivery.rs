use bytes::Bytes;
use gossip_proto::{Content, SignedMessage};

use crate::{ChannelId, LinkId, OrgId, PeerId};

/// What the application wants to be handed; see [`Request::Listen`](crate::Request::Listen).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// What channels have verified and accepted.
    pub accepted: bool,
    /// Application messages that peers send.
    pub messages: bool,
    /// Everything that arrives, before any check.
    pub raw: bool,
}

/// A message handed to the application.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A channel has verified and accepted it, each once: a block that came from a peer by whatever way, a
    /// state info that was pushed, or a message about leadership.
    Accepted {
        /// The channel.
        channel: ChannelId,
        /// The message. That of a block carries no signature of its own.
        message: SignedMessage,
    },
    /// An application message of a peer; see [`Content::Application`]. If it names a channel, this node has joined
    /// that channel and the sender's organisation is a member of it.
    Message(Received),
    /// It has just arrived, and nothing of it has been checked but its shape and its tag. The node goes on
    /// with it as if nobody had looked.
    Raw(Received),
}

/// A message as it came on an authenticated link.
///
/// Who sent it is proven, what it says is not: whoever takes it must check everything else, for instance
/// hold the sender's [authentication](Received::authentication) against a channel's policy.
#[derive(Clone, Debug)]
pub struct Received {
    /// The link, for [`Request::Respond`](crate::Request::Respond).
    pub link: LinkId,
    /// The sender's PKI-ID.
    pub peer: PeerId,
    /// The sender's organisation; absent means unknown, hence foreign.
    pub org: Option<OrgId>,
    /// The message with its raw bytes. Acknowledgements are never handed out.
    pub message: SignedMessage,
    /// What the sender has signed when the link was made.
    pub authentication: SignedMessage,
}

impl Received {
    /// The sender's serialized identity.
    #[must_use]
    pub fn identity(&self) -> Bytes {
        // Nothing else authenticates a link.
        let Content::Conn(conn) = self.authentication.content() else {
            return Bytes::new();
        };
        conn.identity.clone()
    }
}
