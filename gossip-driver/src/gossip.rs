//! The application's handle of a node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use bytes::Bytes;
use gossip_core::{
    ChannelId, ChannelInfo, Endpoint, IdentityInfo, Instant, JoinChannel, Member, PeerId, Request,
    Response, Snapshot,
};

use crate::channel::Channel;
use crate::counters::NodeMetrics;
use crate::error::{
    EndpointError, JoinError, MetadataError, OperationError as _, QueryError, RevalidateError,
    Stopped,
};
use crate::ledger_stalls::LedgerStall;
use crate::notifications::Notifications;
use crate::shared::Shared;

/// A handle of a running node, returned by [`Builder::spawn`](crate::builder::Builder::spawn).
///
/// Clones are handles of the same node. All methods work from any thread and under any executor. Methods named
/// as in Fabric are in the trait [`GossipService`](crate::fabric::GossipService).
///
/// The node stops when [`Gossip::shutdown`] is called, or when the last handle, of this type or a [`Channel`], is
/// dropped. From then on each operation fails with `Stopped` at once, waiting ones included, and the snapshots
/// keep their last values.
#[derive(Clone, Debug)]
pub struct Gossip {
    pub(crate) shared: Arc<Shared>,
}

impl Gossip {
    pub(crate) fn new(shared: Shared) -> Self {
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Joins a channel, or applies a newer configuration to a joined one. Completes once the ledger's height is
    /// known.
    ///
    /// # Errors
    /// See [`JoinError`]; the channel is unchanged then, unless our organisation is no longer a member.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let publisher = alice.join_channel("trade", members.clone()).await?;
    /// let receiver = bob.join_channel("trade", members).await?;
    /// publisher.publish(0, "the first block").await?;
    /// assert_eq!(receiver.wait_height(1).await?, 1);
    #[doc = include_str!("../doc/end.txt")]
    pub async fn join_channel(
        &self,
        channel: impl Into<ChannelId>,
        config: JoinChannel,
    ) -> Result<Channel, JoinError> {
        let id = channel.into();
        for anchor in config.members.values().flatten() {
            let rule = self.shared.endpoints;
            rule.check(anchor).map_err(JoinError::Anchor)?;
        }
        let channel = id.clone();
        let request = Request::JoinChannel { channel, config };
        let answer = self.shared.requests.ask(request).await?;
        let Response::Joined { .. } = answer else {
            return Err(JoinError::mismatched(&answer));
        };
        Ok(Channel::new(Arc::clone(&self.shared), id))
    }

    /// A handle of a joined channel; `None` if the channel is not joined.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<Channel> {
        let joined = self.shared.views.channels().contains_key(channel);
        joined.then(|| Channel::new(Arc::clone(&self.shared), channel.clone()))
    }

    /// The joined channels, by the latest snapshot.
    #[must_use]
    pub fn channels(&self) -> Arc<BTreeMap<ChannelId, Arc<ChannelInfo>>> {
        self.shared.views.channels()
    }

    /// All known members without this node, alive and dead, by the latest snapshot.
    #[must_use]
    pub fn members(&self) -> Arc<[Member]> {
        self.shared.views.members()
    }

    /// This node as other members see it, with its latest signed heartbeat, by the latest snapshot.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let own = alice.local_member();
    /// assert_eq!(own.peer.as_bytes(), b"org1/alice");
    /// assert!(own.heartbeat.is_some(), "signed for Bob");
    #[doc = include_str!("../doc/end.txt")]
    #[must_use]
    pub fn local_member(&self) -> Arc<Member> {
        self.shared.views.own()
    }

    /// Waits until at least `count` other members are alive, and returns all known members.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn wait_members(&self, count: usize) -> Result<Arc<[Member]>, Stopped> {
        let views = &self.shared.views;
        let enough = || {
            let members = views.members();
            let alive = members.iter().filter(|member| member.alive).count();
            (alive >= count).then_some(members)
        };
        views.wait_running(enough).await
    }

    /// All known identities, our own included, in the order of their peers.
    ///
    /// An identity is known once it was found valid: when its peer authenticates a link, or when a member's
    /// heartbeat is checked. It stays known until it expires, is found invalid
    /// ([`Gossip::revalidate_identities`]), or is evicted at the limit.
    ///
    /// # Errors
    /// See [`QueryError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let known = alice.identities().await?;
    /// let peers: Vec<&[u8]> = known.iter().map(|one| one.peer.as_bytes()).collect();
    /// assert_eq!(peers, [b"org1/alice".as_slice(), b"org1/bob"]);
    #[doc = include_str!("../doc/end.txt")]
    pub async fn identities(&self) -> Result<Vec<IdentityInfo>, QueryError> {
        let answer = self.shared.requests.ask(Request::Identities).await?;
        let Response::Identities(known) = answer else {
            return Err(QueryError::mismatched(&answer));
        };
        Ok(known)
    }

    /// Validates again each known identity that `suspect` selects, and returns the peers whose identities are no
    /// longer valid. Call it when the crypto service has new information: a revocation list, or a configuration of a
    /// channel.
    ///
    /// A peer whose identity is no longer valid is forgotten, its links are closed, and it is refused until the
    /// service finds its identity valid again. The expiry of the other identities is read again. An identity that
    /// the service could not check stays valid. Our own is never purged; if it is invalid, the application gets
    /// [`Notification::OwnIdentityInvalid`](gossip_core::Notification::OwnIdentityInvalid).
    ///
    /// # Errors
    /// See [`RevalidateError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// alice_service.revoke("org1", "bob");
    /// let purged = alice.revalidate_identities(|known| known.peer.as_bytes() == b"org1/bob").await?;
    /// assert_eq!(purged[0].as_bytes(), b"org1/bob");
    /// assert_eq!(alice.identities().await?.len(), 1, "only our own");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn revalidate_identities(
        &self,
        suspect: impl Fn(&IdentityInfo) -> bool,
    ) -> Result<Vec<PeerId>, RevalidateError> {
        let requests = &self.shared.requests;
        let answer = requests.ask(Request::Identities).await?;
        let Response::Identities(known) = answer else {
            return Err(RevalidateError::mismatched(&answer));
        };
        let suspects = known.into_iter().filter(suspect).map(|known| known.peer);
        let peers = Some(suspects.collect());
        let answer = requests.ask(Request::SuspectPeers { peers }).await?;
        let Response::Suspected { purged } = answer else {
            return Err(RevalidateError::mismatched(&answer));
        };
        Ok(purged)
    }

    /// Replaces the metadata that our heartbeats carry; other members see it with the next one.
    ///
    /// # Errors
    /// See [`MetadataError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    ///
    /// let carries = |message: &GossipMessage| {
    ///     matches!(&message.content, Content::Alive(alive) if alive.metadata == "rack 7")
    /// };
    /// let mut heartbeats = bob.incoming(carries).await?;
    /// alice.set_metadata("rack 7").await?;
    /// assert!(heartbeats.next().await.is_some());
    #[doc = include_str!("../doc/end.txt")]
    pub async fn set_metadata(&self, metadata: impl Into<Bytes>) -> Result<(), MetadataError> {
        let metadata = metadata.into();
        let request = Request::UpdateMetadata { metadata };
        self.shared.requests.order(request).await
    }

    /// Replaces the endpoint that our heartbeats show to all members; with `None` this node becomes invisible outside
    /// its organisation. Takes effect at once: the node sends a new heartbeat and, if it had no external endpoint,
    /// contacts the anchors of other organisations.
    ///
    /// # Errors
    /// See [`EndpointError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    ///
    /// let endpoint = "alice.example.com:7051";
    /// let carries = move |message: &GossipMessage| {
    ///     matches!(&message.content, Content::Alive(alive) if alive.endpoint == endpoint)
    /// };
    /// let mut heartbeats = bob.incoming(carries).await?;
    /// alice.set_external_endpoint(Some(endpoint.into())).await?;
    /// assert!(heartbeats.next().await.is_some());
    /// assert!(alice.set_external_endpoint(Some("0.0.0.0:7051".into())).await.is_err());
    #[doc = include_str!("../doc/end.txt")]
    pub async fn set_external_endpoint(
        &self,
        endpoint: Option<Endpoint>,
    ) -> Result<(), EndpointError> {
        if let Some(endpoint) = &endpoint {
            let rule = self.shared.endpoints;
            rule.check(endpoint).map_err(EndpointError::NotDialable)?;
        }
        let request = Request::UpdateEndpoint { external: endpoint };
        self.shared.requests.order(request).await
    }

    /// A stream of all later notifications.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications(self.shared.notifications.activate_cloned())
    }

    /// All counters, by the latest snapshot.
    #[must_use]
    pub fn metrics(&self) -> NodeMetrics {
        NodeMetrics {
            core: self.shared.views.metrics(),
            driver: self.shared.counters.snapshot(),
            transport: self.shared.transport.counters(),
        }
    }

    /// The operations of the ledger that take longer than
    /// [`DriverConfig::ledger_timeout`](crate::DriverConfig::ledger_timeout), in the order of their starts.
    #[must_use]
    pub fn ledger_stalls(&self) -> Vec<LedgerStall> {
        self.shared.ledger_stalls.all()
    }

    /// Converts the core's time `at`, for example [`ChannelPeer::heard`](gossip_core::ChannelPeer::heard), to the
    /// clock of the runtime.
    #[must_use]
    pub fn moment(&self, at: Instant) -> StdInstant {
        let since = at.since(Instant::START);
        let origin = self.shared.origin;
        origin.checked_add(since).unwrap_or(origin)
    }

    /// The node's whole state: peers, links, channels, queues, and all stores with their bounds. The cost is linear
    /// in the size of the state. With the feature `serde` the result can be serialised.
    ///
    /// # Errors
    /// See [`QueryError`].
    #[doc = include_str!("../doc/snapshot.md")]
    pub async fn snapshot(&self) -> Result<Snapshot, QueryError> {
        let answer = self.shared.requests.ask(Request::Snapshot).await?;
        let Response::Snapshot(snapshot) = answer else {
            return Err(QueryError::mismatched(&answer));
        };
        Ok(*snapshot)
    }

    /// Whether the node has stopped, or a stop was requested.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.views.is_stopping()
    }

    /// Stops the node: it sends a farewell, the links send their queued frames and close, the transport stops
    /// listening, tasks and threads end. Messages that wait for a link's credit are dropped.
    ///
    /// Completes when all this is done, after twice
    /// [`DriverConfig::shutdown_timeout`](crate::DriverConfig) at the latest. The transport's address and the
    /// ledger can be opened again then. Any number of callers may wait.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::error::PublishError;
    ///
    /// let trade = alice.join_channel("trade", members).await?;
    /// alice.shutdown().await;
    /// assert_eq!(trade.publish(0, "too late").await, Err(PublishError::Stopped));
    /// let _again = start(&network, "alice")?; // the address is free
    #[doc = include_str!("../doc/end.txt")]
    pub async fn shutdown(&self) {
        let Shared {
            requests, views, ..
        } = &*self.shared;
        requests.stop();
        views.wait(|| views.is_stopped().then_some(())).await;
    }
}
