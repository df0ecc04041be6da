//! What the application asks.

use bytes::Bytes;

use super::{Node, cx};
use crate::channel::Channel;
use crate::gate::{BlockNews, BlockSource};
use crate::proto::{Chaincode, Limits};
use crate::state_transfer::Want;
use crate::timer::TimerKey;
use crate::{
    BlockOrigin, ChannelId, Command, Endpoint, JoinChannel, PeerId, Request, RequestError,
    RequestId, Response,
};

impl Node {
    pub(super) fn on_request(&mut self, id: RequestId, request: Request) {
        let result = match request {
            Request::JoinChannel { channel, config } => match self.join(id, &channel, &config) {
                Ok(Some(response)) => Ok(response),
                Ok(None) => return,
                Err(error) => Err(error),
            },
            Request::LeaveChannel { channel } => self.leave(&channel),
            Request::Publish {
                channel,
                seq,
                block,
            } => return self.publish(id, channel, seq, block),
            Request::AwaitCoverage {
                channel,
                seq,
                coverage,
                timeout,
            } => match self.await_coverage(id, &channel, seq, (coverage, timeout)) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            Request::ValidateBlocks { channel, on } => self.switch_validation(channel, on),
            Request::UpdateLedgerHeight { channel, height } => {
                return self.update_ledger_height(id, channel, height);
            }
            Request::UpdateMetadata { metadata } => self.update_metadata(metadata),
            Request::UpdateEndpoint { external } => self.update_endpoint(external),
            Request::UpdateChaincodes {
                channel: id,
                chaincodes,
            } => self.update_chaincodes(&id, chaincodes),
            Request::Send { message, peers } => self.send_to(&peers, *message),
            Request::SendByCriteria { message, criteria } => {
                return self.send_by_criteria(id, *message, &criteria);
            }
            Request::Respond { link, message } => self.respond(link, *message),
            Request::Gossip { message } => return self.gossip(id, *message),
            Request::Snapshot => Ok(Response::Snapshot(Box::new(self.snapshot()))),
            Request::Listen(interest) => Ok(self.listen(interest)),
            Request::SuspectPeers { peers } => return self.suspect(id, peers),
            Request::Identities => Ok(Response::Identities(self.identity_infos())),
            Request::IsInMyOrg { peer } => Ok(self.is_in_my_org(&peer)),
            Request::Stop => return self.stop(id),
        };
        cx!(self).emit(Command::Reply { id, result });
    }

    fn is_in_my_org(&self, peer: &PeerId) -> Response {
        let org = self.identities.org_of(peer.as_bytes());
        Response::IsInMyOrg(org.is_some_and(|org| self.identities.is_own_org(org)))
    }

    fn join(
        &mut self,
        request: RequestId,
        id: &ChannelId,
        config: &JoinChannel,
    ) -> Result<Option<Response>, RequestError> {
        if config.members.is_empty() {
            return Err(RequestError::NoMembers);
        }
        let own_org = self.config.identity.org.clone();
        if !config.members.contains_key(&own_org) {
            let sequence = self.channels.get(id).map(Channel::sequence);
            if sequence.is_some_and(|current| config.sequence > current) {
                self.leave(id)?;
            }
            return Err(RequestError::NotAMember(own_org));
        }
        let limit = self.config.limits.max_channel;
        fits("the channel's name", id.as_str().len(), limit)?;
        if id.as_str().is_empty() {
            return Err(RequestError::UnnamedChannel);
        }
        let mut answer = None;
        if self.channels.get(id).is_some() {
            answer = Some(self.reconfigure(id, config)?);
        } else {
            if self.channels.is_storing(id) {
                return Err(RequestError::Busy);
            }
            let cap = self.config.channel.max_channels.get();
            if self.channels.len() >= cap {
                return Err(RequestError::TooManyChannels(cap));
            }
            let (seed, incarnation) = (&self.start.seed, self.start.incarnation);
            let mut channel = Channel::new(cx!(self), id.clone(), config, seed, incarnation);
            channel.joining = Some(request);
            self.channels.insert(channel);
            self.gate.on_channel_joined();
        }
        self.membership.set_anchors(cx!(self), id, &config.members);
        Ok(answer)
    }

    fn reconfigure(
        &mut self,
        id: &ChannelId,
        config: &JoinChannel,
    ) -> Result<Response, RequestError> {
        let revision = self.channels.next_revision();
        let Some(channel) = self.channels.get_mut(id) else {
            return Err(RequestError::UnknownChannel(id.clone()));
        };
        if channel.joining.is_some() {
            return Err(RequestError::Busy);
        }
        let current = channel.sequence();
        if config.sequence < current {
            return Err(RequestError::OldConfiguration {
                given: config.sequence,
                current,
            });
        }
        let height = channel.transfer.height();
        channel.own.rejoin(cx!(self), id);
        for peer in channel.configure(config, revision) {
            if let Some(channel) = self.channels.get_mut(id) {
                let effects = channel.transfer.on_peer_gone(cx!(self), &peer);
                self.on_transfer_effects(id, effects);
            }
        }
        self.review_readers(id);
        self.on_attendance();
        Ok(Response::Joined { height })
    }

    fn leave(&mut self, id: &ChannelId) -> Result<Response, RequestError> {
        // Others are told first; the channel goes when that message is signed.
        self.channels.joined_mut(id)?.leave(cx!(self));
        if self.membership.is_alone() {
            self.drop_channel(id, &RequestError::UnknownChannel(id.clone()));
        }
        Ok(Response::Done)
    }

    /// Ends a channel; requests that wait for it are answered with `error`.
    pub(super) fn drop_channel(&mut self, id: &ChannelId, error: &RequestError) {
        let Some(mut channel) = self.channels.remove(id) else {
            return;
        };
        if let Some(request) = channel.joining.take() {
            let result = Err(error.clone());
            cx!(self).emit(Command::Reply {
                id: request,
                result,
            });
        }
        for request in channel.coverage.stop(cx!(self), id) {
            let result = Err(error.clone());
            cx!(self).emit(Command::Reply {
                id: request,
                result,
            });
        }
        channel.pull.pull.stop(cx!(self));
        let storing = channel.transfer.stop(cx!(self), error);
        self.channels.set_storing(id, storing);
        self.gate.on_channel_gone(id);
        self.io.timers.cancel(&TimerKey::Publish(id.clone()));
        self.io.timers.cancel(&TimerKey::Announce(id.clone()));
        self.io
            .timers
            .cancel(&TimerKey::RequestStateInfo(id.clone()));
        self.membership
            .set_anchors(cx!(self), id, &std::collections::BTreeMap::new());
    }

    /// Has a block of the application verified, unless it is known.
    pub(super) fn publish(&mut self, id: RequestId, name: ChannelId, seq: u64, data: Bytes) {
        let cap = self.config.state_transfer.max_publications.get();
        let channel = match self.channels.joined_mut(&name) {
            Ok(channel) => channel,
            Err(error) => {
                let result = Err(error);
                cx!(self).emit(Command::Reply { id, result });
                return;
            }
        };
        if channel.transfer.want(cx!(self), seq, BlockOrigin::Local) == Want::Known {
            let effects = channel.transfer.publish(cx!(self), id, seq, data);
            self.on_transfer_effects(&name, effects);
            return;
        }
        // The next number is exempt, as in the payload buffer: whoever is told to come back later
        // then knows that a lower number will be committed meanwhile.
        let refusal = if self.publishing >= cap && seq != channel.transfer.height() {
            Err(RequestError::Busy)
        } else {
            fits("the block", data.len(), max_block(&self.config.limits))
        };
        if let Err(error) = refusal {
            let result = Err(error);
            cx!(self).emit(Command::Reply { id, result });
            return;
        }
        self.publishing += 1;
        channel
            .transfer
            .on_checking(cx!(self), seq, data.len() as u64);
        let block = BlockNews {
            channel: name,
            seq,
            data,
            source: BlockSource::Local { id },
            message: None,
            holders: Vec::new(),
        };
        self.gate.check_block(cx!(self), None, block);
    }

    fn switch_validation(&mut self, id: ChannelId, on: bool) -> Result<Response, RequestError> {
        self.channels.joined(&id)?;
        self.gate.switch_validation(&id, on);
        Ok(Response::Done)
    }

    fn update_ledger_height(&mut self, request: RequestId, id: ChannelId, height: u64) {
        match self.channels.joined_mut(&id) {
            Ok(channel) => channel.transfer.update_height(cx!(self), request, height),
            Err(error) => {
                let (id, result) = (request, Err(error));
                cx!(self).emit(Command::Reply { id, result });
            }
        }
    }

    fn update_chaincodes(
        &mut self,
        id: &ChannelId,
        chaincodes: Vec<Chaincode>,
    ) -> Result<Response, RequestError> {
        let limits = &self.config.limits;
        for chaincode in &chaincodes {
            fits("a chaincode's name", chaincode.name.len(), limits.max_name)?;
            fits(
                "a chaincode's version",
                chaincode.version.len(),
                limits.max_name,
            )?;
            let metadata = chaincode.metadata.len();
            fits("a chaincode's metadata", metadata, limits.max_metadata)?;
        }
        let lengths = chaincodes.iter().map(|chaincode| {
            let texts = chaincode.name.len() + chaincode.version.len();
            texts + chaincode.metadata.len() + WRAPPING
        });
        let room = limits.max_signed.saturating_sub(limits.max_signature);
        fits(
            "the list of chaincodes",
            lengths.sum(),
            room.saturating_sub(WRAPPING),
        )?;
        let channel = self.channels.joined_mut(id)?;
        channel.own.set_chaincodes(cx!(self), id, chaincodes);
        Ok(Response::Done)
    }

    fn update_endpoint(&mut self, external: Option<Endpoint>) -> Result<Response, RequestError> {
        let external = external.filter(|endpoint| !endpoint.as_str().is_empty());
        let length = external.as_ref().map_or(0, |it| it.as_str().len());
        fits(
            "the external endpoint",
            length,
            self.config.limits.max_endpoint,
        )?;
        self.membership
            .set_external(cx!(self), &self.identities, external);
        Ok(Response::Done)
    }

    fn update_metadata(&mut self, metadata: Bytes) -> Result<Response, RequestError> {
        fits(
            "the metadata",
            metadata.len(),
            self.config.limits.max_metadata,
        )?;
        self.membership.set_metadata(metadata);
        Ok(Response::Done)
    }
}

/// More than what lengths, tags and numbers add to the texts of a message or of a part of it.
const WRAPPING: usize = 128;

/// The longest block that every message which may carry it can.
fn max_block(limits: &Limits) -> usize {
    limits
        .max_envelope
        .saturating_sub(WRAPPING.saturating_add(limits.max_channel))
}

fn fits(what: &'static str, actual: usize, limit: usize) -> Result<(), RequestError> {
    if actual > limit {
        return Err(RequestError::TooLong {
            what,
            actual,
            limit,
        });
    }
    Ok(())
}
