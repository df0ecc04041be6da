use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_core::proto::{Content, GossipMessage};

/// A message that an application sends to peers. It is content only: the library adds the nonce, the tag that
/// is legal for the content, and the envelope.
///
/// ```
/// use gossip_driver::Message;
/// use gossip_driver::core::proto::Content;
///
/// let question = Message::in_channel("trade", Content::PrivateRequest(vec![]));
/// let keep_alive = Message::from(Content::Empty);
/// assert_ne!(question, keep_alive);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Content of Fabric's gossip protocol, for instance private data or a request for it. Every peer
    /// understands it.
    Protocol {
        /// The channel that it concerns, if any.
        channel: Option<ChannelId>,
        /// The content.
        content: Content,
    },
}

impl Message {
    /// Content of Fabric's gossip protocol that concerns a channel.
    #[must_use]
    pub fn in_channel(channel: impl Into<ChannelId>, content: Content) -> Self {
        Self::Protocol {
            channel: Some(channel.into()),
            content,
        }
    }

    /// The message on the wire.
    pub(crate) fn into_wire(self, nonce: u64) -> GossipMessage {
        let Self::Protocol { channel, content } = self;
        let channel = channel.map(|id| Bytes::copy_from_slice(id.as_str().as_bytes()));
        GossipMessage {
            nonce,
            channel: channel.unwrap_or_default(),
            tag: content.legal_tag(),
            content,
        }
    }
}

impl From<Content> for Message {
    /// Content of Fabric's gossip protocol that concerns no channel.
    fn from(content: Content) -> Self {
        Self::Protocol {
            channel: None,
            content,
        }
    }
}
