//! Messages coming in: what may be dropped unseen, what needs a check, and what the check decides.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gossip_proto::{
    Alive, Content, GossipMessage, MembershipRequest, MembershipResponse, Payload, RawEnvelope,
    SignedMessage,
};

use super::news::{
    Admitted, AliveNews, AliveSource, BlockNews, BlockSource, News, Sender, StateInfoNews,
};
use super::{Check, Gate, Key, Known, MAX_COPIES, count, signed, valid_identity, verified};
use crate::cx::Cx;
use crate::membership::Requester;
use crate::{ChannelId, CryptoJob, CryptoOutcome, LinkId, OrgId, PeerId};

impl Gate {
    /// A message has come on an authenticated link.
    pub(crate) fn on_received(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: SignedMessage,
        news: &mut Vec<News>,
    ) {
        match &message.message().content {
            Content::Alive(_) => {
                let source = AliveSource::Pushed {
                    from: sender.peer.clone(),
                };
                self.alive(
                    cx,
                    known,
                    sender.link,
                    message,
                    source,
                    &BTreeMap::new(),
                    news,
                );
            }
            Content::MembershipRequest(request) => {
                let nonce = message.message().nonce;
                self.membership_request(cx, known, sender, nonce, request, news);
            }
            Content::MembershipResponse(response) => {
                let nonce = message.message().nonce;
                self.membership_response(cx, known, &sender, nonce, response, news);
            }
            Content::StateInfo(info) => {
                let channel = known.channels.by_mac(&info.pki_id, &info.channel_mac);
                let Some(channel) = channel.map(|channel| channel.id().clone()) else {
                    return;
                };
                self.state_info(cx, known, &sender, channel, message, true, news);
            }
            Content::StateInfoPull(mac) => {
                let channel = known.channels.by_mac(sender.peer.as_bytes(), mac);
                let Some(channel) = channel.map(|channel| channel.id().clone()) else {
                    cx.metrics().violations += 1;
                    return;
                };
                let asked = News::StateInfoPull {
                    sender: sender.clone(),
                    channel: channel.clone(),
                };
                self.with_access(cx, known, &sender, channel, asked, news);
            }
            Content::StateSnapshot(elements) => {
                self.snapshot(cx, known, &sender, message.message(), elements, news);
            }
            Content::Data(payload) => self.pushed_block(cx, known, sender, &message, payload, news),
            Content::StateRequest(request) => {
                let asked = |channel| News::StateRequest {
                    sender: sender.clone(),
                    channel,
                    nonce: message.message().nonce,
                    request: *request,
                };
                if let Some(channel) = self.channel_of(cx, known, &sender, message.message()) {
                    self.with_access(cx, known, &sender, channel.clone(), asked(channel), news);
                }
            }
            Content::StateResponse(payloads) => {
                if let Some(channel) = self.channel_of(cx, known, &sender, message.message()) {
                    let nonce = message.message().nonce;
                    let payloads = payloads.clone();
                    news.push(News::StateResponse {
                        sender,
                        channel,
                        nonce,
                        payloads,
                    });
                }
            }
            Content::Empty => {}
            // Authentication is over; the rest belongs to protocols that this node does not speak.
            Content::Conn(_)
            | Content::Hello(_)
            | Content::Digest(_)
            | Content::DataRequest(_)
            | Content::DataUpdate(_)
            | Content::Leadership(_)
            | Content::PeerIdentity(_)
            | Content::Ack(_)
            | Content::PrivateRequest(_)
            | Content::PrivateResponse(_)
            | Content::PrivateData(_) => cx.metrics().violations += 1,
        }
    }

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

    /// Has a block of the application, or of a peer that we asked, verified.
    pub(crate) fn check_block(&mut self, cx: &mut Cx<'_>, link: Option<LinkId>, block: BlockNews) {
        let key = Key::Block(block.channel.clone(), block.seq);
        if let Some(ticket) = self.in_flight.get(&key) {
            if let Some(Check::Block { copies, .. }) = self.jobs.get_mut(*ticket) {
                // A publication must be answered, so it always has a place: publishers are bounded.
                let local = matches!(block.source, BlockSource::Local { .. });
                if local || copies.len() < MAX_COPIES {
                    copies.push_back(block);
                } else {
                    cx.metrics().duplicates += 1;
                }
            }
            return;
        }
        let job = CryptoJob::VerifyBlock {
            channel: block.channel.clone(),
            seq: block.seq,
            block: block.data.clone(),
        };
        let check = Check::Block {
            key: key.clone(),
            news: block,
            copies: VecDeque::new(),
        };
        let ticket = self.jobs.start(cx, link, job, check);
        self.in_flight.insert(key, ticket);
    }

    fn pushed_block(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: &SignedMessage,
        payload: &Payload,
        news: &mut Vec<News>,
    ) {
        let Some(channel) = self.channel_of(cx, known, &sender, message.message()) else {
            return;
        };
        if !sender
            .org
            .as_ref()
            .is_some_and(|org| known.identities.is_own_org(org))
        {
            // Blocks are pushed within an organisation; others ask for them.
            cx.metrics().violations += 1;
            return;
        }
        let seq = payload.seq_num;
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        if seq >= own.transfer.height() {
            news.push(News::Holder {
                channel: channel.clone(),
                seq,
                peer: sender.peer.clone(),
            });
        }
        if !own.wants_pushed(cx, seq) {
            return;
        }
        // Private data is not covered by the orderers' signatures: it is not passed on.
        let clean = if payload.private_data.is_empty() {
            message.clone()
        } else {
            block_message(&channel, seq, payload.data.clone())
        };
        let block = BlockNews {
            channel,
            seq,
            data: payload.data.clone(),
            holders: vec![sender.peer.clone()],
            source: BlockSource::Pushed { from: sender.peer },
            message: Some(clean),
        };
        self.check_block(cx, Some(sender.link), block);
    }

    pub(super) fn conclude_block(
        &mut self,
        cx: &mut Cx<'_>,
        mut block: BlockNews,
        mut copies: VecDeque<BlockNews>,
        outcome: CryptoOutcome,
        news: &mut Vec<News>,
    ) {
        if let Err(error) = verified(outcome) {
            count(cx, false);
            cx.metrics().blocks_bad += 1;
            let BlockNews {
                channel,
                seq,
                source,
                ..
            } = block;
            news.push(News::BadBlock {
                channel,
                seq,
                source,
                error,
            });
            // Another copy may be the true one.
            while let Some(copy) = copies.pop_front() {
                self.check_block(cx, None, copy);
            }
            return;
        }
        for copy in copies {
            cx.metrics().duplicates += 1;
            match copy.source {
                BlockSource::Local { id } => {
                    let BlockNews {
                        channel, seq, data, ..
                    } = copy;
                    news.push(News::Publish {
                        id,
                        channel,
                        seq,
                        data,
                    });
                }
                BlockSource::Pushed { from } if copy.data == block.data => {
                    block.holders.push(from);
                    block.message = block.message.or(copy.message);
                }
                BlockSource::Pushed { .. } | BlockSource::Transfer { .. } => {}
            }
        }
        news.push(News::Block(Admitted::new(block)));
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one message and its context"
    )]
    fn alive(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        link: LinkId,
        message: SignedMessage,
        source: AliveSource,
        identities: &BTreeMap<Bytes, Bytes>,
        news: &mut Vec<News>,
    ) {
        let Content::Alive(alive) = &message.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        let dead = matches!(source, AliveSource::Hearsay { .. });
        if !known.membership.is_news(alive, dead) {
            cx.metrics().duplicates += 1;
            return;
        }
        if !message.envelope().is_signed() {
            cx.metrics().violations += 1;
            return;
        }
        let key = Key::Alive(PeerId::new(&alive.pki_id), alive.time);
        if let Some(ticket) = self.in_flight.get(&key) {
            if let Some(Check::Alive { copies, .. }) = self.jobs.get_mut(*ticket) {
                cx.metrics().duplicates += 1;
                if copies.len() < MAX_COPIES {
                    copies.push(AliveNews { message, source });
                }
            }
            return;
        }
        let Some((job, identity)) = alive_job(known, alive, &message, identities) else {
            news.push(News::UnknownIdentity);
            return;
        };
        let alive = AliveNews { message, source };
        let check = Check::Alive {
            key: key.clone(),
            news: alive,
            identity,
            copies: Vec::new(),
        };
        let ticket = self.jobs.start(cx, Some(link), job, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn conclude_alive(
        &mut self,
        cx: &mut Cx<'_>,
        alive: AliveNews,
        identity: Option<Bytes>,
        copies: Vec<AliveNews>,
        outcome: CryptoOutcome,
        news: &mut Vec<News>,
    ) {
        let ok = match identity {
            None => verified(outcome).is_ok(),
            Some(bytes) => match valid_identity(outcome) {
                Ok(valid) if is_subject(&alive.message, &valid.peer) => {
                    news.push(News::Identity { valid, bytes });
                    true
                }
                Ok(_) | Err(_) => false,
            },
        };
        count(cx, ok);
        if ok {
            news.push(News::Alive(Admitted::new(alive)));
            return;
        }
        // A copy that is not the same bytes may be the true one; its sender will repeat it.
        if copies
            .iter()
            .any(|copy| copy.message.encoded() != alive.message.encoded())
        {
            news.push(News::UnknownIdentity);
        }
    }

    fn membership_request(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        nonce: u64,
        request: &MembershipRequest,
        news: &mut Vec<News>,
    ) {
        let own = SignedMessage::decode_nested(&request.self_information, &cx.config.limits);
        let Ok(own) = own else {
            cx.metrics().violations += 1;
            return;
        };
        let Content::Alive(alive) = &own.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        if alive.pki_id != sender.peer.as_bytes() {
            cx.metrics().violations += 1;
            return;
        }
        if !self.within_budget(cx, sender.link) {
            cx.metrics().requests_limited += 1;
            return;
        }
        let requester = Requester {
            peer: sender.peer.clone(),
            link: sender.link,
            nonce,
            external: !alive.endpoint.is_empty(),
            wants_identities: request.want_identities,
        };
        // The link has proven who asks, so the answer does not wait for the heartbeat's check.
        news.push(News::MembershipRequest(requester));
        let source = AliveSource::Request { from: sender.peer };
        self.alive(cx, known, sender.link, own, source, &BTreeMap::new(), news);
    }

    fn membership_response(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        nonce: u64,
        response: &MembershipResponse,
        news: &mut Vec<News>,
    ) {
        if !known
            .membership
            .expects_response(cx.now, &sender.peer, nonce)
        {
            cx.metrics().violations += 1;
            return;
        }
        news.push(News::MembershipResponse {
            peer: sender.peer.clone(),
        });
        let identities: BTreeMap<Bytes, Bytes> = response
            .identities
            .iter()
            .map(|identity| (identity.pki_id.clone(), identity.cert.clone()))
            .collect();
        let cap = cx.config.membership.max_members.get();
        let living = response.alive.iter().map(|envelope| (envelope, false));
        let dead = response.dead.iter().map(|envelope| (envelope, true));
        for (envelope, dead) in living.chain(dead).take(cap) {
            let Ok(message) = SignedMessage::decode_nested(envelope, &cx.config.limits) else {
                cx.metrics().violations += 1;
                continue;
            };
            let from = sender.peer.clone();
            let source = if dead {
                AliveSource::Hearsay { from }
            } else {
                AliveSource::Response { from }
            };
            self.alive(cx, known, sender.link, message, source, &identities, news);
        }
    }

    fn snapshot(
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
    fn state_info(
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

    /// Lets `asked` through if the sender may read the channel, once its handshake has been held
    /// against the channel's policy; that is remembered until the link or the configuration ends.
    fn with_access(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        channel: ChannelId,
        asked: News,
        news: &mut Vec<News>,
    ) {
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        if !sender.org.as_ref().is_some_and(|org| own.has_org(org)) {
            cx.metrics().violations += 1;
            return;
        }
        let sequence = own.sequence();
        let place = (sender.link, channel.clone());
        if self.access.get(&place) == Some(&sequence) {
            news.push(asked);
            return;
        }
        let key = Key::Access(sender.link, channel.clone());
        if let Some(ticket) = self.in_flight.get(&key) {
            if let Some(Check::Access { waiting, .. }) = self.jobs.get_mut(*ticket) {
                if waiting.len() < MAX_COPIES {
                    waiting.push(asked);
                }
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
        let check = Check::Access {
            key: key.clone(),
            sequence,
            waiting: vec![asked],
        };
        let ticket = self.jobs.start(cx, Some(sender.link), job, check);
        self.in_flight.insert(key, ticket);
    }

    /// The channel that a message names, if we are in it and the sender's organisation too.
    fn channel_of(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &GossipMessage,
    ) -> Option<ChannelId> {
        let channel = known.channels.by_name(&message.channel)?;
        if sender.org.as_ref().is_some_and(|org| channel.has_org(org)) {
            return Some(channel.id().clone());
        }
        cx.metrics().violations += 1;
        None
    }

    fn within_budget(&mut self, cx: &Cx<'_>, link: LinkId) -> bool {
        let second = cx.now.as_nanos() / 1_000_000_000;
        let budget = self.budgets.entry(link).or_default();
        if budget.second != second {
            budget.second = second;
            budget.spent = 0;
        }
        budget.spent = budget.spent.saturating_add(1);
        budget.spent <= cx.config.membership.max_requests_per_second
    }
}

/// The message that carries a block.
pub(crate) fn block_message(channel: &ChannelId, seq: u64, data: Bytes) -> SignedMessage {
    SignedMessage::unsigned(GossipMessage {
        nonce: 0,
        channel: Bytes::copy_from_slice(channel.as_str().as_bytes()),
        tag: gossip_proto::Tag::ChanAndOrg,
        content: Content::Data(Payload {
            seq_num: seq,
            data,
            private_data: Vec::new(),
        }),
    })
}

/// How a heartbeat is checked: under an identity held, or one that came with it.
fn alive_job(
    known: &Known<'_>,
    alive: &Alive,
    message: &SignedMessage,
    identities: &BTreeMap<Bytes, Bytes>,
) -> Option<(CryptoJob, Option<Bytes>)> {
    let signed = signed(message);
    if let Some(held) = known.identities.get(&alive.pki_id) {
        let job = CryptoJob::Verify {
            identity: held.bytes.clone(),
            signed,
            channel: None,
        };
        return Some((job, None));
    }
    let identity = alive
        .identity
        .as_ref()
        .or_else(|| identities.get(&alive.pki_id))?
        .clone();
    let job = CryptoJob::Authenticate {
        identity: identity.clone(),
        signed,
    };
    Some((job, Some(identity)))
}

fn is_subject(message: &SignedMessage, peer: &PeerId) -> bool {
    match &message.message().content {
        Content::Alive(alive) => alive.pki_id == peer.as_bytes(),
        _ => false,
    }
}
