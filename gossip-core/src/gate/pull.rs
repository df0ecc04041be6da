//! The four steps of a pull.

use gossip_proto::{Content, PullKind, SignedMessage};

use super::admitted::{ChannelInput, Inbound, Sender};
use super::budget::Quota;
use super::rules::{channel_of, is_inside};
use super::{Gate, GateCx};
use crate::ChannelId;

impl Gate {
    /// A step of a pull. It carries no signature: the link authenticates its sender, and its items are checked one by
    /// one if they were requested.
    pub(super) fn pull(&mut self, cx: &mut GateCx<'_>, sender: Sender, message: SignedMessage) {
        let content = message.content();
        let kind = if let Content::Hello(hello) = content {
            hello.kind
        } else if let Content::Digest(ids) | Content::DataRequest(ids) = content {
            ids.kind
        } else if let Content::DataUpdate(update) = content {
            update.kind
        } else {
            return;
        };
        let is_hello = matches!(content, Content::Hello(_));
        let channel = match kind {
            // A peer of an unknown organisation gets no identities.
            PullKind::Identity if sender.org.is_none() => {
                cx.metrics().pull_refused += 1;
                return;
            }
            PullKind::Identity => None,
            PullKind::Block => match pulled_channel(cx, &sender, &message) {
                Some(channel) => Some(channel),
                None => return,
            },
        };
        let quota = Quota::Pull(channel.clone());
        if is_hello && !self.budgets.admit(cx, sender.link, quota) {
            return;
        }
        cx.raise(match channel {
            None => Inbound::Pull { sender, message },
            Some(channel) => Inbound::Channel(channel, ChannelInput::Pull { sender, message }),
        });
    }
}

/// The channel of a pull of blocks, if we take part in it and the sender is a participant of our own organisation.
fn pulled_channel(
    cx: &mut GateCx<'_>,
    sender: &Sender,
    message: &SignedMessage,
) -> Option<ChannelId> {
    let id = channel_of(cx, sender, message.message())?;
    let own = cx.channels.get(&id)?;
    if !is_inside(cx, sender) || own.has_left() || !own.is_participant(&sender.peer) {
        cx.metrics().pull_refused += 1;
        return None;
    }
    Some(id)
}
