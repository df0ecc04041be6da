//! Fabric's gossip interface, as far as it is about messages and peers.

use gossip_core::proto::{GossipMessage, RawEnvelope};
use gossip_core::{
    ChannelId, ChannelPeer, JoinChannel, Member, PeerId, Request, RequestError, Response,
    SendOutcome,
};

use crate::deliveries::{AcceptedMessage, Deliveries};
use crate::mailbox::mismatched;
use crate::peer_filter::{PeerFilter, PeerSignature};
use crate::{Criteria, Gossip, Published, ReceivedMessage};

impl Gossip {
    /// Sends a message to peers, each on its link or after a dial, unsigned: the link proves whose it is.
    /// Nobody acknowledges it. Returns as soon as it is handed over, with what became of it at each peer.
    ///
    /// # Errors
    /// [`RequestError::Illegal`] if the tag is not the content's, [`RequestError::NotForApplications`],
    /// [`RequestError::TooLong`], [`RequestError::Stopped`]; nothing is sent.
    #[doc = include_str!("../doc/messages.md")]
    pub async fn send(
        &self,
        message: GossipMessage,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Result<SendOutcome, RequestError> {
        let peers = peers.into_iter().collect();
        let answer = self
            .shared
            .requests
            .ask(Request::Send {
                message: Box::new(message),
                peers,
            })
            .await?;
        let Response::Sent(outcome) = answer else {
            return Err(mismatched());
        };
        Ok(outcome)
    }

    /// Sends a message to peers drawn by criteria, and waits until enough have acknowledged it. Returns those
    /// that have, the quickest first. The nonce of `message` is replaced. See [`Gossip::send`] for an example.
    ///
    /// # Errors
    /// [`RequestError::NoTimeout`], [`RequestError::UnknownChannel`], [`RequestError::TooFewPeers`],
    /// [`RequestError::Busy`] and those of [`Gossip::send`]: nothing was sent.
    /// [`RequestError::NotAcknowledged`]: too few have answered in time, or well; it tells who and why.
    pub async fn send_by_criteria(
        &self,
        message: GossipMessage,
        criteria: Criteria,
    ) -> Result<Vec<PeerId>, RequestError> {
        let request = Request::SendByCriteria {
            message: Box::new(message),
            criteria: Box::new(criteria.resolve(&self.members())),
        };
        let Response::Acknowledged { by } = self.shared.requests.ask(request).await? else {
            return Err(mismatched());
        };
        Ok(by)
    }

    /// Spreads a message in the channel that it names: a block, which is verified, committed in order and
    /// pushed as by [`Channel::publish`](crate::Channel::publish) but not waited for, or a proposal or
    /// declaration of leadership of ours, which is signed and sent to every participant of our organisation.
    /// For other content there are better ways.
    ///
    /// # Errors
    /// [`RequestError::Busy`] if a block has no place now, those of [`Gossip::send`] and
    /// [`Request::Publish`]; [`RequestError::NotOurs`] and [`RequestError::SigningFailed`] for leadership.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::core::proto::{Content, GossipMessage, Payload, Tag};
    ///
    /// alice.join_channel("trade", everybody.clone()).await?;
    /// let trade = bob.join_channel("trade", everybody).await?;
    /// let block = Payload { seq_num: 0, data: "the first block".into(), private_data: vec![] };
    /// let published = alice
    ///     .gossip(GossipMessage {
    ///         nonce: 0,
    ///         channel: "trade".into(),
    ///         tag: Tag::ChanAndOrg,
    ///         content: Content::Data(block),
    ///     })
    ///     .await?;
    /// assert!(published.fresh);
    /// assert_eq!(trade.wait_height(1).await?, 1);
    #[doc = include_str!("../doc/end.txt")]
    pub async fn gossip(&self, message: GossipMessage) -> Result<Published, RequestError> {
        let message = Box::new(message);
        Published::read(self.shared.requests.ask(Request::Gossip { message }).await)
    }

    /// What channels accept from now on: blocks that come from peers, each once and by whatever way, state
    /// infos that were pushed, and messages about leadership, all verified, if `wants` says so. `wants` is
    /// called on the node's task and must be quick. See [`Gossip::send`] for an example.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn accept(
        &self,
        wants: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> Result<Deliveries<AcceptedMessage>, RequestError> {
        let shared = &self.shared;
        let deliveries = shared
            .listeners
            .add_accepted(shared.max_deliveries, Box::new(wants));
        self.listen().await?;
        Ok(deliveries)
    }

    /// What arrives from now on on authenticated links, before and regardless of any check, if `wants` says
    /// so: messages of the node's own protocols, of which the node takes no less notice, and private data,
    /// which is left to the application. Acknowledgements are not among them. See [`Gossip::send`] for an
    /// example, and [`ReceivedMessage`] for what must be checked.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn accept_pass_through(
        &self,
        wants: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> Result<Deliveries<ReceivedMessage>, RequestError> {
        let shared = &self.shared;
        let wants = Box::new(wants);
        let deliveries = shared
            .listeners
            .add_raw(shared.max_deliveries, wants, &shared.requests);
        self.listen().await?;
        Ok(deliveries)
    }

    async fn listen(&self) -> Result<(), RequestError> {
        // The driver puts in what all listeners want when it takes the request.
        let request = Request::Listen(gossip_core::Interest::default());
        self.shared.requests.ask(request).await.map(drop)
    }

    /// The members that are alive, without ourselves, as last published.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let alive = alice.peers();
    /// assert_eq!(alive.len(), 1);
    /// assert_eq!(alive[0].peer.as_bytes(), b"org1/bob");
    #[doc = include_str!("../doc/end.txt")]
    #[must_use]
    pub fn peers(&self) -> Vec<Member> {
        let members = self.members();
        members.iter().filter(|one| one.alive).cloned().collect()
    }

    /// The alive peers that take part in a channel, without ourselves, each with the state info that it has
    /// signed, as last published; empty if the channel is not joined.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody.clone()).await?;
    /// assert!(alice.peers_of_channel(trade.id()).is_empty());
    /// bob.join_channel("trade", everybody).await?;
    /// trade.wait_peers(1).await?;
    /// let others = alice.peers_of_channel(trade.id());
    /// assert_eq!(others[0].peer.as_bytes(), b"org1/bob");
    /// assert_eq!(others[0].height, 0);
    #[doc = include_str!("../doc/end.txt")]
    #[must_use]
    pub fn peers_of_channel(&self, channel: &ChannelId) -> Vec<ChannelPeer> {
        let info = self.channel_info(channel);
        info.map_or_else(Vec::new, |info| info.peers.to_vec())
    }

    /// What we have signed last about our part in a channel; `None` if it is not joined, or nobody was there
    /// yet to read it.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody.clone()).await?;
    /// bob.join_channel("trade", everybody).await?.wait_peers(1).await?;
    /// let signed = alice.self_channel_info(trade.id());
    /// assert!(signed.is_some_and(|envelope| !envelope.signature().is_empty()), "Bob has read it");
    /// assert_eq!(alice.self_channel_info(&"elsewhere".into()), None);
    #[doc = include_str!("../doc/end.txt")]
    #[must_use]
    pub fn self_channel_info(&self, channel: &ChannelId) -> Option<RawEnvelope> {
        self.channel_info(channel)?.state_info.clone()
    }

    /// Tells the peers of a channel that satisfy a predicate over what they have signed, for instance a
    /// collection's policy, from those that do not. The filter looks at the present each time it is asked.
    ///
    /// ```
    /// # use gossip_driver::core::{Config, JoinChannel, OrgId, PeerId};
    /// # use gossip_driver::testing::{MemLedger, TestCrypto};
    /// # use gossip_driver::{DriverConfig, Gossip, spawn};
    /// # use runtime_smol::SmolRuntime;
    /// # use transport_mem::MemNetwork;
    /// # fn start(network: &MemNetwork, name: &str) -> Result<Gossip, Box<dyn std::error::Error>> {
    /// #     let runtime = SmolRuntime::global();
    /// #     let transport = network.endpoint(runtime.clone(), name)?;
    /// #     let crypto = TestCrypto::new("org1", name);
    /// #     let mut config = Config::new(crypto.identity(), name.into());
    /// #     config.bootstrap.push("alice".into());
    /// #     Ok(spawn(runtime, config, DriverConfig::default(), transport, crypto, MemLedger::new())?)
    /// # }
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # smol::block_on(async {
    /// # let network = MemNetwork::new(1);
    /// # let (alice, bob, carol) = (start(&network, "alice")?, start(&network, "bob")?, start(&network, "carol")?);
    /// # let members = JoinChannel { sequence: 1, members: [(OrgId::new(b"org1"), vec![])].into() };
    /// # let trade = alice.join_channel("trade", members.clone()).await?;
    /// # bob.join_channel("trade", members.clone()).await?;
    /// # carol.join_channel("trade", members).await?;
    /// # trade.wait_peers(2).await?;
    /// let may_see = alice.peer_filter("trade", |peer| peer.identity.ends_with(b"bob"))?;
    /// let eligible: Vec<PeerId> = alice
    ///     .peers_of_channel(trade.id())
    ///     .into_iter()
    ///     .map(|one| one.peer)
    ///     .filter(|peer| may_see.matches(peer))
    ///     .collect();
    /// assert_eq!(eligible.len(), 1);
    /// assert!(alice.peer_filter("elsewhere", |_| true).is_err());
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`].
    pub fn peer_filter(
        &self,
        channel: impl Into<ChannelId>,
        predicate: impl Fn(PeerSignature<'_>) -> bool + Send + Sync + 'static,
    ) -> Result<PeerFilter, RequestError> {
        let channel = channel.into();
        if self.channel_info(&channel).is_none() {
            return Err(RequestError::UnknownChannel(channel));
        }
        let views = std::sync::Arc::clone(&self.shared.views);
        Ok(PeerFilter::new(views, channel, Box::new(predicate)))
    }

    /// Joins a channel as [`Gossip::join_channel`] does, under the name that it has in Fabric, where it yields
    /// no handle.
    ///
    /// # Errors
    /// Those of [`Gossip::join_channel`]; the channel is then as it was.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// alice.join_chan(everybody, "trade").await?;
    /// assert!(alice.channel(&"trade".into()).is_some());
    #[doc = include_str!("../doc/end.txt")]
    pub async fn join_chan(
        &self,
        config: JoinChannel,
        channel: impl Into<ChannelId>,
    ) -> Result<(), RequestError> {
        self.join_channel(channel, config).await.map(drop)
    }

    /// Leaves a channel by its name, as [`Channel::leave`](crate::Channel::leave) does.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`] if it is not joined, [`RequestError::Stopped`]; nothing is changed.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::core::RequestError;
    ///
    /// alice.join_chan(everybody, "trade").await?;
    /// alice.leave_chan("trade").await?;
    /// assert!(alice.channels().is_empty());
    /// assert_eq!(alice.leave_chan("trade").await, Err(RequestError::UnknownChannel("trade".into())));
    #[doc = include_str!("../doc/end.txt")]
    pub async fn leave_chan(&self, channel: impl Into<ChannelId>) -> Result<(), RequestError> {
        let channel = channel.into();
        let request = Request::LeaveChannel { channel };
        self.shared.requests.ask(request).await.map(drop)
    }

    /// Stops the node: [`Gossip::shutdown`] under the name that it has in Fabric.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::core::RequestError;
    ///
    /// alice.stop().await;
    /// assert!(alice.is_stopped());
    /// assert_eq!(alice.update_metadata("too late").await, Err(RequestError::Stopped));
    #[doc = include_str!("../doc/end.txt")]
    pub async fn stop(&self) {
        self.shutdown().await;
    }
}
