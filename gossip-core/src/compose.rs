//! Messages that several modules compose.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Payload, SignedMessage};

use crate::ChannelId;

/// The message that carries a block.
pub(crate) fn block_message(channel: &ChannelId, seq: u64, data: Bytes) -> SignedMessage {
    let payload = Payload {
        seq_num: seq,
        data,
        private_data: Vec::new(),
    };
    unsigned(Some(channel), 0, Content::Data(payload))
}

/// A message without a signature: the link authenticates its sender.
pub(crate) fn unsigned(channel: Option<&ChannelId>, nonce: u64, content: Content) -> SignedMessage {
    SignedMessage::unsigned(message(channel, nonce, content))
}

/// A message with the legal tag of its content, and the channel's name, if any.
pub(crate) fn message(channel: Option<&ChannelId>, nonce: u64, content: Content) -> GossipMessage {
    let name = channel.map_or(&[][..], |channel| channel.as_str().as_bytes());
    GossipMessage {
        nonce,
        channel: Bytes::copy_from_slice(name),
        tag: content.legal_tag(),
        content,
    }
}
