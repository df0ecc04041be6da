//! Blocks: from the gate to the ledger and on to peers.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Payload, SignedMessage, StateRequest, Tag};

use super::effects::class_of_view;
use super::{Node, cx};
use crate::gate::{Admitted, BlockFault, BlockNews, BlockSource, Sender, block_message};
use crate::link::{SendTo, Sent};
use crate::outbox::Supersede;
use crate::state_transfer::Effect;
use crate::{
    BlockOrigin, ChannelId, Class, Command, LedgerOutcome, LinkId, PeerId, PushOutcome,
    RequestError, RequestId, Response, Ticket,
};

impl Node {
    /// A block has been verified.
    pub(super) fn on_block(&mut self, block: Admitted<BlockNews>) {
        let BlockNews {
            channel: id,
            seq,
            data,
            source,
            message,
            holders,
        } = block.into_inner();
        let local = matches!(source, BlockSource::Local { .. });
        let brought = matches!(source, BlockSource::Pushed { .. });
        if local {
            self.publishing = self.publishing.saturating_sub(1);
        }
        self.note_outside(&id, seq, &source);
        let Some(channel) = self.channels.get_mut(&id) else {
            if let BlockSource::Local { id: request } = source {
                let result = Err(RequestError::UnknownChannel(id));
                cx!(self).emit(Command::Reply {
                    id: request,
                    result,
                });
            }
            return;
        };
        let cx = cx!(self);
        let effects = match source {
            BlockSource::Local { id: request } => channel.transfer.publish(cx, request, seq, data),
            BlockSource::Pushed { .. } => channel.transfer.admit(cx, seq, data, BlockOrigin::Push),
            BlockSource::Transfer { .. } => {
                channel
                    .transfer
                    .admit(cx, seq, data, BlockOrigin::StateTransfer)
            }
            BlockSource::Pulled { .. } => channel.transfer.admit(cx, seq, data, BlockOrigin::Pull),
        };
        // Copies of a block asked for may have come by push as well: then it is passed on.
        let mut pushed = message.map(|message| (message, holders));
        for effect in effects {
            if let Effect::Accepted {
                seq: accepted,
                request,
                ..
            } = &effect
                && *accepted == seq
                && let Some((message, mut holders)) = pushed.take()
            {
                self.deliver(&id, || message.clone());
                if brought {
                    self.on_brought(&id, seq, &mut holders);
                }
                let sent = self.push_block(&id, seq, message, holders);
                self.answer_publication(&id, *request, true, sent);
                continue;
            }
            self.on_transfer_effect(&id, effect);
        }
    }

    /// Tells the publisher, if there is one, what became of its block.
    fn answer_publication(
        &mut self,
        id: &ChannelId,
        request: Option<RequestId>,
        fresh: bool,
        sent: Vec<(PeerId, Sent)>,
    ) {
        let Some(request) = request else {
            return;
        };
        let mut push = PushOutcome {
            off: !self.config.push.is_on(),
            ..PushOutcome::default()
        };
        for (peer, sent) in sent {
            push.sent.add(peer, sent);
        }
        let own_org = &self.config.identity.org;
        if let Some(channel) = self.channels.get_mut(id) {
            push.eligible = channel.count_eligible(own_org, &self.membership);
        }
        let result = Ok(Response::Published { fresh, push });
        cx!(self).emit(Command::Reply {
            id: request,
            result,
        });
    }

    pub(super) fn on_bad_block(
        &mut self,
        id: &ChannelId,
        seq: u64,
        source: BlockSource,
        fault: BlockFault,
    ) {
        tracing::debug!(channel = %id, seq, ?source, ?fault, "block refused");
        if let BlockSource::Local { id: request } = source {
            self.publishing = self.publishing.saturating_sub(1);
            self.refuse_publication(request, fault);
        }
        if fault == BlockFault::Ignored {
            if let Some(channel) = self.channels.get_mut(id) {
                let effects = channel.transfer.on_ignored_block(cx!(self), seq);
                self.on_transfer_effects(id, effects);
            }
            return;
        }
        match source {
            BlockSource::Local { .. } => self.on_unasked_bad_block(id, seq),
            BlockSource::Transfer { from } => {
                if let Some(channel) = self.channels.get_mut(id) {
                    let transfer = &mut channel.transfer;
                    let effects = if fault.is_nobodys() {
                        transfer.on_unchecked_block(cx!(self), &from, seq)
                    } else {
                        transfer.on_bad_block(cx!(self), &from, seq)
                    };
                    self.on_transfer_effects(id, effects);
                }
            }
            BlockSource::Pulled { from } => self.on_bad_pulled_block(id, from, seq, fault),
            BlockSource::Pushed { .. } => self.on_unasked_bad_block(id, seq),
        }
    }

    pub(super) fn on_unasked_bad_block(&mut self, id: &ChannelId, seq: u64) {
        if let Some(channel) = self.channels.get_mut(id) {
            let effects = channel.transfer.on_unasked_bad_block(cx!(self), seq);
            self.on_transfer_effects(id, effects);
        }
    }

    pub(super) fn on_ledger_done(&mut self, ticket: Ticket, outcome: LedgerOutcome) {
        let owner = self
            .channels
            .iter_mut()
            .find(|channel| channel.transfer.owns(ticket));
        let Some(channel) = owner else {
            self.on_pull_read(ticket, outcome);
            return;
        };
        let id = channel.id().clone();
        let effects = channel.transfer.on_ledger_done(cx!(self), ticket, outcome);
        self.on_transfer_effects(&id, effects);
    }

    pub(super) fn on_transfer_timer(&mut self, id: &ChannelId) {
        if let Some(channel) = self.channels.get_mut(id) {
            let effects = channel.transfer.on_timer(cx!(self));
            self.on_transfer_effects(id, effects);
        }
    }

    pub(super) fn on_state_request(
        &mut self,
        sender: &Sender,
        id: &ChannelId,
        nonce: u64,
        request: StateRequest,
    ) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        let (peer, link) = (&sender.peer, sender.link);
        if !self.links.has_bulk_room(&self.config, link) {
            // It has not taken what it asked for before. An empty answer sends it elsewhere.
            self.io.metrics.state_requests_refused += 1;
            let message = channel_message(id, nonce, Content::StateResponse(Vec::new()));
            self.links
                .send_on(cx!(self), link, Class::Control, None, message);
            return;
        }
        let effect = channel
            .transfer
            .on_request(cx!(self), peer, link, nonce, request);
        self.on_transfer_effects(id, effect);
    }

    pub(super) fn on_state_response(
        &mut self,
        sender: &Sender,
        id: &ChannelId,
        nonce: u64,
        payloads: Vec<Payload>,
    ) {
        if let Some(channel) = self.channels.get_mut(id) {
            let effects = channel
                .transfer
                .on_response(cx!(self), &sender.peer, nonce, payloads);
            self.on_transfer_effects(id, effects);
        }
    }

    pub(super) fn on_transfer_effects(
        &mut self,
        id: &ChannelId,
        effects: impl IntoIterator<Item = Effect>,
    ) {
        for effect in effects {
            self.on_transfer_effect(id, effect);
        }
    }

    fn on_transfer_effect(&mut self, id: &ChannelId, effect: Effect) {
        match effect {
            Effect::Ready { height } => self.on_joined(id, height),
            Effect::Failed { error } => {
                let error = RequestError::Ledger(error);
                self.drop_channel(id, &error);
            }
            Effect::HeightChanged(height) => self.on_own_height(id, height),
            Effect::Accepted {
                seq,
                data,
                origin: BlockOrigin::Local,
                request,
            } => {
                if let Some(channel) = self.channels.get_mut(id) {
                    let own = &self.config.identity.peer;
                    channel.tree.on_published(seq, own);
                }
                let message = block_message(id, seq, data);
                let sent = self.push_block(id, seq, message, Vec::new());
                self.answer_publication(id, request, true, sent);
            }
            Effect::Known { request } => {
                self.answer_publication(id, Some(request), false, Vec::new());
            }
            Effect::Accepted { seq, data, .. } => {
                self.deliver(id, || block_message(id, seq, data.clone()));
                self.pass_on_fetched(id, seq, data);
            }
            Effect::Verify { peer, seq, data } => self.check_transferred(id, peer, seq, data),
            Effect::SendRequest {
                peer,
                nonce,
                request,
                newest,
            } => {
                self.send_state_request(id, &peer, nonce, request);
                if newest {
                    self.graft(id, &peer);
                }
            }
            Effect::Respond {
                link,
                nonce,
                payloads,
            } => {
                self.send_state_response(id, link, nonce, payloads);
            }
        }
    }

    fn on_joined(&mut self, id: &ChannelId, height: u64) {
        let Some(channel) = self.channels.get_mut(id) else {
            return;
        };
        channel.own.set_height(cx!(self), id, height);
        if let Some(request) = channel.joining.take() {
            let result = Ok(Response::Joined { height });
            cx!(self).emit(Command::Reply {
                id: request,
                result,
            });
        }
    }

    fn on_own_height(&mut self, id: &ChannelId, height: u64) {
        if let Some(channel) = self.channels.get_mut(id) {
            channel.own.set_height(cx!(self), id, height);
        }
        self.grant_wishes(id, height);
        self.announce_soon(id);
    }

    fn check_transferred(&mut self, id: &ChannelId, from: PeerId, seq: u64, data: Bytes) {
        let link = self.links.link_of(&from);
        let block = BlockNews {
            channel: id.clone(),
            seq,
            data,
            source: BlockSource::Transfer { from },
            message: None,
            holders: Vec::new(),
        };
        self.gate.check_block(cx!(self), link, block);
    }

    fn send_state_request(
        &mut self,
        id: &ChannelId,
        peer: &PeerId,
        nonce: u64,
        request: StateRequest,
    ) {
        let message = channel_message(id, nonce, Content::StateRequest(request));
        let to = self.address_of(peer);
        let sent = self
            .links
            .send(cx!(self), peer, &to, Class::Control, None, message);
        if matches!(sent, Sent::Dropped(_))
            && let Some(channel) = self.channels.get_mut(id)
        {
            channel.transfer.on_unsent(cx!(self), peer);
        }
    }

    fn send_state_response(
        &mut self,
        id: &ChannelId,
        link: LinkId,
        nonce: u64,
        payloads: Vec<Payload>,
    ) {
        let message = channel_message(id, nonce, Content::StateResponse(payloads));
        self.links
            .send_on(cx!(self), link, Class::Bulk, None, message);
    }

    /// Sends a list, or the request for one, which takes the place of an earlier one that waits.
    pub(super) fn send_view(&mut self, peer: &PeerId, key: Supersede, message: SignedMessage) {
        let to = self.address_of(peer);
        let class = class_of_view(&message);
        self.links
            .send(cx!(self), peer, &to, class, Some(key), message);
    }

    pub(super) fn address_of(&self, peer: &PeerId) -> SendTo {
        SendTo {
            endpoint: self.membership.endpoint_of(peer.as_bytes()).cloned(),
            expected_org: self.identities.org_of(peer.as_bytes()).cloned(),
        }
    }
}

fn channel_message(id: &ChannelId, nonce: u64, content: Content) -> SignedMessage {
    SignedMessage::unsigned(GossipMessage {
        nonce,
        channel: Bytes::copy_from_slice(id.as_str().as_bytes()),
        tag: Tag::ChanOrOrg,
        content,
    })
}
