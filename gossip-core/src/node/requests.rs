//! Requests of the application.

use bytes::Bytes;

use super::Node;
use crate::channel::{Channel, ChannelCx};
use crate::gate::admitted::Publication;
use crate::proto::{Chaincode, Content, GossipMessage, Limits};
use crate::{ChannelId, Endpoint, JoinChannel, PeerId, Request, RequestError, RequestId, Response};

/// The immediate result of a request; `None` if it is answered later.
pub(super) type Outcome = Result<Option<Response>, RequestError>;

impl Node {
    pub(super) fn on_request(&mut self, id: RequestId, request: Request) {
        let outcome = match request {
            Request::JoinChannel { channel, config } => self.join(id, &channel, &config),
            Request::LeaveChannel { channel } => self.leave(&channel).map(Some),
            Request::Publish {
                channel,
                seq,
                block,
            } => self.publish(id, &channel, seq, block),
            Request::AwaitCoverage {
                channel,
                seq,
                coverage,
                timeout,
            } => self.in_joined(&channel, |channel, cx| {
                channel.check_joined()?;
                channel.await_coverage(cx, id, seq, (coverage, timeout))?;
                Ok(None)
            }),
            Request::ValidateBlocks { channel, on } => self.in_joined(&channel, |of, cx| {
                of.check_joined()?;
                cx.crypto.validations.switch(of.id(), on);
                Ok(Some(Response::Done))
            }),
            Request::UpdateLedgerHeight { channel, height } => {
                self.in_joined(&channel, |channel, cx| {
                    channel.update_ledger_height(cx, id, height);
                    Ok(None)
                })
            }
            Request::UpdateMetadata { metadata } => self.update_metadata(metadata),
            Request::UpdateEndpoint { external } => self.update_endpoint(external),
            Request::UpdateChaincodes {
                channel,
                chaincodes,
            } => self.update_chaincodes(&channel, chaincodes),
            Request::Send { message, peers } => self.send_to(&peers, *message).map(Some),
            Request::SendByCriteria { message, criteria } => {
                self.send_by_criteria(id, *message, &criteria)
            }
            Request::Respond { link, message } => self.respond(link, *message).map(Some),
            Request::Gossip { message } => self.gossip(id, *message),
            Request::Snapshot => Ok(Some(Response::Snapshot(Box::new(self.snapshot())))),
            Request::Listen(interest) => {
                self.core.io.interest = interest;
                Ok(Some(Response::Done))
            }
            Request::SuspectPeers { peers } => self.suspect(id, peers),
            Request::Identities => {
                let infos = self.peers.identities.infos(self.core.now);
                Ok(Some(Response::Identities(infos)))
            }
            Request::IsInMyOrg { peer } => Ok(Some(Response::IsInMyOrg(self.peers.is_ours(&peer)))),
            Request::Stop => return self.stop(id),
        };
        match outcome {
            Ok(None) => {}
            Ok(Some(response)) => self.core.out().answer(id, Ok(response)),
            Err(error) => self.core.out().answer(id, Err(error)),
        }
    }

    /// Calls `act` on a channel, or returns an error if there is none.
    fn in_joined(
        &mut self,
        id: &ChannelId,
        act: impl FnOnce(&mut Channel, &mut ChannelCx<'_>) -> Outcome,
    ) -> Outcome {
        self.in_channel(id, act)
            .unwrap_or_else(|| Err(RequestError::UnknownChannel(id.clone())))
    }

    fn join(&mut self, request: RequestId, id: &ChannelId, config: &JoinChannel) -> Outcome {
        if config.members.is_empty() {
            return Err(RequestError::NoMembers);
        }
        let own_org = self.core.config.identity.org.clone();
        if !config.members.contains_key(&own_org) {
            let sequence = self.channels.get(id).map(Channel::sequence);
            if sequence.is_some_and(|current| config.sequence > current) {
                self.leave(id)?;
            }
            return Err(RequestError::NotAMember(own_org));
        }
        let limit = self.core.config.limits.max_channel;
        RequestError::check_length("the channel's name", id.as_str().len(), limit)?;
        if id.as_str().is_empty() {
            return Err(RequestError::UnnamedChannel);
        }
        let answer = if self.channels.get(id).is_some() {
            let revision = self.channels.next_revision();
            self.in_joined(id, |channel, cx| {
                channel.configure(cx, config, revision).map(Some)
            })?
        } else {
            self.begin_join(request, id, config)?;
            None
        };
        let members = &mut self.peers.membership;
        members.set_anchors(&mut self.core.out(), id, &config.members);
        Ok(answer)
    }

    fn begin_join(
        &mut self,
        request: RequestId,
        id: &ChannelId,
        config: &JoinChannel,
    ) -> Result<(), RequestError> {
        let tickets = &self.core.io.tickets;
        if tickets.committing().any(|storing| storing == id) {
            return Err(RequestError::Busy);
        }
        let cap = self.core.config.channel.max_channels.get();
        if self.channel_places() >= cap {
            return Err(RequestError::TooManyChannels(cap));
        }
        let place = (request, self.channels.next_revision());
        let start = self.core.start;
        let channel = Channel::join(&mut self.core.out(), id.clone(), config, &start, place);
        self.channels.insert(channel);
        self.gate.on_channel_joined();
        Ok(())
    }

    /// The number of channels joined, and of those left that are still storing a block.
    pub(super) fn channel_places(&self) -> usize {
        let committing = self.core.io.tickets.committing();
        let left = committing.filter(|id| self.channels.get(id).is_none());
        self.channels.len() + left.count()
    }

    fn leave(&mut self, id: &ChannelId) -> Result<Response, RequestError> {
        self.in_channel(id, Channel::leave)
            .unwrap_or_else(|| Err(RequestError::UnknownChannel(id.clone())))
    }

    fn publish(&mut self, id: RequestId, channel: &ChannelId, seq: u64, data: Bytes) -> Outcome {
        self.in_joined(channel, |channel, cx| {
            channel.publish(cx, Publication { id, seq, data });
            Ok(None)
        })
    }

    /// Disseminates a message of the application in its channel.
    fn gossip(&mut self, id: RequestId, message: GossipMessage) -> Outcome {
        message.check_tag().map_err(RequestError::Illegal)?;
        let name = std::str::from_utf8(&message.channel).unwrap_or_default();
        let channel = ChannelId::new(name);
        #[allow(
            clippy::wildcard_enum_match_arm,
            reason = "applications spread nothing else"
        )]
        match message.content {
            Content::Data(payload) => self.publish(id, &channel, payload.seq_num, payload.data),
            Content::Leadership(leadership) => self.in_joined(&channel, |channel, cx| {
                channel.lead(cx, id, leadership).map(|()| None)
            }),
            content => Err(RequestError::NotForApplications(content.kind())),
        }
    }

    fn suspect(&mut self, id: RequestId, peers: Option<Vec<PeerId>>) -> Outcome {
        if !self.peers.suspects.has_room() {
            return Err(RequestError::Busy);
        }
        self.gate.forget_refused();
        self.peers.suspect(&mut self.core.cx(), id, peers);
        Ok(None)
    }

    fn update_chaincodes(&mut self, id: &ChannelId, chaincodes: Vec<Chaincode>) -> Outcome {
        check_chaincodes(&chaincodes, &self.core.config.limits)?;
        self.in_joined(id, |channel, cx| {
            channel.set_chaincodes(cx, chaincodes).map(Some)
        })
    }

    fn update_endpoint(&mut self, external: Option<Endpoint>) -> Outcome {
        let external = external.filter(|endpoint| !endpoint.as_str().is_empty());
        let length = external.as_ref().map_or(0, |it| it.as_str().len());
        let limit = self.core.config.limits.max_endpoint;
        RequestError::check_length("the external endpoint", length, limit)?;
        self.in_membership(|members, cx| members.set_external(cx, external));
        Ok(Some(Response::Done))
    }

    fn update_metadata(&mut self, metadata: Bytes) -> Outcome {
        let limit = self.core.config.limits.max_metadata;
        RequestError::check_length("the metadata", metadata.len(), limit)?;
        self.peers.membership.set_metadata(metadata);
        Ok(Some(Response::Done))
    }
}

/// Bound on the encoding overhead of a chaincode or of a list of them, in bytes.
const WRAPPING: usize = 128;

fn check_chaincodes(chaincodes: &[Chaincode], limits: &Limits) -> Result<(), RequestError> {
    let (names, most) = (limits.max_name, limits.max_metadata);
    let mut length = 0;
    for chaincode in chaincodes {
        let (name, version) = (chaincode.name.len(), chaincode.version.len());
        let metadata = chaincode.metadata.len();
        RequestError::check_length("a chaincode's name", name, names)?;
        RequestError::check_length("a chaincode's version", version, names)?;
        RequestError::check_length("a chaincode's metadata", metadata, most)?;
        length += name + version + metadata + WRAPPING;
    }
    let room = limits.max_signed.saturating_sub(limits.max_signature);
    let most = room.saturating_sub(WRAPPING);
    RequestError::check_length("the list of chaincodes", length, most)
}
