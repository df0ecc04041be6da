//! What has passed the gate, to the module it is for.

use gossip_proto::{Content, SignedMessage};

use super::effects::class_of_view;
use super::{Node, cx, known};
use crate::gate::{
    Admitted, BlockFault, ChainNews, IdentityNews, Known, MemberNews, News, RelayNews, Sender,
    Signing, StateInfoNews, StateNews,
};
use crate::held::Held;
use crate::link::STATE_DIFFERENCES;
use crate::outbox::Supersede;
use crate::push::{Item, What};
use crate::{ChannelId, CryptoError, LinkId, Notification, PeerId, ValidIdentity};
use bytes::Bytes;

impl Node {
    pub(super) fn on_news(&mut self, news: News) {
        match news {
            News::Member(news) => self.on_member_news(news),
            News::Identity(news) => self.on_identity_news(news),
            News::State(news) => self.on_state_news(news),
            News::Chain(news) => self.on_chain_news(news),
            News::Signed { what, message } => self.on_signed(what, message),
            News::Access(access) => {
                let known = known!(self);
                self.gate.on_access(cx!(self), &known, access);
            }
            News::Pull {
                sender,
                channel,
                message,
            } => self.on_pull(&sender, channel.as_ref(), &message),
            News::Leadership(leadership) => self.on_leadership(&leadership),
            News::Ack { peer, nonce, error } => {
                self.acks.on_ack(cx!(self), &peer, nonce, &error);
            }
            News::ForApplications => self.on_foreign_protocol(),
            News::Authenticated { link, result } => {
                self.links.on_authenticated(cx!(self), link, result);
            }
        }
    }

    fn on_member_news(&mut self, news: MemberNews) {
        match news {
            MemberNews::Alive(alive) => {
                if let Content::Alive(told) = alive.get().message.content()
                    && !self.identities.touch(self.now, &told.pki_id)
                {
                    // Its identity has ended while the heartbeat was being checked.
                    return;
                }
                self.membership.on_alive(cx!(self), &self.identities, alive);
            }
            MemberNews::Pulse(pulse) => {
                self.identities.touch(self.now, &pulse.get().pulse.pki_id);
                self.membership.on_pulse(cx!(self), pulse);
            }
            MemberNews::Request(requester) => {
                self.membership
                    .on_request(cx!(self), &self.identities, requester);
            }
            MemberNews::Response { peer } => self.membership.on_response(cx!(self), &peer),
            MemberNews::UnknownIdentity { from } => {
                self.membership
                    .on_unknown_identity(cx!(self), &self.identities, &from);
            }
            MemberNews::SignOfLife { peer } => {
                self.membership
                    .on_sign_of_life(cx!(self), &self.identities, &peer);
            }
        }
    }

    fn on_identity_news(&mut self, news: IdentityNews) {
        match news {
            IdentityNews::Valid { valid, bytes } => self.on_identity(&valid, &bytes),
            IdentityNews::Validated { peer, result } => self.on_validated(&peer, result),
            IdentityNews::Announced { valid, message } => self.on_announced(&valid, &message),
            IdentityNews::Bad { from, subject } => {
                self.identity_pull.pull.on_bad(self.now, from, subject);
            }
        }
    }

    fn on_state_news(&mut self, news: StateNews) {
        match news {
            StateNews::StateInfo(info) => self.on_state_info(&info),
            StateNews::Reviewed { verdict, result } => self.on_reviewed(&verdict, result),
            StateNews::NotAdmitted {
                channel,
                revision,
                peer,
            } => self.on_not_admitted(&channel, revision, &peer),
            StateNews::Relay(relayed) => self.on_relayed(relayed.into_inner()),
            StateNews::Pull {
                sender,
                channel,
                held,
            } => self.on_state_info_pull(&sender, &channel, held.as_ref()),
            StateNews::Snapshot { channel, peer } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.on_snapshot(&peer);
                }
            }
        }
    }

    fn on_chain_news(&mut self, news: ChainNews) {
        match news {
            ChainNews::Block(block) => self.on_block(block),
            ChainNews::Bad {
                channel,
                seq,
                source,
                fault,
            } => self.on_bad_block(&channel, seq, source, fault),
            ChainNews::Checking {
                channel,
                seq,
                bytes,
            } => {
                if let Some(channel) = self.channels.get_mut(&channel) {
                    channel.transfer.on_checking(cx!(self), seq, bytes);
                }
            }
            ChainNews::Holder { channel, seq, peer } => self.on_holder(&channel, seq, &peer),
            ChainNews::Superfluous { channel, seq, peer } => {
                self.on_superfluous(&channel, seq, &peer);
            }
            ChainNews::Tree {
                sender,
                channel,
                tree,
            } => self.on_tree(&sender, &channel, tree),
            ChainNews::Publish {
                id,
                channel,
                seq,
                data,
            } => {
                self.publishing = self.publishing.saturating_sub(1);
                self.publish(id, channel, seq, data);
            }
            ChainNews::Request {
                sender,
                channel,
                nonce,
                request,
            } => self.on_state_request(&sender, &channel, nonce, request),
            ChainNews::Response {
                sender,
                channel,
                nonce,
                payloads,
            } => self.on_state_response(&sender, &channel, nonce, payloads),
        }
    }

    /// What we say is signed, or could not be.
    fn on_signed(&mut self, what: Signing, message: Option<SignedMessage>) {
        match what {
            Signing::Conn(link) => self.on_conn_signed(link, message),
            Signing::Alive => {
                self.membership
                    .on_own_signed(cx!(self), &self.identities, message);
            }
            Signing::StateInfo(channel) => self.on_own_state(&channel, message),
            Signing::Identity => self.on_own_announcement(message.as_ref()),
            Signing::Leadership(id, channel) => {
                self.on_leadership_signed(id, &channel, message.as_ref());
            }
        }
    }

    fn on_conn_signed(&mut self, link: LinkId, message: Option<SignedMessage>) {
        if let Some(message) = message {
            self.links.on_conn_signed(cx!(self), link, message);
            return;
        }
        self.io.metrics.signing_failures += 1;
        cx!(self).notify(Notification::SigningFailed);
        self.links.on_sign_failed(cx!(self), link);
    }

    pub(super) fn on_identity(&mut self, valid: &ValidIdentity, bytes: &Bytes) {
        let membership = &self.membership;
        let keep = |peer: &PeerId| membership.knows(peer.as_bytes());
        self.identities.put(cx!(self), valid, bytes, keep);
        self.identities.touch(self.now, valid.peer.as_bytes());
        let known = known!(self);
        self.gate.on_identity(cx!(self), &known, &valid.peer);
    }

    fn on_state_info(&mut self, info: &Admitted<StateInfoNews>) {
        let StateInfoNews {
            channel: id,
            message,
            pushed_by,
            revision,
            ..
        } = info.get();
        if let Content::StateInfo(told) = message.content() {
            self.identities.touch(self.now, &told.pki_id);
        }
        if let Content::StateInfo(told) = &message.message().content
            && pushed_by.is_empty()
            && !self.membership.knows(&told.pki_id)
        {
            // Peers would tell each other for ever of one that is no more.
            return;
        }
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if !channel.is_current(*revision) {
            // Its signer was held against a policy that is not in force any more.
            let known = known!(self);
            self.gate.check_again(cx!(self), &known, info.get().clone());
            return;
        }
        let stranger = channel.is_stranger(message);
        let Some((publisher, height)) =
            channel.on_state_info(cx!(self), &self.identities, &self.membership, info)
        else {
            return;
        };
        let effects = match height {
            Some(height) => {
                let connected = self.links.is_connected(&publisher);
                if connected || self.membership.is_alive(publisher.as_bytes()) {
                    channel
                        .transfer
                        .on_claim(cx!(self), &publisher, height, connected)
                } else {
                    Vec::new()
                }
            }
            None => channel.transfer.on_peer_gone(cx!(self), &publisher),
        };
        self.on_transfer_effects(id, effects);
        match height {
            Some(height) => self.on_height(id, &publisher, height),
            None => self.on_attendance(),
        }
        if stranger && pushed_by.contains(&publisher) {
            // It has joined just now, so it cannot have taken what we told it before.
            self.introduce(&publisher);
        }
        if !pushed_by.is_empty() {
            self.pass_on_state_info(info.get(), publisher);
        }
    }

    /// To the applications that listen, and to peers that have not pushed it to us.
    fn pass_on_state_info(&mut self, info: &StateInfoNews, publisher: PeerId) {
        let (id, message) = (&info.channel, &info.message);
        self.deliver(id, || message.clone());
        let what = What::StateInfo {
            channel: id.clone(),
            publisher,
        };
        self.push(Item {
            what,
            message: message.clone(),
            holders: info.pushed_by.clone(),
        });
    }

    /// Tells our organisation of a channel that is none of ours.
    fn on_relayed(&mut self, relayed: RelayNews) {
        let RelayNews {
            publisher,
            mac,
            message,
            holders,
        } = relayed;
        let Content::StateInfo(info) = &message.message().content else {
            return;
        };
        self.identities.touch(self.now, publisher.as_bytes());
        if self.relay.add(cx!(self), (publisher.clone(), mac), info) {
            self.io.metrics.state_infos_relayed += 1;
            let what = What::Relay { publisher, mac };
            self.push(Item {
                what,
                message,
                holders,
            });
        }
    }

    fn on_state_info_pull(&mut self, sender: &Sender, id: &ChannelId, held: Option<&Held>) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let Some(message) = channel.snapshot(&self.config, &self.membership, sender, held) else {
            return;
        };
        let key = Some(Supersede::StateSnapshot(id.clone()));
        let class = class_of_view(&message);
        self.links
            .send_on(cx!(self), sender.link, class, key, message);
    }

    /// A peer showed that it holds a block: as good as a state info with that height.
    pub(super) fn on_holder(&mut self, id: &ChannelId, seq: u64, peer: &PeerId) {
        let connected = self.links.is_connected(peer);
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let height = seq.saturating_add(1);
        let waited = !channel.coverage.is_empty();
        if channel.height_of(peer).is_some_and(|told| told < height) {
            let effects = channel
                .transfer
                .on_claim(cx!(self), peer, height, connected);
            self.on_transfer_effects(id, effects);
        }
        if waited {
            self.on_height(id, peer, height);
        }
    }

    fn on_own_state(&mut self, id: &ChannelId, message: Option<SignedMessage>) {
        if message.is_none() {
            self.io.metrics.signing_failures += 1;
            cx!(self).notify(Notification::SigningFailed);
        }
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let first = channel.own.signed().is_none();
        channel.on_own_signed(cx!(self), message.clone());
        let Some(message) = message else {
            return;
        };
        let left = channel.own.has_left()
            && matches!(
                &message.message().content,
                Content::StateInfo(info) if info.properties.as_ref().is_some_and(|p| p.left_channel)
            );
        let publisher = self.config.identity.peer.clone();
        let what = What::StateInfo {
            channel: id.clone(),
            publisher,
        };
        let item = Item {
            what,
            message,
            holders: Vec::new(),
        };
        if left {
            // The channel goes with this message, so it cannot wait for others.
            self.push_now(&item);
            self.drop_channel(id, &crate::RequestError::UnknownChannel(id.clone()));
            return;
        }
        if first {
            // Whoever connected before we joined has not been told yet.
            for peer in self.membership.connected() {
                self.introduce(&peer);
            }
        }
        self.push(item);
    }

    /// Has our state in a channel signed if it has changed and somebody is there to read it.
    pub(super) fn publish_state(&mut self, id: &ChannelId) {
        let alone = self.membership.is_alone();
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        if alone {
            if channel.own.has_left() {
                self.drop_channel(id, &crate::RequestError::UnknownChannel(id.clone()));
            }
            return;
        }
        let cx = cx!(self);
        if let Some(unsigned) = channel.own.next(cx, id) {
            self.gate.sign_state_info(cx!(self), id.clone(), unsigned);
        }
    }

    /// Asks a few members for the state infos of a channel.
    pub(super) fn request_state_infos(&mut self, id: &ChannelId) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.arm_request(cx!(self));
        let patience = self.config.membership.alive_expiration;
        let gone = channel.sweep(self.now, patience, &self.membership);
        let mut effects = Vec::new();
        for peer in &gone {
            effects.extend(channel.transfer.on_peer_gone(cx!(self), peer));
        }
        let count = self.config.channel.request_peers;
        let enough = self.config.link.org_links.get();
        let room = self.links.room_for_more(&self.config)
            && !self.membership.roster().is_linked_enough(enough, 0);
        let peers = self
            .membership
            .draw_of_orgs(count, room, |org| channel.has_org(org));
        channel.on_asked(self.now, &peers);
        let own = &self.config.identity;
        let whole = channel.pull_request(&own.peer);
        let requests = peers.into_iter().map(|peer| {
            if self.links.capabilities(&peer) & STATE_DIFFERENCES == 0 {
                return (peer, whole.clone());
            }
            let inside = self.identities.org_of(peer.as_bytes()) == Some(&own.org);
            let request = channel.pull_request_for_news(&self.config, &self.membership, inside);
            (peer, request)
        });
        let requests: Vec<_> = requests.collect();
        self.on_transfer_effects(id, effects);
        if let Some(channel) = self.channels.get_mut(id) {
            channel.readers.resume();
        }
        self.review_readers(id);
        for (peer, message) in requests {
            self.send_view(&peer, Supersede::StateInfoPull(id.clone()), message);
        }
    }

    pub(super) fn refuse_publication(&mut self, id: crate::RequestId, fault: BlockFault) {
        let error = match fault {
            BlockFault::Unverified(CryptoError::Overloaded) => crate::RequestError::Busy,
            BlockFault::Unverified(error) => crate::RequestError::BadBlock(error),
            BlockFault::Rejected => crate::RequestError::Rejected,
            BlockFault::Ignored => crate::RequestError::Ignored,
        };
        let result = Err(error);
        cx!(self).emit(crate::Command::Reply { id, result });
    }
}
