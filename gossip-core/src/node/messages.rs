//! Messages that the application sends and receives.

use gossip_proto::{Content, GossipMessage, Kind, SignedMessage};

use super::Node;
use super::requests::Outcome;
use crate::gate::admitted::Sender;
use crate::messaging::{Delivery, Received, SendCriteria, cut};
use crate::peers::link::{APPLICATION, Sent};
use crate::peers::membership::AliveMember;
use crate::peers::outbox::{Frame, Hold};
use crate::{Command, LinkId, PeerId, RequestError, RequestId, Response};

impl Node {
    /// Sends a message to peers.
    pub(super) fn send_to(
        &mut self,
        peers: &[PeerId],
        message: GossipMessage,
    ) -> Result<Response, RequestError> {
        let message = self.sendable(message)?;
        let cx = &mut self.core.out();
        let hold = Hold::for_any_successor(cx);
        let sent = self.peers.send_held(cx, peers, &message, hold);
        Ok(Response::Sent(sent))
    }

    /// Sends a message to peers that satisfy criteria. Answers `id` when enough of them have acknowledged it.
    pub(super) fn send_by_criteria(
        &mut self,
        id: RequestId,
        mut message: GossipMessage,
        criteria: &SendCriteria,
    ) -> Outcome {
        let wanted = criteria.min_acks;
        if criteria.max_peers == 0 {
            return Ok(Some(Response::Acknowledged { by: Vec::new() }));
        }
        if criteria.timeout.is_zero() {
            return Err(RequestError::NoTimeout);
        }
        if wanted > 0 && self.acks.len() >= self.core.config.messaging.max_awaiting.get() {
            return Err(RequestError::Busy);
        }
        let application = matches!(message.content, Content::Application(_));
        let peers = self.draw_by(criteria, application)?;
        if peers.len() < wanted {
            let known = peers.len();
            return Err(RequestError::TooFewPeers { wanted, known });
        }
        message.nonce = self.acks.nonce();
        let nonce = message.nonce;
        let message = self.sendable(message)?;
        let cx = &mut self.core.out();
        let hold = Hold {
            until: cx.now + criteria.timeout,
            only_named: criteria.eligible.is_some(),
        };
        let outcome = self.peers.send_held(cx, &peers, &message, hold);
        let sent = [outcome.queued, outcome.dialling].concat();
        let parties = (sent, outcome.dropped);
        self.acks.expect(cx, (id, nonce), wanted, parties, hold);
        Ok(None)
    }

    /// Draws random peers that satisfy the criteria. For an application message, connected legacy peers are left
    /// out.
    fn draw_by(
        &mut self,
        criteria: &SendCriteria,
        application: bool,
    ) -> Result<Vec<PeerId>, RequestError> {
        let id = criteria.channel.as_ref();
        let channel = id.map(|id| self.channels.joined(id)).transpose()?;
        let links = &self.peers.links;
        let accept = |member: &AliveMember| {
            let takes = || !member.connected || links.capabilities(&member.peer) & APPLICATION != 0;
            let eligible = criteria.eligible.as_ref();
            (!application || takes())
                && eligible.is_none_or(|eligible| eligible.contains(&member.peer))
                && channel.is_none_or(|channel| channel.is_participant(&member.peer))
        };
        let alive = self.peers.membership.alive();
        Ok(alive.draw(criteria.max_peers, accept))
    }

    /// Answers on the link that a message was received on.
    pub(super) fn respond(
        &mut self,
        link: LinkId,
        message: GossipMessage,
    ) -> Result<Response, RequestError> {
        let message = if let Content::Ack(reason) = message.content {
            let limit = self.core.config.messaging.max_ack_text;
            let content = Content::Ack(cut(&reason, limit).to_owned());
            self.encode(GossipMessage { content, ..message })?
        } else {
            self.sendable(message)?
        };
        let links = &mut self.peers.links;
        match links.send_on(&mut self.core.out(), link, Frame::view(message)) {
            Sent::Queued | Sent::Dialling => Ok(Response::Done),
            Sent::Dropped(_) => Err(RequestError::NotConnected),
        }
    }

    /// Checks that an application may send a message, and encodes it.
    fn sendable(&self, message: GossipMessage) -> Result<SignedMessage, RequestError> {
        let kind = message.content.kind();
        if matches!(kind, Kind::Conn | Kind::Ack | Kind::Pulses | Kind::Tree) {
            return Err(RequestError::NotForApplications(kind));
        }
        self.encode(message)
    }

    /// Encodes a message, unless a receiver would refuse it.
    fn encode(&self, message: GossipMessage) -> Result<SignedMessage, RequestError> {
        message.check_tag().map_err(RequestError::Illegal)?;
        let message = SignedMessage::unsigned(message);
        let limits = &self.core.config.limits;
        let length = message.encoded().len();
        RequestError::check_length("the message", length, limits.max_envelope)?;
        message.check_limits(limits)?;
        Ok(message)
    }

    /// Delivers a received message, if the application listens.
    pub(super) fn deliver_raw(&mut self, sender: &Sender, message: &SignedMessage) {
        if self.core.io.interest.raw && !matches!(message.content(), Content::Ack(_)) {
            self.deliver(sender, message, Delivery::Raw);
        }
    }

    /// Delivers an application message to the listener, or counts it.
    pub(super) fn deliver_message(&mut self, sender: &Sender, message: &SignedMessage) {
        if self.core.io.interest.messages {
            self.deliver(sender, message, Delivery::Message);
        } else {
            let heard = self.core.io.interest.raw;
            self.core.io.metrics.messages_unheard += u64::from(!heard);
        }
    }

    fn deliver(&mut self, sender: &Sender, message: &SignedMessage, how: fn(Received) -> Delivery) {
        let Some(authentication) = self.peers.links.conn_of(sender.link).cloned() else {
            return;
        };
        let received = Received {
            link: sender.link,
            peer: sender.peer.clone(),
            org: sender.org.clone(),
            message: message.clone(),
            authentication,
        };
        self.core.out().emit(Command::Deliver(how(received)));
    }
}
