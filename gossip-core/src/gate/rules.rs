//! The usual way of a signed item through the gate.

use bytes::Bytes;
use gossip_proto::{GossipMessage, SignedMessage};

use super::admitted::{Inbound, Key, Kind, Sender};
use super::budget::Asks;
use super::verdict::{count, verified};
use super::{Gate, GateCx};
use crate::crypto::copies::{Claim, Copies};
use crate::crypto::signed;
use crate::cx::Cx;
use crate::out::Out;
use crate::{ChannelId, Config, CryptoError, CryptoJob, CryptoOutcome, LinkId};

/// What the gate knows of a kind of signed item.
pub(super) trait Rules: Kind {
    /// The message that was signed.
    fn message(&self) -> &SignedMessage;

    /// May it be said, and is it news? Then it is checked under the identity returned.
    fn precheck(&self, cx: &mut GateCx<'_>) -> Result<Bytes, NotChecked>;

    /// The channel whose readers alone may sign it.
    fn readers(&self) -> Option<&ChannelId> {
        None
    }

    /// So many checks may a link cost in a second, if they are limited.
    fn budget(_: &Config) -> Option<(Asks, u32)> {
        None
    }

    /// The identity of its signer is not known.
    fn on_unidentified(self, gate: &mut Gate, cx: &mut Out<'_>);

    /// It does not verify.
    fn on_refused(&self, _: &mut Out<'_>, _: CryptoError) {}

    /// It verifies: whom it is for.
    fn admit(self) -> Inbound;
}

/// Why an item is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotChecked {
    Known,
    Violation,
    Unidentified,
    /// Dropped without a count, or counted already.
    Unwanted,
}

impl Gate {
    /// Has an item checked if it is fit for that.
    pub(super) fn receive<T: Rules>(
        &mut self,
        cx: &mut GateCx<'_>,
        link: Option<LinkId>,
        (key, item): (Key, T),
    ) {
        match item.precheck(cx) {
            Err(NotChecked::Known) => cx.metrics().duplicates += 1,
            Err(NotChecked::Violation) => cx.metrics().violations += 1,
            Err(NotChecked::Unidentified) => item.on_unidentified(self, cx),
            Err(NotChecked::Unwanted) => {}
            Ok(identity) => {
                let job = CryptoJob::Verify {
                    identity,
                    signed: signed(item.message().envelope()),
                    channel: item.readers().cloned(),
                };
                let presented = None;
                let claim = Claim {
                    item,
                    job,
                    presented,
                };
                let Some(claim) = cx.join_check(link, &key, claim) else {
                    return;
                };
                if let (Some(link), Some((asks, most))) = (link, T::budget(cx.config))
                    && !self.budgets.spend(cx, link, asks, 1, most)
                {
                    cx.metrics().relays_shed += 1;
                    return;
                }
                cx.start_check(link, key, Copies::new(claim));
            }
        }
    }
}

/// The verdict on an item: it is let through, or the next copy is checked.
pub(super) fn conclude<T: Rules>(
    cx: &mut Cx<'_>,
    key: Key,
    copies: Copies<T>,
    outcome: CryptoOutcome,
) {
    let verdict = verified(outcome);
    count(cx, &verdict);
    let (first, rest) = copies.rest();
    match verdict {
        Ok(()) => cx.raise(first.item.admit()),
        Err(error) => {
            first.item.on_refused(cx, error);
            if let Some(rest) = rest {
                cx.start_check(None, key, rest);
            }
        }
    }
}

/// Is it signed, and short enough to be kept and passed on? Its signer may put in it what nothing reads.
pub(super) fn is_well_formed(cx: &Out<'_>, message: &SignedMessage) -> bool {
    message.envelope().is_signed() && message.encoded().len() <= cx.config.limits.max_signed
}

pub(super) fn is_inside(cx: &GateCx<'_>, sender: &Sender) -> bool {
    let org = sender.org.as_ref();
    org.is_some_and(|org| cx.peers.identities.is_own_org(org))
}

/// The channel that a message names, if we are in it and the sender's organisation too.
pub(super) fn channel_of(
    cx: &mut GateCx<'_>,
    sender: &Sender,
    message: &GossipMessage,
) -> Option<ChannelId> {
    let channel = cx.channels.by_name(&message.channel)?;
    if sender.org.as_ref().is_some_and(|org| channel.has_org(org)) {
        return Some(channel.id().clone());
    }
    cx.metrics().violations += 1;
    None
}

/// The same, if the sender is of our own organisation.
pub(super) fn inside_channel_of(
    cx: &mut GateCx<'_>,
    sender: &Sender,
    message: &GossipMessage,
) -> Option<ChannelId> {
    let channel = channel_of(cx, sender, message)?;
    if is_inside(cx, sender) {
        return Some(channel);
    }
    cx.metrics().violations += 1;
    None
}
