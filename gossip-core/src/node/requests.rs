//! What the application asks.

use bytes::Bytes;

use super::{Node, cx};
use crate::channel::Channel;
use crate::gate::{BlockNews, BlockSource};
use crate::state_transfer::Want;
use crate::timer::TimerKey;
use crate::{
    BlockOrigin, ChannelId, Command, JoinChannel, Request, RequestError, RequestId, Response,
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
            } => {
                self.publish(id, channel, seq, block);
                return;
            }
            Request::UpdateMetadata { metadata } => self.update_metadata(metadata),
            Request::UpdateChaincodes {
                channel: id,
                chaincodes,
            } => match self.channels.get_mut(&id) {
                Some(channel) => {
                    channel.own.set_chaincodes(cx!(self), &id, chaincodes);
                    Ok(Response::Done)
                }
                None => Err(RequestError::UnknownChannel(id)),
            },
            Request::Stop => self.stop(),
        };
        cx!(self).emit(Command::Reply { id, result });
    }

    fn join(
        &mut self,
        request: RequestId,
        id: &ChannelId,
        config: &JoinChannel,
    ) -> Result<Option<Response>, RequestError> {
        let own_org = &self.config.identity.org;
        if !config.members.contains_key(own_org) {
            return Err(RequestError::NotAMember(own_org.clone()));
        }
        let (actual, limit) = (id.as_str().len(), self.config.limits.max_channel);
        if actual > limit || actual == 0 {
            return Err(RequestError::TooLong {
                what: "the channel's name",
                actual,
                limit,
            });
        }
        let mut answer = None;
        if self.channels.get(id).is_some() {
            answer = Some(self.reconfigure(id, config)?);
        } else {
            let cap = self.config.channel.max_channels.get();
            if self.channels.len() >= cap {
                return Err(RequestError::TooManyChannels(cap));
            }
            let (seed, incarnation) = (&self.start.seed, self.start.incarnation);
            let mut channel = Channel::new(cx!(self), id.clone(), config, seed, incarnation);
            channel.joining = Some(request);
            self.channels.insert(channel);
        }
        self.membership.set_anchors(cx!(self), id, &config.members);
        Ok(answer)
    }

    fn reconfigure(
        &mut self,
        id: &ChannelId,
        config: &JoinChannel,
    ) -> Result<Response, RequestError> {
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
        for peer in channel.configure(config) {
            if let Some(channel) = self.channels.get_mut(id) {
                let effects = channel.transfer.on_peer_gone(cx!(self), &peer);
                self.on_transfer_effects(id, effects);
            }
        }
        Ok(Response::Joined { height })
    }

    fn leave(&mut self, id: &ChannelId) -> Result<Response, RequestError> {
        let Some(channel) = self.channels.get_mut(id) else {
            return Err(RequestError::UnknownChannel(id.clone()));
        };
        // Others are told first; the channel goes when that message is signed.
        channel.own.set_left(cx!(self), id);
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
        channel.transfer.stop(cx!(self), error);
        self.io.timers.cancel(&TimerKey::Publish(id.clone()));
        self.io
            .timers
            .cancel(&TimerKey::RequestStateInfo(id.clone()));
        self.membership
            .set_anchors(cx!(self), id, &std::collections::BTreeMap::new());
    }

    /// Has a block of the application verified, unless it is known.
    pub(super) fn publish(&mut self, id: RequestId, name: ChannelId, seq: u64, data: Bytes) {
        let cap = self.config.state_transfer.max_publications.get();
        let Some(channel) = self.channels.get_mut(&name) else {
            let result = Err(RequestError::UnknownChannel(name));
            cx!(self).emit(Command::Reply { id, result });
            return;
        };
        if channel.transfer.want(cx!(self), seq, BlockOrigin::Local) == Want::Known {
            let effects = channel.transfer.publish(cx!(self), id, seq, data);
            self.on_transfer_effects(&name, effects);
            return;
        }
        // The next number is exempt, as in the payload buffer: whoever is told to come back later
        // then knows that a lower number will be committed meanwhile.
        if self.publishing >= cap && seq != channel.transfer.height() {
            cx!(self).emit(Command::Reply {
                id,
                result: Err(RequestError::Busy),
            });
            return;
        }
        self.publishing += 1;
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

    fn update_metadata(&mut self, metadata: Bytes) -> Result<Response, RequestError> {
        let (actual, limit) = (metadata.len(), self.config.limits.max_metadata);
        if actual > limit {
            return Err(RequestError::TooLong {
                what: "the metadata",
                actual,
                limit,
            });
        }
        self.membership.set_metadata(metadata);
        Ok(Response::Done)
    }

    fn stop(&mut self) -> Result<Response, RequestError> {
        for id in self.channels.ids() {
            self.drop_channel(&id, &RequestError::Stopped);
        }
        self.links.stop(cx!(self));
        self.io.timers.clear();
        self.stopped = true;
        Ok(Response::Done)
    }
}
