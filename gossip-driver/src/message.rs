use bytes::Bytes;
use gossip_core::ChannelId;
use gossip_core::proto::{Application, Content, GossipMessage};

/// A message that an application sends to peers. The library adds the nonce, the tag that is legal for the
/// content, and the envelope.
///
/// ```
/// use gossip_driver::Message;
/// use gossip_driver::core::proto::Content;
///
/// // A message of the application: a topic and opaque bytes.
/// let price = Message::new("prices", "apples 3");
/// let in_trade = Message::new("prices", "apples 3").in_channel("trade");
/// assert_ne!(price, in_trade);
/// // Content of Fabric's protocol.
/// let question = Message::from(Content::PrivateRequest(vec![])).in_channel("trade");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    channel: Option<ChannelId>,
    content: Content,
}

impl Message {
    /// An application message. The receiver's application reads it by
    /// [`Gossip::messages`](crate::Gossip::messages) with the same topic. It is not sent to legacy peers (Fabric's own
    /// gossip): the outcome names them with
    /// [`NotUnderstood`](gossip_core::DropReason::NotUnderstood), and criteria exclude them.
    ///
    /// The topic has at most [`Limits::max_name`](gossip_core::proto::Limits::max_name) bytes (1 KiB by default), and
    /// the message fits in a frame; otherwise sending it fails.
    #[must_use]
    pub fn new(topic: impl Into<String>, data: impl Into<Bytes>) -> Self {
        let (topic, data) = (topic.into(), data.into());
        Content::Application(Application { topic, data }).into()
    }

    /// Names the channel that the message concerns. A receiver delivers an application message of a channel only
    /// if it has joined the channel and the sender's organisation is a member of it.
    #[must_use]
    pub fn in_channel(mut self, channel: impl Into<ChannelId>) -> Self {
        self.channel = Some(channel.into());
        self
    }

    /// The message on the wire.
    pub(crate) fn into_wire(self, nonce: u64) -> GossipMessage {
        let channel = self
            .channel
            .map(|id| Bytes::copy_from_slice(id.as_str().as_bytes()));
        GossipMessage {
            nonce,
            channel: channel.unwrap_or_default(),
            tag: self.content.legal_tag(),
            content: self.content,
        }
    }
}

impl From<Content> for Message {
    /// Content of the gossip protocol that concerns no channel.
    fn from(content: Content) -> Self {
        Self {
            channel: None,
            content,
        }
    }
}
