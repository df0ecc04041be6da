//! State infos: pushed, in snapshots, and awaiting the identity of their publisher.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, RawEnvelope, SignedMessage, StateInfoPull};

use super::admitted::{
    Admitted, ChannelInput, Inbound, Key, MemberInput, RelayItem, Sender, StateInfoItem,
};
use super::budget::Quota;
use super::rules::{NotChecked, Rules, channel_of, is_inside, is_well_formed};
use super::{Gate, GateCx};
use crate::have_set::HaveSet;
use crate::id::Mac;
use crate::out::Out;
use crate::peers::link::STATE_DIFFERENCES;
use crate::{ChannelId, Config, CryptoError, LinkId, PeerId, relay};

impl Gate {
    /// An identity has become known: checks the state infos that awaited it.
    pub(crate) fn on_identity(&mut self, cx: &mut GateCx<'_>, peer: &PeerId) {
        for item in self.awaiting_identity.take(cx, peer) {
            self.check_state_info(cx, None, item);
        }
    }

    /// A peer pushed a state info, of a channel that we have joined or of another one.
    pub(super) fn pushed_state_info(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        message: SignedMessage,
    ) {
        let Content::StateInfo(info) = message.content() else {
            return;
        };
        let macs = &mut self.macs;
        match macs.channel(cx.channels, &info.pki_id, &info.channel_mac) {
            Some(channel) => self.state_info(cx, sender, channel, message, true),
            None if is_inside(cx, sender) => {
                let Ok(mac) = Mac::try_from(&info.channel_mac[..]) else {
                    cx.metrics().violations += 1;
                    return;
                };
                let publisher = PeerId::new(&info.pki_id);
                let key = Key::Relay(publisher.clone(), mac, info.time);
                let item = RelayItem {
                    publisher,
                    mac,
                    message: message.clone(),
                    holders: vec![sender.peer.clone()],
                };
                self.receive(cx, Some(sender.link), (key, item));
            }
            None => {}
        }
    }

    /// A peer asks for the state infos of a channel.
    pub(super) fn state_info_pull(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: Sender,
        nonce: u64,
        request: &StateInfoPull,
    ) {
        let mac = &request.channel_mac;
        let channel = self.macs.channel(cx.channels, sender.peer.as_bytes(), mac);
        let Some(channel) = channel else {
            cx.metrics().violations += 1;
            return;
        };
        let quota = Quota::StateInfos(channel.clone());
        if !self.budgets.admit(cx, sender.link, quota) {
            return;
        }
        let most = cx.config.membership.max_members.get();
        // A request without a nonce is in Fabric's protocol: its sender did not know our capabilities yet.
        let differs = nonce != 0 && cx.peers.supports(&sender.peer, STATE_DIFFERENCES);
        let held = differs.then(|| HaveSet::decode(nonce, &request.held, most));
        let input = ChannelInput::StateInfoPull {
            sender: sender.clone(),
            held,
        };
        let asked = Inbound::Channel(channel.clone(), input);
        self.with_access(cx, &sender, channel, asked);
    }

    pub(super) fn snapshot(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        message: &GossipMessage,
        elements: &[RawEnvelope],
    ) {
        let Some(id) = channel_of(cx, sender, message) else {
            return;
        };
        let channel = cx.channels.get(&id);
        if !channel.is_some_and(|channel| channel.expects_snapshot(cx.now, &sender.peer)) {
            cx.metrics().violations += 1;
            return;
        }
        let peer = sender.peer.clone();
        cx.raise(Inbound::Channel(
            id.clone(),
            ChannelInput::Snapshot { peer },
        ));
        let cap = cx.config.membership.max_members.get();
        for envelope in elements.iter().take(cap) {
            match SignedMessage::decode_nested(envelope, &cx.config.limits) {
                Ok(element) => self.state_info(cx, sender, id.clone(), element, false),
                Err(_) => cx.metrics().violations += 1,
            }
        }
    }

    fn state_info(
        &mut self,
        cx: &mut GateCx<'_>,
        sender: &Sender,
        channel: ChannelId,
        message: SignedMessage,
        pushed: bool,
    ) {
        let Content::StateInfo(info) = message.content() else {
            cx.metrics().violations += 1;
            return;
        };
        let Some(own) = cx.channels.get(&channel) else {
            return;
        };
        // The channel of a pushed one was found by its MAC.
        let from_member = sender.org.as_ref().is_some_and(|org| own.has_org(org));
        if !from_member || !(pushed || own.has_mac(&info.pki_id, &info.channel_mac)) {
            cx.metrics().violations += 1;
            return;
        }
        let is_there = || {
            pushed && *info.pki_id == *sender.peer.as_bytes()
                || cx.peers.membership.knows(&info.pki_id)
        };
        let of_us = *info.pki_id == *cx.config.identity.peer.as_bytes();
        if of_us || !own.is_news(info, is_there) {
            cx.metrics().duplicates += 1;
            return;
        }
        if !is_well_formed(cx, &message) {
            cx.metrics().violations += 1;
            return;
        }
        let item = StateInfoItem {
            channel,
            message,
            from: sender.peer.clone(),
            pushed_by: pushed.then(|| sender.peer.clone()).into_iter().collect(),
            revision: own.revision(),
        };
        self.check_state_info(cx, Some(sender.link), item);
    }

    /// Checks a state info under the configuration in force.
    pub(crate) fn check_state_info(
        &mut self,
        cx: &mut GateCx<'_>,
        link: Option<LinkId>,
        mut item: StateInfoItem,
    ) {
        let Content::StateInfo(info) = item.message.content() else {
            return;
        };
        if let Some(channel) = cx.channels.get(&item.channel) {
            let publisher = PeerId::new(&info.pki_id);
            let key = Key::StateInfo(item.channel.clone(), publisher, info.time);
            item.revision = channel.revision();
            self.receive(cx, link, (key, item));
        }
    }
}

/// State infos of channels that we have not joined are accepted only from peers of our organisation, and forwarded only
/// to them.
impl Rules for RelayItem {
    fn message(&self) -> &SignedMessage {
        &self.message
    }

    fn precheck(&self, cx: &mut GateCx<'_>) -> Result<Bytes, NotChecked> {
        let Content::StateInfo(info) = self.message.content() else {
            return Err(NotChecked::Unwanted);
        };
        if self.publisher == cx.config.identity.peer {
            return Err(NotChecked::Unwanted);
        }
        let place = (self.publisher.clone(), self.mac);
        if let Err(refused) = cx.relay.check(cx.config, &place, info) {
            relay::count(cx, refused);
            return Err(NotChecked::Unwanted);
        }
        if !is_well_formed(cx, &self.message) {
            return Err(NotChecked::Violation);
        }
        let identity = cx.peers.identities.get(&info.pki_id);
        Ok(identity.ok_or(NotChecked::Unidentified)?.bytes.clone())
    }

    fn budget(config: &Config) -> Option<(Quota, u32)> {
        Some((Quota::Relay, config.channel.max_relay_checks))
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

    fn precheck(&self, cx: &mut GateCx<'_>) -> Result<Bytes, NotChecked> {
        let Content::StateInfo(info) = self.message.content() else {
            return Err(NotChecked::Unwanted);
        };
        let channel = cx.channels.get(&self.channel).ok_or(NotChecked::Unwanted)?;
        let identity = cx.peers.identities.get(&info.pki_id);
        let identity = identity.ok_or(NotChecked::Unidentified)?;
        let member = identity.org.as_ref();
        let is_there = || {
            let mut pushers = self.pushed_by.iter();
            pushers.any(|peer| peer.as_bytes() == &*info.pki_id)
                || cx.peers.membership.knows(&info.pki_id)
        };
        if !member.is_some_and(|org| channel.has_org(org)) || !channel.is_news(info, is_there) {
            return Err(NotChecked::Unwanted);
        }
        Ok(identity.bytes.clone())
    }

    fn readers(&self) -> Option<&ChannelId> {
        Some(&self.channel)
    }

    fn on_unidentified(self, gate: &mut Gate, cx: &mut Out<'_>) {
        let from = self.from.clone();
        cx.raise(Inbound::Member(MemberInput::UnknownIdentity { from }));
        gate.awaiting_identity.put(cx, &self);
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
