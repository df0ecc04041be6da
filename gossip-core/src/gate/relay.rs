//! State infos of channels that we have not joined.

use bytes::Bytes;
use gossip_proto::{SignedMessage, StateInfo};

use super::news::{Admitted, News, RelayNews, Sender};
use super::{Asks, Check, Claim, Copies, Gate, Key, Known, count, is_oversized, signed};
use crate::cx::Cx;
use crate::relay::{self, Mac};
use crate::{CryptoError, CryptoJob, LinkId, PeerId};

impl Gate {
    /// Has it checked if it may be passed on: only our own organisation's peers tell us of channels that
    /// are none of ours, and only they are told.
    pub(super) fn relay(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        info: &StateInfo,
        message: &SignedMessage,
    ) {
        let inside = sender.org.as_ref();
        if !inside.is_some_and(|org| known.identities.is_own_org(org)) {
            return;
        }
        let Ok(mac) = Mac::try_from(&info.channel_mac[..]) else {
            cx.metrics().violations += 1;
            return;
        };
        let publisher = PeerId::new(&info.pki_id);
        if publisher == cx.config.identity.peer {
            return;
        }
        let place = (publisher, mac);
        if let Err(refused) = known.relay.check(cx.config, &place, info) {
            relay::count(cx, refused);
            return;
        }
        if !message.envelope().is_signed() || is_oversized(cx, message) {
            cx.metrics().violations += 1;
            return;
        }
        let Some(identity) = known.identities.get(&info.pki_id) else {
            return;
        };
        let news = RelayNews {
            publisher: place.0.clone(),
            mac,
            message: message.clone(),
            from: sender.peer.clone(),
            holders: Vec::new(),
        };
        let key = Key::Relay(place.0, mac, info.time);
        if let Some(ticket) = self.in_flight.get(&key).copied() {
            cx.metrics().duplicates += 1;
            if let Some(Check::Relay { copies, .. }) = self.jobs.get_mut(ticket) {
                let bytes = copies.add(news);
                self.jobs.hold(ticket, Some(sender.link), bytes);
                self.jobs.join(cx, ticket, Some(sender.link));
            }
            return;
        }
        let most = cx.config.channel.max_relay_checks;
        if !self.spend(cx, sender.link, Asks::Relay, 1, most) {
            cx.metrics().relays_shed += 1;
            return;
        }
        let identity = identity.bytes.clone();
        self.start_relay(cx, Some(sender.link), key, (identity, Copies::new(news)));
    }

    fn start_relay(
        &mut self,
        cx: &mut Cx<'_>,
        link: Option<LinkId>,
        key: Key,
        (identity, copies): (Bytes, Copies<RelayNews>),
    ) {
        let job = CryptoJob::Verify {
            identity: identity.clone(),
            signed: signed(&copies.first.message),
            channel: None,
        };
        let bytes = copies.bytes();
        let check = Check::Relay {
            key: key.clone(),
            identity,
            copies,
        };
        let ticket = self.jobs.start(cx, link, job, bytes, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_relay(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        (identity, copies): (Bytes, Copies<RelayNews>),
        verdict: Result<(), CryptoError>,
        news: &mut Vec<News>,
    ) {
        count(cx, &verdict);
        let (relayed, rest) = copies.rest();
        if verdict.is_ok() {
            news.push(News::Relay(Admitted::new(relayed)));
        } else if let Some(rest) = rest {
            self.start_relay(cx, None, key, (identity, rest));
        }
    }
}

impl Claim for RelayNews {
    fn is_same(&self, other: &Self) -> bool {
        self.message == other.message
    }

    fn shares_sender(&self, other: &Self) -> bool {
        self.from == other.from || self.holders.contains(&other.from)
    }

    fn merge(&mut self, same: Self) {
        if same.from != self.from && !self.holders.contains(&same.from) {
            self.holders.push(same.from);
        }
    }

    fn has_several_senders(&self) -> bool {
        !self.holders.is_empty()
    }

    fn bytes(&self) -> u64 {
        self.message.encoded().len() as u64
    }
}
