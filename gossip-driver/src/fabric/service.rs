//! The trait.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::proto::{Chaincode, Content, GossipMessage, RawEnvelope};
use gossip_core::{ChannelId, ChannelPeer, IdentityInfo, JoinChannel, Member, PeerId};

use super::peer_filter::{PeerFilter, PeerSignature};
use crate::criteria::Criteria;
use crate::deliveries::{AcceptedMessage, Deliveries};
use crate::error::{
    ChaincodesError, ChannelError, GossipError, JoinError, LeaveError, MetadataError, PublishError,
    QueryError, ResumeError, RevalidateError, SendAcknowledgedError, SendError,
};
use crate::message::Message;
use crate::publication::Published;
use crate::received::ReceivedMessage;
use crate::sending::Sent;
#[cfg(doc)]
use crate::{Channel, Gossip};

/// Fabric's `gossipSvc` and `GossipService`, implemented by [`Gossip`].
///
/// The parameters are in Fabric's order. No other type can implement it: methods may be added to it.
pub trait GossipService: Sealed {
    /// This node as other members see it, with its latest signed heartbeat, by the latest snapshot.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// assert_eq!(alice.self_membership_info().peer.as_bytes(), b"org1/alice");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "SelfMembershipInfo")]
    fn self_membership_info(&self) -> Arc<Member>;

    /// Our latest signed state info of a channel; `None` if the channel is not joined, or had no other participant
    /// yet.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_channel("trade", members).await?.wait_peers(1).await?;
    /// let signed = alice.self_channel_info(trade.id());
    /// assert!(signed.is_some_and(|envelope| !envelope.signature().is_empty()), "Bob has read it");
    /// assert_eq!(alice.self_channel_info(&"elsewhere".into()), None);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "SelfChannelInfo")]
    fn self_channel_info(&self, channel: &ChannelId) -> Option<RawEnvelope>;

    /// Sends a message to peers, each on its link or after a dial, without acknowledgements.
    ///
    /// # Errors
    /// See [`SendError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::Message;
    /// use gossip_driver::core::proto::Content;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let question = Message::from(Content::PrivateRequest(vec![])).in_channel("trade");
    /// let bob = alice.peers()[0].peer.clone();
    /// let sent = alice.send(question, [bob.clone()]).await?;
    /// assert_eq!(sent.outcome.queued, [bob]);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Send")]
    fn send(
        &self,
        message: impl Into<Message>,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> impl Future<Output = Result<Sent, SendError>> + Send;

    /// Sends a message to peers drawn by criteria and waits until enough have acknowledged it. Returns these.
    ///
    /// # Errors
    /// See [`SendAcknowledgedError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use std::time::Duration;
    ///
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::{Criteria, Message};
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let asks = |message: &GossipMessage| matches!(message.content, Content::PrivateRequest(_));
    /// let mut questions = bob.accept_pass_through(asks).await?;
    /// smol::spawn(async move {
    ///     while let Some(delivered) = questions.next().await {
    ///         if let Some(received) = delivered.message() {
    ///             let _ = received.ack().await;
    ///         }
    ///     }
    /// })
    /// .detach();
    /// let question = Message::from(Content::PrivateRequest(vec![])).in_channel("trade");
    /// let one_peer = Criteria::new(Duration::from_secs(10));
    /// let acknowledged = alice.send_by_criteria(question, one_peer).await?;
    /// assert_eq!(acknowledged[0].as_bytes(), b"org1/bob");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "SendByCriteria")]
    fn send_by_criteria(
        &self,
        message: impl Into<Message>,
        criteria: Criteria,
    ) -> impl Future<Output = Result<Vec<PeerId>, SendAcknowledgedError>> + Send;

    /// The alive members without this node, by the latest snapshot.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let alive = alice.peers();
    /// assert_eq!(alive[0].peer.as_bytes(), b"org1/bob");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Peers")]
    #[doc(alias = "GetPeers")]
    fn peers(&self) -> Vec<Member>;

    /// The alive participants of a channel without this node, by the latest snapshot, each with its signed state info;
    /// empty if the channel is not joined.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// assert!(alice.peers_of_channel(trade.id()).is_empty());
    /// bob.join_channel("trade", members).await?;
    /// trade.wait_peers(1).await?;
    /// let others = alice.peers_of_channel(trade.id());
    /// assert_eq!((others[0].peer.as_bytes(), others[0].height), (b"org1/bob".as_slice(), 0));
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "PeersOfChannel")]
    fn peers_of_channel(&self, channel: &ChannelId) -> Vec<ChannelPeer>;

    /// Replaces the metadata that our heartbeats carry.
    ///
    /// # Errors
    /// See [`MetadataError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.update_metadata("rack 7").await?;
    /// assert_eq!(alice.self_membership_info().metadata, "rack 7");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "UpdateMetadata")]
    fn update_metadata(
        &self,
        metadata: impl Into<Bytes>,
    ) -> impl Future<Output = Result<(), MetadataError>> + Send;

    /// Reports an external commit: the application has stored blocks itself, and the channel's ledger has `height`
    /// blocks. The node reads the ledger's height and continues from there. Returns the height that was read.
    ///
    /// Unlike in Fabric it is not called for each block: the node stores blocks itself.
    ///
    /// # Errors
    /// See [`ResumeError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::error::ResumeError;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let trade = alice.join_channel("trade", members).await?;
    /// assert_eq!(alice.update_ledger_height(0, trade.id().clone()).await, Ok(0));
    /// let behind = ResumeError::LedgerBehind { given: 7, actual: 0 };
    /// assert_eq!(alice.update_ledger_height(7, trade.id().clone()).await, Err(behind));
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "UpdateLedgerHeight")]
    fn update_ledger_height(
        &self,
        height: u64,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<u64, ResumeError>> + Send;

    /// Replaces the list of chaincodes that we publish in a channel.
    ///
    /// # Errors
    /// See [`ChaincodesError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::core::proto::Chaincode;
    /// use gossip_driver::error::ChaincodesError;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let cars = Chaincode { name: "cars".into(), version: "1.0".into(), metadata: "".into() };
    /// let refused = alice.update_chaincodes(vec![cars.clone()], "trade").await;
    /// assert_eq!(refused, Err(ChaincodesError::UnknownChannel("trade".into())));
    /// alice.join_chan(members, "trade").await?;
    /// alice.update_chaincodes(vec![cars], "trade").await?;
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "UpdateChaincodes")]
    fn update_chaincodes(
        &self,
        chaincodes: Vec<Chaincode>,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), ChaincodesError>> + Send;

    /// Spreads content in a channel: a block ([`Content::Data`]), which is verified, committed in order and pushed
    /// as by [`Channel::publish`], but without waiting for room; or our own proposal or declaration of
    /// leadership ([`Content::Leadership`]), which is signed and sent to every participant of our organisation.
    ///
    /// # Errors
    /// See [`GossipError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::core::proto::{Content, Payload};
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.join_chan(members.clone(), "trade").await?;
    /// let trade = bob.join_channel("trade", members).await?;
    /// let block = Payload { seq_num: 0, data: "the first block".into(), private_data: vec![] };
    /// let published = alice.gossip("trade", Content::Data(block)).await?;
    /// assert!(published.fresh);
    /// assert_eq!(trade.wait_height(1).await?, 1);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Gossip")]
    fn gossip(
        &self,
        channel: impl Into<ChannelId>,
        content: Content,
    ) -> impl Future<Output = Result<Published, GossipError>> + Send;

    /// A filter for the peers of a channel whose signed state info satisfies a predicate, for instance the policy
    /// of a collection. The filter reads the latest snapshot at each call.
    ///
    /// # Errors
    /// See [`ChannelError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_channel("trade", members).await?;
    /// trade.wait_peers(1).await?;
    /// let may_see = alice.peer_filter("trade", |peer| peer.identity.ends_with(b"bob"))?;
    /// let eligible = trade.peers().into_iter().filter(|one| may_see.matches(&one.peer));
    /// assert_eq!(eligible.count(), 1);
    /// assert!(alice.peer_filter("elsewhere", |_| true).is_err());
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "PeerFilter")]
    fn peer_filter(
        &self,
        channel: impl Into<ChannelId>,
        predicate: impl Fn(PeerSignature<'_>) -> bool + Send + Sync + 'static,
    ) -> Result<PeerFilter, ChannelError>;

    /// A stream of the messages that joined channels accept from now on, if `acceptor` selects them (`Accept` with
    /// `passThrough` false). All are verified.
    ///
    /// # Errors
    /// See [`QueryError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let is_block = |message: &GossipMessage| matches!(message.content, Content::Data(_));
    /// let mut blocks = bob.accept(is_block).await?;
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_chan(members, "trade").await?;
    /// trade.publish(0, "the first block").await?;
    /// let block = blocks.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// assert_eq!(block.channel, *trade.id());
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Accept")]
    fn accept(
        &self,
        acceptor: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> impl Future<Output = Result<Deliveries<AcceptedMessage>, QueryError>> + Send;

    /// A stream of the messages that arrive on authenticated links from now on, if `acceptor` selects them
    /// (`Accept` with `passThrough` true). They are not checked, and can be answered.
    ///
    /// # Errors
    /// See [`QueryError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::Message;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// let asks = |message: &GossipMessage| matches!(message.content, Content::PrivateRequest(_));
    /// let mut questions = bob.accept_pass_through(asks).await?;
    /// let question = Message::from(Content::PrivateRequest(vec![])).in_channel("trade");
    /// alice.send(question, [alice.peers()[0].peer.clone()]).await?;
    /// let received = questions.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// assert_eq!(received.peer().as_bytes(), b"org1/alice");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Accept")]
    fn accept_pass_through(
        &self,
        acceptor: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> impl Future<Output = Result<Deliveries<ReceivedMessage>, QueryError>> + Send;

    /// Joins a channel, or applies a newer configuration to a joined one.
    ///
    /// # Errors
    /// See [`JoinError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.join_chan(members, "trade").await?;
    /// assert!(alice.channel(&"trade".into()).is_some());
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "JoinChan")]
    fn join_chan(
        &self,
        config: JoinChannel,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), JoinError>> + Send;

    /// Leaves a channel: informs the other peers, then receives and commits no more blocks.
    ///
    /// # Errors
    /// See [`LeaveError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::error::LeaveError;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.join_chan(members, "trade").await?;
    /// alice.leave_chan("trade").await?;
    /// assert!(alice.channels().is_empty());
    /// assert_eq!(alice.leave_chan("trade").await, Err(LeaveError::UnknownChannel("trade".into())));
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "LeaveChan")]
    fn leave_chan(
        &self,
        channel: impl Into<ChannelId>,
    ) -> impl Future<Output = Result<(), LeaveError>> + Send;

    /// Validates again each known identity that `suspector` selects, and returns the peers whose identities are no
    /// longer valid: they are forgotten and their links closed.
    ///
    /// # Errors
    /// See [`RevalidateError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice_service.revoke("org1", "bob");
    /// let purged = alice.suspect_peers(|_| true).await?;
    /// assert_eq!(purged[0].as_bytes(), b"org1/bob");
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "SuspectPeers")]
    fn suspect_peers(
        &self,
        suspector: impl Fn(&IdentityInfo) -> bool + Send,
    ) -> impl Future<Output = Result<Vec<PeerId>, RevalidateError>> + Send;

    /// All known identities, our own included.
    ///
    /// # Errors
    /// See [`QueryError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// assert_eq!(alice.identity_info().await?.len(), 2);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "IdentityInfo")]
    fn identity_info(&self) -> impl Future<Output = Result<Vec<IdentityInfo>, QueryError>> + Send;

    /// Whether a peer belongs to our organisation; `false` if its identity or organisation is unknown.
    ///
    /// # Errors
    /// See [`QueryError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::core::PeerId;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// assert!(alice.is_in_my_org(&PeerId::new(b"org1/bob")).await?);
    /// assert!(!alice.is_in_my_org(&PeerId::new(b"unknown")).await?);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "IsInMyOrg")]
    fn is_in_my_org(&self, peer: &PeerId) -> impl Future<Output = Result<bool, QueryError>> + Send;

    /// Stops the node. Completes when its tasks and threads have ended.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::error::MetadataError;
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.stop().await;
    /// assert_eq!(alice.update_metadata("too late").await, Err(MetadataError::Stopped));
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "Stop")]
    fn stop(&self) -> impl Future<Output = ()> + Send;

    /// Publishes a block in a channel: it is verified, committed in order and pushed to other peers. Waits until the
    /// block has a place in the payload buffer.
    ///
    /// # Errors
    /// See [`PublishError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../../doc/two_peers.txt")]
    /// use gossip_driver::fabric::GossipService as _;
    ///
    /// alice.join_chan(members.clone(), "trade").await?;
    /// let trade = bob.join_channel("trade", members).await?;
    /// alice.add_payload("trade", 0, "the first block").await?;
    /// assert_eq!(trade.wait_height(1).await?, 1);
    #[doc = include_str!("../../doc/end.txt")]
    #[doc(alias = "AddPayload")]
    fn add_payload(
        &self,
        channel: impl Into<ChannelId>,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> impl Future<Output = Result<Published, PublishError>> + Send;
}

/// Only this crate implements [`GossipService`].
#[allow(
    unnameable_types,
    reason = "so that no other crate can implement the trait"
)]
pub trait Sealed {}
