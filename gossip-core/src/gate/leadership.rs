//! Proposals and declarations of leadership.

use gossip_proto::{Content, SignedMessage, UnsignedMessage};

use super::news::{Admitted, LeadershipNews, MemberNews, News, Sender, Signing};
use super::{Check, Gate, Key, Known, count, is_oversized, signed, verified};
use crate::cx::Cx;
use crate::{ChannelId, CryptoJob, CryptoOutcome, PeerId, RequestId};

impl Gate {
    /// Has a proposal or declaration of ours signed; `place` comes back with it.
    pub(crate) fn sign_leadership(
        &mut self,
        cx: &mut Cx<'_>,
        place: (RequestId, ChannelId),
        unsigned: UnsignedMessage,
    ) {
        let (id, channel) = place;
        self.sign_own(cx, Signing::Leadership(id, channel), unsigned);
    }

    /// One has come: both its bearer and its maker must be of our organisation.
    pub(super) fn leadership(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: SignedMessage,
    ) {
        let Content::Leadership(told) = message.content() else {
            return;
        };
        let Some(channel) = self.channel_of(cx, known, sender, message.message()) else {
            return;
        };
        let inside = |org| known.identities.is_own_org(org);
        if !sender.org.as_ref().is_some_and(inside) {
            cx.metrics().violations += 1;
            return;
        }
        let Some(identity) = known.identities.get(&told.pki_id) else {
            let from = sender.peer.clone();
            cx.raise(News::Member(MemberNews::UnknownIdentity { from }));
            return;
        };
        let own = *told.pki_id == *cx.config.identity.peer.as_bytes();
        let made_inside = !own && identity.org.as_ref().is_some_and(inside);
        if !made_inside || !message.envelope().is_signed() || is_oversized(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let fresh = known
            .channels
            .get(&channel)
            .is_some_and(|own| !own.own.has_left() && own.leadership.is_news(told));
        // One check for each bearer, so that a forged copy cannot shadow the true one.
        let maker = PeerId::new(&told.pki_id);
        let key = Key::Leadership(sender.link, channel.clone(), maker, told.time);
        if !fresh || self.in_flight.contains_key(&key) {
            cx.metrics().duplicates += 1;
            return;
        }
        let job = CryptoJob::Verify {
            identity: identity.bytes.clone(),
            signed: signed(&message),
            channel: None,
        };
        let bytes = message.encoded().len() as u64;
        let check = Check::Leadership {
            key: key.clone(),
            news: LeadershipNews { channel, message },
        };
        let ticket = self.jobs.start(cx, Some(sender.link), job, bytes, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_leadership(
        cx: &mut Cx<'_>,
        leadership: LeadershipNews,
        outcome: CryptoOutcome,
    ) {
        let verdict = verified(outcome);
        count(cx, &verdict);
        if verdict.is_ok() {
            cx.raise(News::Leadership(Admitted::new(leadership)));
        }
    }
}
