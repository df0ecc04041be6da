//! Messages that the application sends, and those it is handed.

use std::collections::BTreeSet;

use gossip_proto::{Content, GossipMessage, Kind, Leadership, SignedMessage, UnsignedMessage};

use super::effects::class_of_view;
use super::{Node, cx};
use crate::gate::{Admitted, LeadershipNews, Sender};
use crate::link::Sent;
use crate::membership::Slot;
use crate::messaging::{Delivery, Interest, Received, SendCriteria, SendOutcome};
use crate::outbox::Hold;
use crate::{
    ChannelId, Class, Command, LinkId, Notification, PeerId, PushOutcome, RequestError, RequestId,
    Response,
};

impl Node {
    /// Hands a message to the links of peers, as it is.
    pub(super) fn send_to(
        &mut self,
        peers: &[PeerId],
        message: GossipMessage,
    ) -> Result<Response, RequestError> {
        let message = self.sendable(message)?;
        let hold = self.hold_for_anyone();
        Ok(Response::Sent(self.send_each(peers, &message, hold)))
    }

    /// Sends a message to peers that satisfy criteria. Answers `id` when enough have acknowledged.
    pub(super) fn send_by_criteria(
        &mut self,
        id: RequestId,
        message: GossipMessage,
        criteria: &SendCriteria,
    ) {
        if let Err(error) = self.begin_send(id, message, criteria) {
            let result = Err(error);
            cx!(self).emit(Command::Reply { id, result });
        }
    }

    fn begin_send(
        &mut self,
        id: RequestId,
        mut message: GossipMessage,
        criteria: &SendCriteria,
    ) -> Result<(), RequestError> {
        let wanted = criteria.min_acks;
        if criteria.max_peers == 0 {
            let result = Ok(Response::Acknowledged { by: Vec::new() });
            cx!(self).emit(Command::Reply { id, result });
            return Ok(());
        }
        if criteria.timeout.is_zero() {
            return Err(RequestError::NoTimeout);
        }
        if wanted > 0 && self.acks.len() >= self.config.messaging.max_awaiting.get() {
            return Err(RequestError::Busy);
        }
        let peers = self.draw_by(criteria)?;
        if peers.len() < wanted {
            let known = peers.len();
            return Err(RequestError::TooFewPeers { wanted, known });
        }
        message.nonce = self.acks.nonce();
        let nonce = message.nonce;
        let message = self.sendable(message)?;
        let deadline = self.now + criteria.timeout;
        let hold = Hold {
            until: deadline,
            only_named: criteria.eligible.is_some(),
        };
        let outcome = self.send_each(&peers, &message, hold);
        let sent = [outcome.queued, outcome.dialling].concat();
        let parties = (sent, outcome.dropped);
        self.acks
            .expect(cx!(self), (id, nonce), wanted, parties, hold);
        Ok(())
    }

    /// Random peers among those that the criteria name.
    fn draw_by(&mut self, criteria: &SendCriteria) -> Result<Vec<PeerId>, RequestError> {
        let id = criteria.channel.as_ref();
        let channel = id.map(|id| self.channels.joined(id)).transpose()?;
        let accept = |slot: &Slot| {
            let eligible = criteria.eligible.as_ref();
            eligible.is_none_or(|eligible| eligible.contains(&slot.peer))
                && channel.is_none_or(|channel| channel.is_eligible(&slot.peer))
        };
        Ok(self.membership.roster().draw(criteria.max_peers, accept))
    }

    /// How a message of the application waits for peers that cannot be reached, or others in their place.
    fn hold_for_anyone(&self) -> Hold {
        Hold {
            until: self.now + self.config.link.hold_for,
            only_named: false,
        }
    }

    fn send_each(&mut self, peers: &[PeerId], message: &SignedMessage, hold: Hold) -> SendOutcome {
        let class = class_of(message);
        let mut outcome = SendOutcome::default();
        let mut seen = BTreeSet::new();
        for peer in peers.iter().filter(|peer| seen.insert(*peer)) {
            let to = self.address_of(peer);
            let frame = (class, message.clone());
            let sent = self.links.send_held(cx!(self), peer, &to, frame, hold);
            outcome.add(peer.clone(), sent);
        }
        outcome
    }

    /// Answers on the link that a message came on.
    pub(super) fn respond(
        &mut self,
        link: LinkId,
        message: GossipMessage,
    ) -> Result<Response, RequestError> {
        let message = if matches!(message.content, Content::Ack(_)) {
            message.check_tag().map_err(RequestError::Illegal)?;
            SignedMessage::unsigned(message)
        } else {
            self.sendable(message)?
        };
        let class = class_of_view(&message);
        match self.links.send_on(cx!(self), link, class, None, message) {
            Sent::Queued | Sent::Dialling => Ok(Response::Done),
            Sent::Dropped(_) => Err(RequestError::NotConnected),
        }
    }

    /// The message of an application that may be sent to peers, checked and encoded once.
    fn sendable(&self, message: GossipMessage) -> Result<SignedMessage, RequestError> {
        let kind = message.content.kind();
        if matches!(kind, Kind::Conn | Kind::Ack | Kind::Pulses | Kind::Tree) {
            return Err(RequestError::NotForApplications(kind));
        }
        message.check_tag().map_err(RequestError::Illegal)?;
        let message = SignedMessage::unsigned(message);
        let (actual, limit) = (message.encoded().len(), self.config.limits.max_envelope);
        if actual > limit {
            let what = "the message";
            return Err(RequestError::TooLong {
                what,
                actual,
                limit,
            });
        }
        Ok(message)
    }

    /// Spreads a message of the application in its channel.
    pub(super) fn gossip(&mut self, id: RequestId, message: GossipMessage) {
        let checked = message.check_tag().map_err(RequestError::Illegal);
        let channel = std::str::from_utf8(&message.channel).map(ChannelId::new);
        let channel = channel.unwrap_or_else(|_| ChannelId::new(""));
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "whatever else there is, it is not spread by applications"
        )]
        let result = match (checked, message.content) {
            (Err(error), _) => Err(error),
            (Ok(()), Content::Data(payload)) => {
                self.publish(id, channel, payload.seq_num, payload.data);
                return;
            }
            (Ok(()), Content::Leadership(leadership)) => self.lead(id, channel, leadership),
            (Ok(()), content) => Err(RequestError::NotForApplications(content.kind())),
        };
        if let Err(error) = result {
            let result = Err(error);
            cx!(self).emit(Command::Reply { id, result });
        }
    }

    /// Has our proposal or declaration signed; it goes to all that take part of our organisation.
    fn lead(
        &mut self,
        id: RequestId,
        channel: ChannelId,
        leadership: Leadership,
    ) -> Result<(), RequestError> {
        self.channels.joined(&channel)?;
        if leadership.pki_id != self.config.identity.peer.as_bytes() {
            return Err(RequestError::NotOurs);
        }
        if self.leading >= self.config.messaging.max_awaiting.get() {
            return Err(RequestError::Busy);
        }
        self.leading += 1;
        let content = Content::Leadership(leadership);
        let message = GossipMessage {
            nonce: 0,
            channel: bytes::Bytes::copy_from_slice(channel.as_str().as_bytes()),
            tag: content.legal_tag(),
            content,
        };
        let unsigned = UnsignedMessage::new(message, None);
        self.gate
            .sign_leadership(cx!(self), (id, channel), unsigned);
        Ok(())
    }

    /// Our proposal or declaration is signed, or could not be.
    pub(super) fn on_leadership_signed(
        &mut self,
        id: RequestId,
        channel: &ChannelId,
        message: Option<&SignedMessage>,
    ) {
        self.leading = self.leading.saturating_sub(1);
        let result = match (message, self.channels.get(channel)) {
            (None, _) => {
                self.io.metrics.signing_failures += 1;
                cx!(self).notify(Notification::SigningFailed);
                Err(RequestError::SigningFailed)
            }
            (Some(_), None) => Err(RequestError::UnknownChannel(channel.clone())),
            (Some(message), Some(channel)) => {
                let own_org = &self.config.identity.org;
                let accept = |slot: &Slot| {
                    slot.org.as_ref() == Some(own_org) && channel.is_eligible(&slot.peer)
                };
                let peers = self.membership.roster().draw(usize::MAX, accept);
                let push = PushOutcome {
                    off: false,
                    eligible: peers.len(),
                    sent: self.send_each(&peers, message, self.hold_for_anyone()),
                };
                let fresh = true;
                Ok(Response::Published { fresh, push })
            }
        };
        cx!(self).emit(Command::Reply { id, result });
    }

    /// Somebody proposes or declares itself. It is told to everybody by itself, so nobody passes it on.
    pub(super) fn on_leadership(&mut self, news: &Admitted<LeadershipNews>) {
        let LeadershipNews { channel, message } = news.get();
        let (Content::Leadership(told), Some(own)) =
            (message.content(), self.channels.get_mut(channel))
        else {
            return;
        };
        self.identities.touch(self.now, &told.pki_id);
        if own.leadership.take(told) {
            self.deliver(channel, || message.clone());
        }
    }

    /// What the application wants to be handed from now on.
    pub(super) fn listen(&mut self, interest: Interest) -> Response {
        self.interest = interest;
        Response::Done
    }

    /// Hands out what a channel has accepted, if anybody listens; `message` is made only then.
    pub(super) fn deliver(&mut self, channel: &ChannelId, message: impl FnOnce() -> SignedMessage) {
        if self.interest.accepted {
            let (channel, message) = (channel.clone(), message());
            let delivery = Delivery::Accepted { channel, message };
            cx!(self).emit(Command::Deliver(delivery));
        }
    }

    /// Hands out what has just arrived, if anybody listens.
    pub(super) fn deliver_raw(&mut self, sender: &Sender, message: &SignedMessage) {
        if !self.interest.raw || matches!(message.content(), Content::Ack(_)) {
            return;
        }
        let Some(authentication) = self.links.conn_of(sender.link).cloned() else {
            return;
        };
        let received = Received {
            link: sender.link,
            peer: sender.peer.clone(),
            org: sender.org.clone(),
            message: message.clone(),
            authentication,
        };
        cx!(self).emit(Command::Deliver(Delivery::Raw(received)));
    }

    /// A message for applications alone has come: they have it, or nobody does.
    pub(super) fn on_foreign_protocol(&mut self) {
        if !self.interest.raw {
            self.io.metrics.violations += 1;
        }
    }
}

/// What an application sends is not as urgent as heartbeats: when there is no room, it is told so.
fn class_of(message: &SignedMessage) -> Class {
    match class_of_view(message) {
        Class::Control => Class::Push,
        other @ (Class::Push | Class::Bulk) => other,
    }
}
