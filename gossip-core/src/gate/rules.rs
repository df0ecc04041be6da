//! The usual way of a signed item through the gate.

use bytes::Bytes;
use gossip_proto::{Content, SignedMessage};

use super::admitted::{
    Admitted, ChannelInput, Inbound, Key, Kind, LeadershipItem, MemberInput, RelayItem, Sender,
    StateInfoItem,
};
use super::budget::Asks;
use super::verdict::{count, verified};
use super::{Gate, View};
use crate::crypto::copies::{Claim, Copies};
use crate::crypto::signed;
use crate::cx::Cx;
use crate::out::Out;
use crate::{ChannelId, Config, CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId, relay};

/// What the gate knows of a kind of signed item.
pub(super) trait Rules: Kind {
    /// The message that was signed.
    fn message(&self) -> &SignedMessage;

    /// May it be said, and is it news? Then it is checked under the identity returned.
    fn look<'v>(&self, cx: &mut Out<'_>, view: View<'v>) -> Result<&'v Bytes, Unfit>;

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
pub(super) enum Unfit {
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
        cx: &mut Cx<'_>,
        view: View<'_>,
        link: Option<LinkId>,
        (key, item): (Key, T),
    ) {
        match item.look(cx, view) {
            Err(Unfit::Known) => cx.metrics().duplicates += 1,
            Err(Unfit::Violation) => cx.metrics().violations += 1,
            Err(Unfit::Unidentified) => item.on_unidentified(self, cx),
            Err(Unfit::Unwanted) => {}
            Ok(identity) => {
                let job = CryptoJob::Verify {
                    identity: identity.clone(),
                    signed: signed(item.message().envelope()),
                    channel: item.readers().cloned(),
                };
                let presented = None;
                let claim = Claim {
                    item,
                    job,
                    presented,
                };
                let Some(claim) = cx.crypto.join(&mut cx.out, link, &key, claim) else {
                    return;
                };
                if let (Some(link), Some((asks, most))) = (link, T::budget(cx.config))
                    && !self.budgets.spend(cx, link, asks, 1, most)
                {
                    cx.metrics().relays_shed += 1;
                    return;
                }
                cx.crypto.start(&mut cx.out, link, key, Copies::new(claim));
            }
        }
    }
}

/// The verdict on an item: it is let through, or the next copy is checked.
pub(super) fn conclude_plain<T: Rules>(
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
                cx.crypto.start(&mut cx.out, None, key, rest);
            }
        }
    }
}

/// Is it signed, and short enough to be kept and passed on? Its signer may put in it what nothing reads.
pub(super) fn is_sound(cx: &Out<'_>, message: &SignedMessage) -> bool {
    message.envelope().is_signed() && message.encoded().len() <= cx.config.limits.max_signed
}

pub(super) fn is_inside(view: View<'_>, sender: &Sender) -> bool {
    let org = sender.org.as_ref();
    org.is_some_and(|org| view.peers.identities.is_own_org(org))
}

/// A proposal or declaration: both its bearer and its maker must be of our organisation.
impl Rules for LeadershipItem {
    fn message(&self) -> &SignedMessage {
        &self.message
    }

    fn look<'v>(&self, cx: &mut Out<'_>, view: View<'v>) -> Result<&'v Bytes, Unfit> {
        let Content::Leadership(told) = self.message.content() else {
            return Err(Unfit::Unwanted);
        };
        let identities = &view.peers.identities;
        let identity = identities.get(&told.pki_id).ok_or(Unfit::Unidentified)?;
        let own = *told.pki_id == *cx.config.identity.peer.as_bytes();
        let inside = |org| identities.is_own_org(org);
        if own || !identity.org.as_ref().is_some_and(inside) || !is_sound(cx, &self.message) {
            return Err(Unfit::Violation);
        }
        let channel = view.channels.get(&self.channel);
        if !channel.is_some_and(|channel| channel.is_leadership_news(told)) {
            return Err(Unfit::Known);
        }
        Ok(&identity.bytes)
    }

    fn on_unidentified(self, _: &mut Gate, cx: &mut Out<'_>) {
        let from = self.from;
        cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
    }

    fn admit(self) -> Inbound {
        let channel = self.channel.clone();
        Inbound::Channel(channel, ChannelInput::Leadership(Admitted::new(self)))
    }
}

/// Only peers of our own organisation tell us of channels that we have not joined, and only they are told.
impl Rules for RelayItem {
    fn message(&self) -> &SignedMessage {
        &self.message
    }

    fn look<'v>(&self, cx: &mut Out<'_>, view: View<'v>) -> Result<&'v Bytes, Unfit> {
        let Content::StateInfo(info) = self.message.content() else {
            return Err(Unfit::Unwanted);
        };
        if self.publisher == cx.config.identity.peer {
            return Err(Unfit::Unwanted);
        }
        let place = (self.publisher.clone(), self.mac);
        if let Err(refused) = view.relay.check(cx.config, &place, info) {
            relay::count(cx, refused);
            return Err(Unfit::Unwanted);
        }
        if !is_sound(cx, &self.message) {
            return Err(Unfit::Violation);
        }
        let identity = view.peers.identities.get(&info.pki_id);
        Ok(&identity.ok_or(Unfit::Unidentified)?.bytes)
    }

    fn budget(config: &Config) -> Option<(Asks, u32)> {
        Some((Asks::Relay, config.channel.max_relay_checks))
    }

    fn on_unidentified(self, _: &mut Gate, _: &mut Out<'_>) {}

    fn admit(self) -> Inbound {
        Inbound::Relay(Admitted::new(self))
    }
}

impl Rules for StateInfoItem {
    fn message(&self) -> &SignedMessage {
        &self.message
    }

    fn look<'v>(&self, _: &mut Out<'_>, view: View<'v>) -> Result<&'v Bytes, Unfit> {
        let Content::StateInfo(info) = self.message.content() else {
            return Err(Unfit::Unwanted);
        };
        let channel = view.channels.get(&self.channel).ok_or(Unfit::Unwanted)?;
        let identity = view.peers.identities.get(&info.pki_id);
        let identity = identity.ok_or(Unfit::Unidentified)?;
        let member = identity.org.as_ref();
        let is_there = || {
            let mut pushers = self.pushed_by.iter();
            pushers.any(|peer| peer.as_bytes() == &*info.pki_id)
                || view.peers.membership.knows(&info.pki_id)
        };
        if !member.is_some_and(|org| channel.has_org(org)) || !channel.is_news(info, is_there) {
            return Err(Unfit::Unwanted);
        }
        Ok(&identity.bytes)
    }

    fn readers(&self) -> Option<&ChannelId> {
        Some(&self.channel)
    }

    fn on_unidentified(self, gate: &mut Gate, cx: &mut Out<'_>) {
        let from = self.from.clone();
        cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
        gate.parked.park(cx, &self);
    }

    fn on_refused(&self, cx: &mut Out<'_>, error: CryptoError) {
        if error == CryptoError::NotAdmitted
            && let Content::StateInfo(info) = self.message.content()
        {
            let input = ChannelInput::NotAdmitted {
                revision: self.revision,
                peer: PeerId::new(&info.pki_id),
            };
            cx.raise(Inbound::Channel(self.channel.clone(), input));
        }
    }

    fn admit(self) -> Inbound {
        let channel = self.channel.clone();
        Inbound::Channel(channel, ChannelInput::StateInfo(Admitted::new(self)))
    }
}
