//! One check for all copies of an item.

use bytes::Bytes;
use gossip_proto::SignedMessage;

use super::{Check, Claim, Copies, Gate, Key, signed};
use crate::cx::Cx;
use crate::{ChannelId, CryptoJob, LinkId, PeerId};

/// A claim that the crypto service checks.
pub(super) trait Checked: Claim + Sized {
    /// How.
    fn job(&self) -> CryptoJob;

    /// What the ticket stands for.
    fn check(key: Key, copies: Copies<Self>) -> Check;

    /// The copies that share a check, if it is one of such claims.
    fn copies(check: &mut Check) -> Option<&mut Copies<Self>>;
}

/// Where the copies of a kind of claim are: in the variant of that name.
macro_rules! copies_of {
    ($variant:ident) => {
        fn check(key: Key, copies: Copies<Self>) -> Check {
            Check::$variant { key, copies }
        }

        fn copies(check: &mut Check) -> Option<&mut Copies<Self>> {
            if let Check::$variant { copies, .. } = check {
                return Some(copies);
            }
            None
        }
    };
}

pub(super) use copies_of;

impl Gate {
    /// Lets a claim share the check of a copy under way, and counts it if that is an equal one. Hands it back
    /// if there is none.
    pub(super) fn join_check<T: Checked>(
        &mut self,
        cx: &mut Cx<'_>,
        link: Option<LinkId>,
        key: &Key,
        claim: T,
    ) -> Option<T> {
        let Some(ticket) = self.in_flight.get(key).copied() else {
            return Some(claim);
        };
        if let Some(copies) = self.jobs.get_mut(ticket).and_then(T::copies) {
            let bytes = copies.add(claim);
            if bytes == 0 {
                cx.metrics().duplicates += 1;
            }
            self.jobs.hold(ticket, link, bytes);
            self.jobs.join(cx, ticket, link);
        }
        None
    }

    /// Has a claim checked, with its copies waiting.
    pub(super) fn start_check<T: Checked>(
        &mut self,
        cx: &mut Cx<'_>,
        link: Option<LinkId>,
        key: Key,
        copies: Copies<T>,
    ) {
        let (job, bytes) = (copies.first.job(), copies.bytes());
        let check = T::check(key.clone(), copies);
        let ticket = self.jobs.start(cx, link, job, bytes, check);
        self.in_flight.insert(key, ticket);
    }
}

/// A claim about a peer whose identity is held.
#[derive(Debug)]
pub(super) struct Vouched<T> {
    pub(super) news: T,
    pub(super) identity: Bytes,
}

impl<T> Vouched<T> {
    /// Is the message signed under the identity, for a reader of the channel if there is one?
    pub(super) fn verify(&self, message: &SignedMessage, channel: Option<&ChannelId>) -> CryptoJob {
        CryptoJob::Verify {
            identity: self.identity.clone(),
            signed: signed(message),
            channel: channel.cloned(),
        }
    }
}

impl<T: Claim> Claim for Vouched<T> {
    fn is_same(&self, other: &Self) -> bool {
        self.news.is_same(&other.news)
    }

    fn shares_sender(&self, other: &Self) -> bool {
        self.news.shares_sender(&other.news)
    }

    fn merge(&mut self, same: Self) {
        self.news.merge(same.news);
    }

    fn has_several_senders(&self) -> bool {
        self.news.has_several_senders()
    }

    fn is_awaited(&self) -> bool {
        self.news.is_awaited()
    }

    fn bytes(&self) -> u64 {
        self.news.bytes()
    }
}

/// Notes who else told something, each once.
pub(super) fn note_each(senders: &mut Vec<PeerId>, more: Vec<PeerId>) {
    for sender in more {
        if !senders.contains(&sender) {
            senders.push(sender);
        }
    }
}
