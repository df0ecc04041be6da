//! Questions that only the readers of a channel may ask.

use super::news::{News, Sender};
use super::{Check, Gate, Key, Known, count, signed};
use crate::cx::Cx;
use crate::{ChannelId, CryptoError, CryptoJob};

/// What was found of a link's access to a channel.
#[derive(Debug)]
pub(crate) struct Access {
    sender: Sender,
    channel: ChannelId,
    /// The configuration by which it was judged.
    revision: u64,
    verdict: Result<(), CryptoError>,
    /// What waits for that.
    waiting: Vec<News>,
}

/// Questions that wait for one check of a link's access to a channel; more are dropped.
const MAX_QUESTIONS: usize = 4;

impl Gate {
    /// Lets `asked` through if the sender may read the channel, once its handshake has been held
    /// against the channel's policy; that is remembered until the link or the configuration ends.
    pub(super) fn with_access(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        channel: ChannelId,
        asked: News,
    ) {
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        if !sender.org.as_ref().is_some_and(|org| own.has_org(org)) {
            cx.metrics().violations += 1;
            return;
        }
        let revision = own.revision();
        let place = (sender.link, channel.clone());
        if self.access.get(&place) == Some(&revision) {
            cx.raise(asked);
            return;
        }
        let key = Key::Access(sender.link, channel.clone());
        if let Some(ticket) = self.in_flight.get(&key) {
            let ticket = *ticket;
            if let Some(Check::Access { waiting, .. }) = self.jobs.get_mut(ticket)
                && waiting.len() < MAX_QUESTIONS
            {
                let bytes = asked.bytes();
                waiting.push(asked);
                self.jobs.hold(ticket, Some(sender.link), bytes);
            }
            return;
        }
        let conn = known.links.conn_of(sender.link);
        let identity = known.identities.get(sender.peer.as_bytes());
        let (Some(conn), Some(identity)) = (conn, identity) else {
            return;
        };
        let job = CryptoJob::Verify {
            identity: identity.bytes.clone(),
            signed: signed(conn),
            channel: Some(channel),
        };
        let bytes = asked.bytes();
        let check = Check::Access {
            key: key.clone(),
            sender: sender.clone(),
            revision,
            waiting: vec![asked],
        };
        let ticket = self.jobs.start(cx, Some(sender.link), job, bytes, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_access(
        &mut self,
        cx: &mut Cx<'_>,
        (key, sender): (Key, Sender),
        revision: u64,
        verdict: Result<(), CryptoError>,
        waiting: Vec<News>,
    ) -> Option<Access> {
        // If the link is gone, what would be kept for it would stay for ever.
        self.in_flight.remove(&key)?;
        count(cx, &verdict);
        let Key::Access(_, channel) = key else {
            return None;
        };
        Some(Access {
            sender,
            channel,
            revision,
            verdict,
            waiting,
        })
    }

    /// Lets through what waited for a verdict, or has it judged anew if that was by a configuration which
    /// is not in force any more.
    pub(crate) fn on_access(&mut self, cx: &mut Cx<'_>, known: &Known<'_>, access: Access) {
        let Access {
            sender,
            channel,
            revision,
            verdict,
            waiting,
        } = access;
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        if !own.is_current(revision) {
            for asked in waiting {
                self.with_access(cx, known, &sender, channel.clone(), asked);
            }
        } else if verdict.is_ok() {
            self.access.insert((sender.link, channel), revision);
            for asked in waiting {
                cx.raise(asked);
            }
        } else {
            cx.metrics().state_requests_refused += 1;
        }
    }
}
