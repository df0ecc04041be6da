//! Leadership proposals and declarations: the latest of each peer, and our own.

use std::collections::BTreeMap;

use gossip_proto::{Content, Leadership, PeerTime, SignedMessage, UnsignedMessage};

use super::{Channel, ChannelCx};
use crate::compose::message;
use crate::gate::admitted::{Admitted, LeadershipItem};
use crate::peers::membership::AliveMember;
use crate::peers::outbox::Hold;
use crate::signal::Signing;
use crate::{PeerId, PushOutcome, RequestError, RequestId, Response};

/// The time of each peer's latest leadership message, kept as long as the peer is known: a declaration replayed after
/// the death of its sender must not count. At most `max` peers.
#[derive(Debug)]
pub(super) struct LatestLeadership {
    times: BTreeMap<PeerId, PeerTime>,
    max: usize,
}

impl LatestLeadership {
    pub(super) fn new(max: usize) -> Self {
        Self {
            times: BTreeMap::new(),
            max,
        }
    }

    /// Returns whether a message is newer than the last one of its sender.
    pub(super) fn is_news(&self, told: &Leadership) -> bool {
        self.times
            .get(&told.pki_id[..])
            .is_none_or(|latest| told.time > *latest)
    }

    /// Takes a verified message. Returns whether it is new and there was room.
    pub(super) fn take(&mut self, told: &Leadership) -> bool {
        let peer = PeerId::new(&told.pki_id);
        let room = self.times.len() < self.max || self.times.contains_key(&peer);
        let taken = room && self.is_news(told);
        if taken {
            self.times.insert(peer, told.time);
        }
        taken
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.times.remove(peer);
    }
}

impl Channel {
    /// Returns whether this proposal or declaration is new.
    pub(crate) fn is_leadership_news(&self, told: &Leadership) -> bool {
        !self.own.has_left() && self.leadership.is_news(told)
    }

    /// A peer's proposal or declaration. It is not forwarded, since each peer sends its own to all.
    pub(super) fn on_leadership(
        &mut self,
        cx: &mut ChannelCx<'_>,
        item: &Admitted<LeadershipItem>,
    ) {
        let message = &item.get().message;
        if let Content::Leadership(told) = message.content() {
            cx.peers.identities.touch(cx.cx.now, &told.pki_id);
            if self.leadership.take(told) {
                cx.deliver(&self.id, || message.clone());
            }
        }
    }

    /// Starts the signature of our proposal or declaration, which is then sent to all participants of our organisation.
    pub(crate) fn lead(
        &mut self,
        cx: &mut ChannelCx<'_>,
        id: RequestId,
        leadership: Leadership,
    ) -> Result<(), RequestError> {
        self.check_joined()?;
        if leadership.pki_id != cx.config.identity.peer.as_bytes() {
            return Err(RequestError::NotOurs);
        }
        if cx.crypto.leading() >= cx.config.messaging.max_awaiting.get() {
            return Err(RequestError::Busy);
        }
        let message = message(Some(&self.id), 0, Content::Leadership(leadership));
        let what = Signing::Leadership(id, self.id.clone());
        cx.sign(what, UnsignedMessage::new(message, None));
        Ok(())
    }

    /// Our proposal or declaration is signed.
    pub(crate) fn on_leadership_signed(
        &self,
        cx: &mut ChannelCx<'_>,
        message: &SignedMessage,
    ) -> Response {
        let own_org = &cx.cx.out.config.identity.org;
        let accept = |member: &AliveMember| {
            member.org.as_ref() == Some(own_org) && self.is_participant(&member.peer)
        };
        let peers = cx.peers.membership.alive().draw(usize::MAX, accept);
        let hold = Hold::for_any_successor(&cx.cx);
        let push = PushOutcome {
            off: false,
            eligible: peers.len(),
            sent: cx.peers.send_held(&mut cx.cx, &peers, message, hold),
        };
        Response::Published { fresh: true, push }
    }
}
