//! State infos, pushed, in snapshots, and parked until their publisher is known.

use gossip_proto::{Content, GossipMessage, RawEnvelope, SignedMessage};

use super::news::{Admitted, News, Sender, StateInfoNews};
use super::{Check, Gate, Key, Known, MAX_COPIES, count, signed, verified};
use crate::cx::Cx;
use crate::{ChannelId, CryptoJob, CryptoOutcome, LinkId, OrgId, PeerId};

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
            if let Some(message) = self.parked.remove(&key) {
                let channel = key.1;
                let parked = StateInfoNews {
                    channel,
                    message,
                    pushed_by: None,
                };
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
        let pushed_by = pushed.then(|| sender.peer.clone());
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
            if let Some(Check::StateInfo { copies, .. }) = self.jobs.get_mut(*ticket) {
                cx.metrics().duplicates += 1;
                if copies.len() < MAX_COPIES {
                    copies.push(state_info);
                }
            }
            return;
        }
        let job = CryptoJob::Verify {
            identity: identity.bytes.clone(),
            signed: signed(&state_info.message),
            channel: Some(state_info.channel.clone()),
        };
        let check = Check::StateInfo {
            key: key.clone(),
            news: state_info,
            copies: Vec::new(),
        };
        let ticket = self.jobs.start(cx, link, job, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        mut state_info: StateInfoNews,
        copies: Vec<StateInfoNews>,
        outcome: CryptoOutcome,
        news: &mut Vec<News>,
    ) {
        let ok = verified(outcome).is_ok();
        count(cx, ok);
        if ok {
            let pushed = copies.into_iter().find_map(|copy| copy.pushed_by);
            state_info.pushed_by = state_info.pushed_by.or(pushed);
            news.push(News::StateInfo(Admitted::new(state_info)));
        }
    }

    fn park(&mut self, cx: &mut Cx<'_>, peer: PeerId, state_info: StateInfoNews) {
        let key = (peer, state_info.channel);
        let full = self.parked.len() >= cx.config.channel.max_parked.get();
        if full && !self.parked.contains_key(&key) {
            cx.metrics().state_infos_shed += 1;
            return;
        }
        self.parked.insert(key, state_info.message);
    }
}
