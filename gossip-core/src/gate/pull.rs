//! The four steps of a pull.

use gossip_proto::{Content, PullKind, SignedMessage};

use super::admitted::{ChannelInput, Inbound, Sender};
use super::budget::Asks;
use super::rules::{channel_of, is_inside};
use super::{Gate, GateCx};
use crate::ChannelId;

impl Gate {
    /// A step of a pull has come. It carries no signature: the link has proven whose it is, and the items that it
    /// brings are checked one by one when they are found to have been asked for.
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
            // An organisation that is not known is told nothing.
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
        let asks = Asks::Pull(channel.clone());
        if is_hello && !self.budgets.admit(cx, sender.link, asks) {
            return;
        }
        cx.raise(match channel {
            None => Inbound::Pull { sender, message },
            Some(channel) => Inbound::Channel(channel, ChannelInput::Pull { sender, message }),
        });
    }
}

/// Blocks are pulled between members of one organisation that both take part in the channel.
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
