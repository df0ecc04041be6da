//! State infos, pushed, in snapshots, and parked until their publisher is known.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, RawEnvelope, SignedMessage, StateInfoPull};

use super::checks::{Checked, Vouched, copies_of, note_each};
use super::news::{Admitted, MemberNews, News, Sender, StateInfoNews, StateNews, Verdict};
use super::{Asks, Check, Claim, Copies, Gate, Key, Known, count, is_oversized};
use crate::cx::Cx;
use crate::held::Held;
use crate::link::STATE_DIFFERENCES;
use crate::{ChannelId, CryptoError, CryptoJob, LinkId, OrgId, PeerId, Signed};

impl Gate {
    /// An identity has become known: what waited for it can be checked.
    pub(crate) fn on_identity(&mut self, cx: &mut Cx<'_>, known: &Known<'_>, peer: &PeerId) {
        for parked in self.parked.take(cx, peer) {
            self.check_state_info(cx, known, None, parked);
        }
    }

    /// Somebody tells a state info, of a channel of ours or of another's.
    pub(super) fn pushed_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: SignedMessage,
    ) {
        let Content::StateInfo(info) = message.content() else {
            return;
        };
        let macs = &mut self.macs;
        match macs.channel(known.channels, &info.pki_id, &info.channel_mac) {
            Some(channel) => self.state_info(cx, known, sender, channel, message, true),
            None => self.relay(cx, known, sender, info, &message),
        }
    }

    /// Somebody asks for the state infos of a channel.
    pub(super) fn state_info_pull(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        nonce: u64,
        request: &StateInfoPull,
    ) {
        let mac = &request.channel_mac;
        let channel = self
            .macs
            .channel(known.channels, sender.peer.as_bytes(), mac);
        let Some(channel) = channel else {
            cx.metrics().violations += 1;
            return;
        };
        if !self.within_budget(cx, sender.link, Asks::StateInfos(channel.clone())) {
            return;
        }
        let understands = known.links.capabilities(&sender.peer) & STATE_DIFFERENCES != 0;
        let most = cx.config.membership.max_members.get();
        // Without a nonce it is a request of the original protocol: whoever made it did not know us yet.
        let differs = understands && nonce != 0;
        let held = differs.then(|| Held::decode(nonce, &request.held, most));
        let asked = News::State(StateNews::Pull {
            sender: sender.clone(),
            channel: channel.clone(),
            held,
        });
        self.with_access(cx, known, sender, channel, asked);
    }

    pub(super) fn snapshot(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &GossipMessage,
        elements: &[RawEnvelope],
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
        cx.raise(News::State(StateNews::Snapshot {
            channel: channel.clone(),
            peer: sender.peer.clone(),
        }));
        let cap = cx.config.membership.max_members.get();
        for envelope in elements.iter().take(cap) {
            match SignedMessage::decode_nested(envelope, &cx.config.limits) {
                Ok(element) => {
                    self.state_info(cx, known, sender, channel.clone(), element, false);
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
    ) {
        let Content::StateInfo(info) = &message.message().content else {
            cx.metrics().violations += 1;
            return;
        };
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        // What is pushed was found to be of this channel by its MAC.
        let from_member = sender.org.as_ref().is_some_and(|org| own.has_org(org));
        if !from_member || !(pushed || own.has_mac(&info.pki_id, &info.channel_mac)) {
            cx.metrics().violations += 1;
            return;
        }
        let is_there = || {
            pushed && *info.pki_id == *sender.peer.as_bytes()
                || known.membership.knows(&info.pki_id)
        };
        let of_us = *info.pki_id == *cx.config.identity.peer.as_bytes();
        if of_us || !own.is_news(info, is_there) {
            cx.metrics().duplicates += 1;
            return;
        }
        if !message.envelope().is_signed() || is_oversized(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let pushed_by = pushed.then(|| sender.peer.clone()).into_iter().collect();
        let info = StateInfoNews {
            channel,
            message,
            from: sender.peer.clone(),
            pushed_by,
            revision: own.revision(),
        };
        self.check_state_info(cx, known, Some(sender.link), info);
    }

    /// Has a state info checked by the configuration in force that was checked by another.
    pub(crate) fn check_again(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        state_info: StateInfoNews,
    ) {
        self.check_state_info(cx, known, None, state_info);
    }

    /// Has a state info held checked by the configuration in force.
    pub(crate) fn check_reader(
        &mut self,
        cx: &mut Cx<'_>,
        identity: Bytes,
        envelope: &RawEnvelope,
        verdict: Verdict,
    ) {
        let job = CryptoJob::Verify {
            identity,
            signed: Signed {
                payload: envelope.payload().clone(),
                signature: envelope.signature().clone(),
                secret: None,
            },
            channel: Some(verdict.channel.clone()),
        };
        self.jobs.start(cx, None, job, 0, Check::Reader(verdict));
    }

    fn check_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        link: Option<LinkId>,
        state_info: StateInfoNews,
    ) {
        let Content::StateInfo(info) = &state_info.message.message().content else {
            return;
        };
        let Some(own) = known.channels.get(&state_info.channel) else {
            return;
        };
        let peer = PeerId::new(&info.pki_id);
        let Some(identity) = known.identities.get(&info.pki_id) else {
            let from = state_info.from.clone();
            cx.raise(News::Member(MemberNews::UnknownIdentity { from }));
            self.parked.park(cx, peer, &state_info);
            return;
        };
        let member = identity
            .org
            .as_ref()
            .is_some_and(|org: &OrgId| own.has_org(org));
        let is_there =
            || state_info.pushed_by.contains(&peer) || known.membership.knows(&info.pki_id);
        if !member || !own.is_news(info, is_there) {
            return;
        }
        let key = Key::StateInfo(state_info.channel.clone(), peer, info.time);
        let claim = Vouched {
            identity: identity.bytes.clone(),
            news: StateInfoNews {
                revision: own.revision(),
                ..state_info
            },
        };
        if let Some(claim) = self.join_check(cx, link, &key, claim) {
            self.start_check(cx, link, key, Copies::new(claim));
        }
    }

    pub(super) fn conclude_state_info(
        &mut self,
        cx: &mut Cx<'_>,
        key: Key,
        copies: Copies<Vouched<StateInfoNews>>,
        verdict: Result<(), CryptoError>,
    ) {
        count(cx, &verdict);
        let (
            Vouched {
                news: state_info, ..
            },
            rest,
        ) = copies.rest();
        if verdict.is_ok() {
            cx.raise(News::State(StateNews::StateInfo(Admitted::new(state_info))));
            return;
        }
        if verdict == Err(CryptoError::NotAdmitted)
            && let Key::StateInfo(channel, peer, _) = &key
        {
            cx.raise(News::State(StateNews::NotAdmitted {
                channel: channel.clone(),
                revision: state_info.revision,
                peer: peer.clone(),
            }));
        }
        if let Some(rest) = rest {
            self.start_check(cx, None, key, rest);
        }
    }
}

impl Checked for Vouched<StateInfoNews> {
    fn job(&self) -> CryptoJob {
        self.verify(&self.news.message, Some(&self.news.channel))
    }

    copies_of!(StateInfo);
}

impl Claim for StateInfoNews {
    fn is_same(&self, other: &Self) -> bool {
        self.message == other.message
    }

    fn shares_sender(&self, other: &Self) -> bool {
        self.from == other.from || self.pushed_by.contains(&other.from)
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.pushed_by, same.pushed_by);
    }

    fn has_several_senders(&self) -> bool {
        self.pushed_by.iter().any(|sender| *sender != self.from)
    }

    fn bytes(&self) -> u64 {
        self.message.encoded().len() as u64
    }
}
