//! State infos of channels that we have not joined.

use gossip_proto::{SignedMessage, StateInfo};

use super::checks::{Checked, Vouched, copies_of, note_each};
use super::news::{Admitted, News, RelayNews, Sender, StateNews};
use super::{Asks, Check, Claim, Copies, Gate, Key, Known, count, is_oversized};
use crate::cx::Cx;
use crate::relay::{self, Mac};
use crate::{CryptoError, CryptoJob, PeerId};

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
        let key = Key::Relay(place.0.clone(), mac, info.time);
        let claim = Vouched {
            news: RelayNews {
                publisher: place.0,
                mac,
                message: message.clone(),
                holders: vec![sender.peer.clone()],
            },
            identity: identity.bytes.clone(),
        };
        let Some(claim) = self.join_check(cx, Some(sender.link), &key, claim) else {
            return;
        };
        let most = cx.config.channel.max_relay_checks;
        if !self.spend(cx, sender.link, Asks::Relay, 1, most) {
            cx.metrics().relays_shed += 1;
            return;
        }
        self.start_check(cx, Some(sender.link), key, Copies::new(claim));
    }

    pub(super) fn conclude_relay(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        copies: Copies<Vouched<RelayNews>>,
        verdict: Result<(), CryptoError>,
    ) {
        count(cx, &verdict);
        let (relayed, rest) = copies.rest();
        if verdict.is_ok() {
            cx.raise(News::State(StateNews::Relay(Admitted::new(relayed.news))));
        } else if let Some(rest) = rest {
            self.start_check(cx, None, key, rest);
        }
    }
}

impl Checked for Vouched<RelayNews> {
    fn job(&self) -> CryptoJob {
        self.verify(&self.news.message, None)
    }

    copies_of!(Relay);
}

impl Claim for RelayNews {
    fn is_same(&self, other: &Self) -> bool {
        self.message == other.message
    }

    fn shares_sender(&self, other: &Self) -> bool {
        let mut senders = self.holders.iter();
        senders.any(|sender| other.holders.contains(sender))
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.holders, same.holders);
    }

    fn has_several_senders(&self) -> bool {
        self.holders.len() > 1
    }

    fn bytes(&self) -> u64 {
        self.message.encoded().len() as u64
    }
}
