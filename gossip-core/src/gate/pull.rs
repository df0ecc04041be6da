//! The four steps of a pull, and the identities that come by it.

use gossip_proto::{Content, PullKind, SignedMessage};

use super::news::{News, Sender};
use super::{Asks, Gate, Known};
use crate::ChannelId;
use crate::cx::Cx;

impl Gate {
    /// A step of a pull has come. It carries no signature: the link has proven whose it is, and what items
    /// it brings are checked one by one when they are found to have been asked for.
    pub(super) fn pull(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: SignedMessage,
        news: &mut Vec<News>,
    ) {
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
            PullKind::Block => match self.pulled_channel(cx, known, &sender, &message) {
                Some(channel) => Some(channel),
                None => return,
            },
        };
        let asks = Asks::Pull(channel.clone());
        if is_hello && !self.within_budget(cx, sender.link, asks) {
            return;
        }
        news.push(News::Pull {
            sender,
            channel,
            message,
        });
    }

    /// Blocks are pulled between members of one organisation that both take part in the channel.
    fn pulled_channel(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &SignedMessage,
    ) -> Option<ChannelId> {
        let id = self.channel_of(cx, known, sender, message.message())?;
        let own = known.channels.get(&id)?;
        let inside = sender
            .org
            .as_ref()
            .is_some_and(|org| known.identities.is_own_org(org));
        if !inside || own.own.has_left() || !own.is_eligible(&sender.peer) {
            cx.metrics().pull_refused += 1;
            return None;
        }
        Some(id)
    }
}
