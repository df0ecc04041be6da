use bytes::Bytes;
use gossip_proto::{Content, SignedMessage};

use crate::{ChannelId, LinkId, OrgId, PeerId};

/// The messages that the application receives; see [`Request::Listen`](crate::Request::Listen).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interest {
    /// Messages that channels have verified and accepted.
    pub accepted: bool,
    /// Application messages that peers send.
    pub messages: bool,
    /// All incoming messages, before any check.
    pub raw: bool,
}

/// A message for the application.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// A message that a channel has verified and accepted, delivered once: a block from a peer, pushed or fetched, a
    /// pushed state info, or a message about leadership.
    Accepted {
        /// The channel.
        channel: ChannelId,
        /// The message. That of a block has no signature of its own.
        message: SignedMessage,
    },
    /// An application message of a peer; see [`Content::Application`]. If it names a channel, this node has joined
    /// that channel and the sender's organisation is a member of it.
    Message(Received),
    /// A message that has just arrived. Only its format and its tag have been checked. The node processes it in any
    /// case.
    Raw(Received),
}

/// A message received on an authenticated link.
///
/// Its sender is authenticated, its content is not. The receiver must check everything else, for example the sender's
/// [authentication](Received::authentication) against a channel's policy.
#[derive(Clone, Debug)]
pub struct Received {
    /// The link, for [`Request::Respond`](crate::Request::Respond).
    pub link: LinkId,
    /// The sender's PKI-ID.
    pub peer: PeerId,
    /// The sender's organisation; `None` means unknown, hence foreign.
    pub org: Option<OrgId>,
    /// The message with its raw bytes. Acknowledgements are never delivered.
    pub message: SignedMessage,
    /// The authentication message that the sender signed when the link was set up.
    pub authentication: SignedMessage,
}

impl Received {
    /// The sender's serialized identity.
    #[must_use]
    pub fn identity(&self) -> Bytes {
        // A link is authenticated by no other content.
        let Content::Conn(conn) = self.authentication.content() else {
            return Bytes::new();
        };
        conn.identity.clone()
    }
}
