//! Messages that several modules compose, and how urgent they are.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Payload, SignedMessage, Tag};

use crate::{ChannelId, Class};

/// The message that carries a block.
pub(crate) fn block_message(channel: &ChannelId, seq: u64, data: Bytes) -> SignedMessage {
    let payload = Payload {
        seq_num: seq,
        data,
        private_data: Vec::new(),
    };
    channel_message(channel, 0, Tag::ChanAndOrg, Content::Data(payload))
}

/// A message that names its channel and carries no signature: the link proves whose it is.
pub(crate) fn channel_message(
    channel: &ChannelId,
    nonce: u64,
    tag: Tag,
    content: Content,
) -> SignedMessage {
    SignedMessage::unsigned(GossipMessage {
        nonce,
        channel: Bytes::copy_from_slice(channel.as_str().as_bytes()),
        tag,
        content,
    })
}

/// A view of the membership or of a channel that takes long to send must not delay heartbeats.
pub(crate) fn class_of_view(message: &SignedMessage) -> Class {
    if message.encoded().len() > MAX_CONTROL_VIEW {
        Class::Bulk
    } else {
        Class::Control
    }
}

/// In bytes: a link of a few Mbit/s carries it within some 50 ms.
const MAX_CONTROL_VIEW: usize = 32 << 10;
