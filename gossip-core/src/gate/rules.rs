//! The common path of a signed item through the gate.

use bytes::Bytes;
use gossip_proto::{GossipMessage, SignedMessage};

use super::admitted::{Inbound, ItemKind, Key, Sender};
use super::budget::Quota;
use super::verdict::{count, verified};
use super::{Gate, GateCx};
use crate::crypto::copies::{Claim, Copies};
use crate::crypto::signed;
use crate::cx::Cx;
use crate::out::Out;
use crate::{ChannelId, Config, CryptoError, CryptoJob, CryptoOutcome, LinkId};

/// The rules of the gate for one kind of signed item.
pub(super) trait Rules: ItemKind {
    /// The message that was signed.
    fn message(&self) -> &SignedMessage;

    /// Checks that the item is allowed and new. Returns the identity to verify its signature under.
    fn precheck(&self, cx: &mut GateCx<'_>) -> Result<Bytes, NotChecked>;

    /// The channel whose readers alone may sign it; `None` if there is no such restriction.
    fn readers(&self) -> Option<&ChannelId> {
        None
    }

    /// The most checks that a link may cost per second, if there is a limit.
    fn budget(_: &Config) -> Option<(Quota, u32)> {
        None
    }

    /// The identity of the signer is unknown.
    fn on_unidentified(self, gate: &mut Gate, cx: &mut Out<'_>);

    /// The item does not verify.
    fn on_refused(&self, _: &mut Out<'_>, _: CryptoError) {}

    /// The item verifies. Returns the input that it becomes.
    fn admit(self) -> Inbound;
}

/// Why an item is not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotChecked {
    Known,
    Violation,
    Unidentified,
    /// Dropped: not counted, or counted already.
    Unwanted,
}

impl Gate {
    /// Starts the check of an item that passes its precheck.
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
                if let (Some(link), Some((quota, most))) = (link, T::budget(cx.config))
                    && !self.budgets.spend(cx, link, quota, 1, most)
                {
                    cx.metrics().relays_shed += 1;
                    return;
                }
                cx.start_check(link, key, Copies::new(claim));
            }
        }
    }
}

/// The verdict on an item: admits it, or checks its next copy.
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

/// Returns whether a message is signed, and short enough to keep and forward: a signer may add fields of any size that
/// no receiver reads.
pub(super) fn is_well_formed(cx: &Out<'_>, message: &SignedMessage) -> bool {
    message.envelope().is_signed() && message.encoded().len() <= cx.config.limits.max_signed
}

pub(super) fn is_inside(cx: &GateCx<'_>, sender: &Sender) -> bool {
    let org = sender.org.as_ref();
    org.is_some_and(|org| cx.peers.identities.is_own_org(org))
}

/// The channel that a message names, if we are in it and the sender's organisation is too.
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

/// As [`channel_of`], and only if the sender is of our organisation.
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
