//! The trait's implementation.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::proto::{Chaincode, Content, GossipMessage, RawEnvelope};
use gossip_core::{
    ChannelId, ChannelPeer, IdentityInfo, JoinChannel, Member, PeerId, Request, Response,
};

use super::peer_filter::{PeerFilter, PeerSignature};
use super::service::{GossipService, Sealed};
use crate::channel::Channel;
use crate::criteria::Criteria;
use crate::deliveries::{AcceptedMessage, Deliveries};
use crate::error::{
    ChaincodesError, ChannelError, GossipError, JoinError, LeaveError, MetadataError,
    OperationError as _, PublishError, QueryError, ResumeError, RevalidateError,
    SendAcknowledgedError, SendError,
};
use crate::gossip::Gossip;
use crate::message::Message;
use crate::publication::Published;
use crate::received::ReceivedMessage;
use crate::sending::Sent;

impl Sealed for Gossip {}

impl GossipService for Gossip {
    fn self_membership_info(&self) -> Arc<Member> {
        self.local_member()
    }

    fn self_channel_info(&self, channel: &ChannelId) -> Option<RawEnvelope> {
        self.by_name(channel).info()?.state_info.clone()
    }

    fn send(
        &self,
        message: impl Into<Message>,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> impl Future<Output = Result<Sent, SendError>> + Send {
        let peers: Vec<PeerId> = peers.into_iter().collect();
        self.send_to(message.into(), peers)
    }

    fn send_by_criteria(
        &self,
        message: impl Into<Message>,
        criteria: Criteria,
    ) -> impl Future<Output = Result<Vec<PeerId>, SendAcknowledgedError>> + Send {
        self.send_acknowledged(message.into(), criteria)
    }

    fn peers(&self) -> Vec<Member> {
        let members = self.members();
        members.iter().filter(|one| one.alive).cloned().collect()
    }

    fn peers_of_channel(&self, channel: &ChannelId) -> Vec<ChannelPeer> {
        self.by_name(channel).peers()
    }

    fn update_metadata(
        &self,
        metadata: impl Into<Bytes>,
    ) -> impl Future<Output = Result<(), MetadataError>> + Send {
        self.set_metadata(metadata.into())
    }

    fn update_ledger_height(
        &self,
        height: u64,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<u64, ResumeError>> + Send {
        let channel = self.by_name(&channel.into());
        async move { channel.resume_from(height).await }
    }

    fn update_chaincodes(
        &self,
        chaincodes: Vec<Chaincode>,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), ChaincodesError>> + Send {
        let channel = self.by_name(&channel.into());
        async move { channel.set_chaincodes(chaincodes).await }
    }

    fn gossip(
        &self,
        channel: impl Into<ChannelId>,
        content: Content,
    ) -> impl Future<Output = Result<Published, GossipError>> + Send {
        let message = Box::new(Message::from(content).in_channel(channel).into_wire(0));
        let requests = &self.shared.requests;
        async move { Published::read(requests.ask(Request::Gossip { message }).await?) }
    }

    fn peer_filter(
        &self,
        channel: impl Into<ChannelId>,
        predicate: impl Fn(PeerSignature<'_>) -> bool + Send + Sync + 'static,
    ) -> Result<PeerFilter, ChannelError> {
        let views = &self.shared.views;
        if views.is_stopping() {
            return Err(ChannelError::Stopped);
        }
        let channel = channel.into();
        if !views.channels().contains_key(&channel) {
            return Err(ChannelError::UnknownChannel(channel));
        }
        let predicate = Box::new(predicate);
        Ok(PeerFilter::new(Arc::clone(views), channel, predicate))
    }

    fn accept(
        &self,
        acceptor: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> impl Future<Output = Result<Deliveries<AcceptedMessage>, QueryError>> + Send {
        self.accepted(acceptor)
    }

    fn accept_pass_through(
        &self,
        acceptor: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> impl Future<Output = Result<Deliveries<ReceivedMessage>, QueryError>> + Send {
        self.incoming(acceptor)
    }

    fn join_chan(
        &self,
        config: JoinChannel,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), JoinError>> + Send {
        let joined = self.join_channel(channel.into(), config);
        async move { joined.await.map(drop) }
    }

    fn leave_chan(
        &self,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), LeaveError>> + Send {
        self.by_name(&channel.into()).leave()
    }

    fn suspect_peers(
        &self,
        suspector: impl Fn(&IdentityInfo) -> bool + Send,
    ) -> impl Future<Output = Result<Vec<PeerId>, RevalidateError>> + Send {
        self.revalidate_identities(suspector)
    }

    fn identity_info(&self) -> impl Future<Output = Result<Vec<IdentityInfo>, QueryError>> + Send {
        self.identities()
    }

    async fn is_in_my_org(&self, peer: &PeerId) -> Result<bool, QueryError> {
        let peer = peer.clone();
        let request = Request::IsInMyOrg { peer };
        let answer = self.shared.requests.ask(request).await?;
        let Response::IsInMyOrg(is) = answer else {
            return Err(QueryError::mismatched(&answer));
        };
        Ok(is)
    }

    fn stop(&self) -> impl Future<Output = ()> + Send {
        self.shutdown()
    }

    fn add_payload(
        &self,
        channel: impl Into<ChannelId>,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Published, PublishError>> + Send {
        let (channel, block) = (self.by_name(&channel.into()), block.into());
        async move { channel.publish(seq, block).await }
    }
}

impl Gossip {
    /// A handle of a channel, joined or not.
    fn by_name(&self, channel: &ChannelId) -> Channel {
        Channel::new(Arc::clone(&self.shared), channel.clone())
    }
}
