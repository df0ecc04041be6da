//! Configuring and leaving a channel.

use gossip_proto::{Chaincode, channel_mac};

use super::{Channel, ChannelCx};
use crate::out::Out;
use crate::{JoinChannel, RequestError, RequestId, Response};

impl Channel {
    /// The ledger's height is known: the channel is joined.
    pub(super) fn on_joined(&mut self, cx: &mut Out<'_>) {
        let height = self.height();
        self.own.set_height(cx, height);
        if let Some(request) = self.joining.take() {
            cx.answer(request, Ok(Response::Joined { height }));
        }
    }

    /// Applies a newer configuration: drops the state infos of organisations that are no longer in it, and checks the
    /// policy for all others.
    ///
    /// # Errors
    /// The configuration is older than the one in force, or as old and names other organisations, or the channel is
    /// still being joined. Nothing changes then.
    pub(crate) fn configure(
        &mut self,
        cx: &mut ChannelCx<'_>,
        config: &JoinChannel,
        revision: u64,
    ) -> Result<Response, RequestError> {
        if self.joining.is_some() {
            return Err(RequestError::Busy);
        }
        let current = self.sequence;
        if config.sequence < current {
            return Err(RequestError::OldConfiguration {
                given: config.sequence,
                current,
            });
        }
        let same = self.orgs.iter().eq(config.members.keys());
        if config.sequence == current && !same && !self.own.has_left() {
            return Err(RequestError::OtherMembers { sequence: current });
        }
        let height = self.height();
        self.own.rejoin(cx);
        self.revisions.1 = revision;
        self.sequence = config.sequence;
        self.orgs = config.members.keys().cloned().collect();
        self.own_version += 1;
        let gone = self.participants.on_configured(&self.orgs);
        for peer in &gone {
            self.forget(peer);
        }
        self.readers.review(self.participants.infos().keys());
        for peer in &gone {
            self.on_peer_gone(cx, peer);
        }
        self.review_readers(cx);
        self.settle_coverage(cx);
        Ok(Response::Joined { height })
    }

    /// Leaves the channel. The departure is published first, and the channel ends when that message is signed.
    ///
    /// # Errors
    /// The channel has been left already.
    pub(crate) fn leave(&mut self, cx: &mut ChannelCx<'_>) -> Result<Response, RequestError> {
        self.check_joined()?;
        self.own.set_left(cx);
        self.own_version += 1;
        if cx.peers.membership.is_alone() {
            self.end(RequestError::UnknownChannel(self.id.clone()));
        }
        Ok(Response::Done)
    }

    /// Returns an error if the channel has been left.
    pub(crate) fn check_joined(&self) -> Result<(), RequestError> {
        if self.own.has_left() {
            return Err(RequestError::UnknownChannel(self.id.clone()));
        }
        Ok(())
    }

    /// Ends the channel now, with its timers and all that waits in it.
    pub(crate) fn stop(mut self, cx: &mut Out<'_>, error: Option<&RequestError>) {
        let gone = RequestError::UnknownChannel(self.id.clone());
        let error = error.or(self.ended.as_ref()).unwrap_or(&gone).clone();
        let waiting = self.joining.take().into_iter();
        for request in waiting.chain(self.coverage.stop()) {
            cx.answer(request, Err(error.clone()));
        }
        self.commit.stop(cx, &error);
        cx.timers().cancel_channel(&self.id);
        cx.io.tickets.forget_channel(&self.id);
    }

    /// Replaces the list of chaincodes that we publish.
    pub(crate) fn set_chaincodes(
        &mut self,
        cx: &mut Out<'_>,
        chaincodes: Vec<Chaincode>,
    ) -> Result<Response, RequestError> {
        self.check_joined()?;
        self.own.set_chaincodes(cx, chaincodes);
        Ok(Response::Done)
    }

    /// The application has stored blocks itself.
    pub(crate) fn update_ledger_height(&mut self, cx: &mut Out<'_>, id: RequestId, height: u64) {
        match self.check_joined() {
            Ok(()) => self.commit.update_height(cx, id, height),
            Err(error) => cx.answer(id, Err(error)),
        }
    }

    /// Returns whether this MAC proves that the peer knows the channel's name.
    pub(crate) fn has_mac(&self, peer: &[u8], mac: &[u8]) -> bool {
        match self.participants.mac_of(peer) {
            Some(known) => known == mac,
            None => channel_mac(peer, self.id.as_str().as_bytes()) == mac,
        }
    }
}
