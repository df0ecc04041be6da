//! State infos, pushed, in snapshots, and parked until their publisher is known.

use std::collections::VecDeque;

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, RawEnvelope, SignedMessage};

use super::news::{Admitted, News, Sender, StateInfoNews};
use super::{Check, Gate, Key, Known, MAX_COPIES, count, is_oversized, signed};
use crate::cx::Cx;
use crate::{ChannelId, CryptoJob, LinkId, OrgId, PeerId};

impl Gate {
    /// An identity has become known: what waited for it can be checked.
    pub(crate) fn on_identity(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        peer: &PeerId,
        news: &mut Vec<News>,
    ) {
        let first = (peer.clone(), ChannelId::new(""));
        let waiting: Vec<_> = self
            .parked
            .range(first..)
            .take_while(|((of, _), _)| of == peer)
            .map(|(key, _)| key.clone())
            .collect();
        for key in waiting {
            if let Some(parked) = self.parked.remove(&key) {
                self.check_state_info(cx, known, None, parked, news);
            }
        }
    }

    pub(super) fn snapshot(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &GossipMessage,
        elements: &[RawEnvelope],
        news: &mut Vec<News>,
    ) {
        let Some(channel) = self.channel_of(cx, known, sender, message) else {
            return;
        };
        if !known
            .channels
            .get(&channel)
            .is_some_and(|own| own.expects_snapshot(cx.now, &sender.peer))
        {
            cx.metrics().violations += 1;
            return;
        }
        let cap = cx.config.membership.max_members.get();
        for envelope in elements.iter().take(cap) {
            match SignedMessage::decode_nested(envelope, &cx.config.limits) {
                Ok(element) => {
                    self.state_info(cx, known, sender, channel.clone(), element, false, news);
                }
                Err(_) => cx.metrics().violations += 1,
            }
        }
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one message and its context"
    )]
    pub(super) fn state_info(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        channel: ChannelId,
        message: SignedMessage,
        pushed: bool,
        news: &mut Vec<News>,
    ) {
        let Content::StateInfo(info) = &message.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        let from_member = sender.org.as_ref().is_some_and(|org| own.has_org(org));
        if !from_member || !own.has_mac(&info.pki_id, &info.channel_mac) {
            cx.metrics().violations += 1;
            return;
        }
        if !own.is_news(info) {
            cx.metrics().duplicates += 1;
            return;
        }
        if is_oversized(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let pushed_by = pushed.then(|| sender.peer.clone()).into_iter().collect();
        let info = StateInfoNews {
            channel,
            message,
            pushed_by,
        };
        self.check_state_info(cx, known, Some(sender.link), info, news);
    }

    fn check_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        link: Option<LinkId>,
        state_info: StateInfoNews,
        news: &mut Vec<News>,
    ) {
        let Content::StateInfo(info) = &state_info.message.message().content else {
            return;
        };
        let Some(own) = known.channels.get(&state_info.channel) else {
            return;
        };
        let peer = PeerId::new(&info.pki_id);
        let Some(identity) = known.identities.get(&info.pki_id) else {
            news.push(News::UnknownIdentity);
            self.park(cx, peer, state_info);
            return;
        };
        let member = identity
            .org
            .as_ref()
            .is_some_and(|org: &OrgId| own.has_org(org));
        if !member || !own.is_news(info) || !state_info.message.envelope().is_signed() {
            return;
        }
        let key = Key::StateInfo(state_info.channel.clone(), peer, info.time);
        if let Some(ticket) = self.in_flight.get(&key) {
            cx.metrics().duplicates += 1;
            if let Some(Check::StateInfo { news, copies, .. }) = self.jobs.get_mut(*ticket) {
                wait(news, copies, state_info);
            }
            return;
        }
        let identity = identity.bytes.clone();
        self.start_state_info(cx, link, key, (identity, state_info, VecDeque::new()));
    }

    fn start_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        link: Option<LinkId>,
        key: Key,
        (identity, state_info, copies): (Bytes, StateInfoNews, VecDeque<StateInfoNews>),
    ) {
        let job = CryptoJob::Verify {
            identity: identity.clone(),
            signed: signed(&state_info.message),
            channel: Some(state_info.channel.clone()),
        };
        let check = Check::StateInfo {
            key: key.clone(),
            identity,
            news: state_info,
            copies,
        };
        let ticket = self.jobs.start(cx, link, job, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        (identity, state_info, mut copies): (Bytes, StateInfoNews, VecDeque<StateInfoNews>),
        ok: bool,
        news: &mut Vec<News>,
    ) {
        count(cx, ok);
        if ok {
            news.push(News::StateInfo(Admitted::new(state_info)));
        } else if let Some(next) = copies.pop_front() {
            self.start_state_info(cx, None, key, (identity, next, copies));
        }
    }

    fn park(&mut self, cx: &mut Cx<'_>, peer: PeerId, state_info: StateInfoNews) {
        let key = (peer, state_info.channel.clone());
        let full = self.parked.len() >= cx.config.channel.max_parked.get();
        if full && !self.parked.contains_key(&key) {
            cx.metrics().state_infos_shed += 1;
            return;
        }
        self.parked.insert(key, state_info);
    }
}

/// Lets a copy wait for the verdict on the first one, or for its turn if that is bad.
fn wait(first: &mut StateInfoNews, copies: &mut VecDeque<StateInfoNews>, copy: StateInfoNews) {
    let room = copies.len() < MAX_COPIES;
    let mut earlier = std::iter::once(first).chain(copies.iter_mut());
    let same_sender = |earlier: &StateInfoNews| {
        let senders = &earlier.pushed_by;
        senders.iter().any(|sender| copy.pushed_by.contains(sender))
    };
    let known = earlier.find(|earlier| earlier.message == copy.message || same_sender(earlier));
    match known {
        Some(earlier) if earlier.message == copy.message => {
            earlier.pushed_by.extend(copy.pushed_by);
        }
        Some(_) => {}
        None if room => copies.push_back(copy),
        None => {}
    }
}
