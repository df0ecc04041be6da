//! The application's handle of a node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant as StdInstant;

use bytes::Bytes;
use gossip_core::{
    ChannelId, ChannelInfo, Endpoint, IdentityInfo, Instant, JoinChannel, Member, PeerId, Request,
    RequestError, Response, Snapshot,
};

use crate::counters::NodeMetrics;
use crate::mailbox::mismatched;
use crate::shared::Shared;
use crate::{Channel, Notifications};

/// A handle of a running node, made by [`spawn`](crate::spawn).
///
/// Clones are handles of the same node. All methods work from any thread and under any executor.
/// The node stops when [`Gossip::shutdown`] is called, or when the last handle, of this type or a
/// [`Channel`], is dropped. From then on each method that asks the node for something returns
/// [`RequestError::Stopped`] at once, and those that are waiting do so too; the snapshots keep
/// what they showed last.
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

    /// Joins a channel, or applies a newer configuration to one that is joined. Completes once the
    /// ledger's height is known.
    ///
    /// # Errors
    /// Those of [`Request::JoinChannel`]; the channel is then as it was. [`RequestError::Stopped`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let publisher = alice.join_channel("trade", everybody.clone()).await?;
    /// let receiver = bob.join_channel("trade", everybody).await?;
    /// publisher.publish(0, "the first block").await?;
    /// assert_eq!(receiver.wait_height(1).await?, 1);
    #[doc = include_str!("../doc/end.txt")]
    pub async fn join_channel(
        &self,
        channel: impl Into<ChannelId>,
        config: JoinChannel,
    ) -> Result<Channel, RequestError> {
        let channel = channel.into();
        self.shared
            .requests
            .ask(Request::JoinChannel {
                channel: channel.clone(),
                config,
            })
            .await?;
        Ok(Channel::new(Arc::clone(&self.shared), channel))
    }

    /// A handle of a channel that is joined; `None` for any other.
    #[must_use]
    pub fn channel(&self, channel: &ChannelId) -> Option<Channel> {
        let joined = self.shared.views.channels().contains_key(channel);
        joined.then(|| Channel::new(Arc::clone(&self.shared), channel.clone()))
    }

    /// The channels that are joined, as last published.
    #[must_use]
    pub fn channels(&self) -> Arc<BTreeMap<ChannelId, Arc<ChannelInfo>>> {
        self.shared.views.channels()
    }

    /// What is known of a channel; `None` if it is not joined.
    #[must_use]
    pub fn channel_info(&self, channel: &ChannelId) -> Option<Arc<ChannelInfo>> {
        self.shared.views.channels().get(channel).cloned()
    }

    /// All known members, alive and dead, without ourselves, as last published.
    #[must_use]
    pub fn members(&self) -> Arc<[Member]> {
        self.shared.views.members()
    }

    /// Ourselves as others see us, with the heartbeat that we have signed last, as last published. Our own
    /// sequence numbers are not used up by asking.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let own = alice.self_membership_info();
    /// assert_eq!(own.peer.as_bytes(), b"org1/alice");
    /// assert!(own.heartbeat.is_some(), "Bob was there to sign it for");
    #[doc = include_str!("../doc/end.txt")]
    #[must_use]
    pub fn self_membership_info(&self) -> Arc<Member> {
        self.shared.views.own()
    }

    /// Waits until at least `count` other members are alive, and returns all that are known then.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    pub async fn wait_members(&self, count: usize) -> Result<Arc<[Member]>, RequestError> {
        let views = &self.shared.views;
        views
            .wait(|| {
                let members = views.members();
                if members.iter().filter(|member| member.alive).count() >= count {
                    return Some(Ok(members));
                }
                views.is_stopping().then_some(Err(RequestError::Stopped))
            })
            .await
    }

    /// All identities known, ours included, in the order of their peers.
    ///
    /// An identity is known once it has been found valid: that of whoever has authenticated a link, and of
    /// each member whose heartbeats could be checked. It stays known until it expires, is found to be valid
    /// no more ([`Gossip::suspect_peers`]), or makes room for others.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    ///
    /// ```
    /// use gossip_driver::core::{Config, OrgId};
    /// use gossip_driver::testing::{MemLedger, TestCrypto};
    /// use gossip_driver::{DriverConfig, spawn};
    /// use runtime_smol::SmolRuntime;
    /// use transport_mem::MemNetwork;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = SmolRuntime::global();
    /// let transport = MemNetwork::new(1).endpoint(runtime.clone(), "alice")?;
    /// let crypto = TestCrypto::new("org1", "alice");
    /// let config = Config::new(crypto.identity(), "alice".into());
    /// let settings = DriverConfig::default();
    /// let alice = spawn(runtime, config, settings, transport, crypto, MemLedger::new())?;
    /// let known = smol::block_on(alice.identity_info())?;
    /// assert_eq!(known.len(), 1, "nobody but ourselves");
    /// assert_eq!(known[0].org, Some(OrgId::new(b"org1")));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn identity_info(&self) -> Result<Vec<IdentityInfo>, RequestError> {
        let Response::Identities(known) = self.shared.requests.ask(Request::Identities).await?
        else {
            return Err(mismatched());
        };
        Ok(known)
    }

    /// Has each known identity that `is_suspect` looked at again by the crypto service, and returns the
    /// peers whose identities are not valid any more. To be called when the service has learnt something:
    /// a new revocation list, or a new configuration of a channel.
    ///
    /// Whatever rested on such an identity ends: the peer is forgotten, its links are closed, and it is
    /// refused until the service finds its identity valid again. The others' expiry is learnt anew. An
    /// identity that the service could not look at is kept. Our own is never purged; if it is found
    /// invalid, [`Notification::OwnIdentityInvalid`] tells so.
    ///
    /// # Errors
    /// [`RequestError::Busy`] if too many such calls have not completed; nothing has changed then.
    /// [`RequestError::Stopped`].
    ///
    /// ```
    /// use gossip_driver::core::{Config, OrgId, PeerId};
    /// use gossip_driver::testing::{MemLedger, TestCrypto};
    /// use gossip_driver::{DriverConfig, Gossip, spawn};
    /// use runtime_smol::SmolRuntime;
    /// use transport_mem::MemNetwork;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let network = MemNetwork::new(1);
    /// let start = |crypto: TestCrypto, name: &str| -> Result<Gossip, Box<dyn std::error::Error>> {
    ///     let runtime = SmolRuntime::global();
    ///     let transport = network.endpoint(runtime.clone(), name)?;
    ///     let mut config = Config::new(crypto.identity(), name.into());
    ///     config.bootstrap.push("alice".into());
    ///     let settings = DriverConfig::default();
    ///     Ok(spawn(runtime, config, settings, transport, crypto, MemLedger::new())?)
    /// };
    /// let service = TestCrypto::new("org1", "alice");
    /// let alice = start(service.clone(), "alice")?;
    /// let bob = start(TestCrypto::new("org1", "bob"), "bob")?;
    /// smol::block_on(async {
    ///     let members = alice.wait_members(1).await?;
    ///     service.revoke("org1", "bob");
    ///     let of_org1 = OrgId::new(b"org1");
    ///     let purged = alice.suspect_peers(|known| known.org == Some(of_org1.clone())).await?;
    ///     assert_eq!(purged, [members[0].peer.clone()]);
    ///     assert!(!alice.is_in_my_org(&purged[0]).await?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn suspect_peers(
        &self,
        is_suspect: impl Fn(&IdentityInfo) -> bool,
    ) -> Result<Vec<PeerId>, RequestError> {
        let known = self.identity_info().await?;
        let suspects = known.into_iter().filter(is_suspect).map(|known| known.peer);
        let peers = Some(suspects.collect());
        let answer = self
            .shared
            .requests
            .ask(Request::SuspectPeers { peers })
            .await?;
        let Response::Suspected { purged } = answer else {
            return Err(mismatched());
        };
        Ok(purged)
    }

    /// Is a peer of our organisation? `false` if its identity is not known, or its organisation is not.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    ///
    /// ```
    /// use gossip_driver::core::{Config, PeerId};
    /// use gossip_driver::testing::{MemLedger, TestCrypto};
    /// use gossip_driver::{DriverConfig, spawn};
    /// use runtime_smol::SmolRuntime;
    /// use transport_mem::MemNetwork;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = SmolRuntime::global();
    /// let transport = MemNetwork::new(1).endpoint(runtime.clone(), "alice")?;
    /// let crypto = TestCrypto::new("org1", "alice");
    /// let own = crypto.identity().peer;
    /// let config = Config::new(crypto.identity(), "alice".into());
    /// let settings = DriverConfig::default();
    /// let alice = spawn(runtime, config, settings, transport, crypto, MemLedger::new())?;
    /// smol::block_on(async {
    ///     assert!(alice.is_in_my_org(&own).await?);
    ///     assert!(!alice.is_in_my_org(&PeerId::new(b"a stranger")).await?);
    ///     Ok(())
    /// })
    /// # }
    /// ```
    pub async fn is_in_my_org(&self, peer: &PeerId) -> Result<bool, RequestError> {
        let peer = peer.clone();
        let Response::IsInMyOrg(is) = self
            .shared
            .requests
            .ask(Request::IsInMyOrg { peer })
            .await?
        else {
            return Err(mismatched());
        };
        Ok(is)
    }

    /// Replaces the metadata that our heartbeats carry; others see it with the next one.
    ///
    /// # Errors
    /// [`RequestError::TooLong`], [`RequestError::Stopped`]; nothing is changed.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    ///
    /// let tells = |message: &GossipMessage| {
    ///     matches!(&message.content, Content::Alive(alive) if alive.metadata == "rack 7")
    /// };
    /// let mut heartbeats = bob.accept_pass_through(tells).await?;
    /// alice.update_metadata("rack 7").await?;
    /// assert!(heartbeats.next().await.is_some());
    #[doc = include_str!("../doc/end.txt")]
    pub async fn update_metadata(&self, metadata: impl Into<Bytes>) -> Result<(), RequestError> {
        self.shared
            .requests
            .ask(Request::UpdateMetadata {
                metadata: metadata.into(),
            })
            .await
            .map(drop)
    }

    /// Replaces the endpoint that we tell everybody, or with `None` keeps us invisible outside our organisation.
    /// Others are told at once, and anchors of other organisations are contacted that were left out while
    /// we had none.
    ///
    /// # Errors
    /// [`RequestError::TooLong`], [`RequestError::Stopped`]; nothing is changed.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage};
    ///
    /// let endpoint = "alice.example.com:7051";
    /// let tells = move |message: &GossipMessage| {
    ///     matches!(&message.content, Content::Alive(alive) if alive.endpoint == endpoint)
    /// };
    /// let mut heartbeats = bob.accept_pass_through(tells).await?;
    /// alice.update_endpoint(Some(endpoint.into())).await?;
    /// assert!(heartbeats.next().await.is_some());
    #[doc = include_str!("../doc/end.txt")]
    pub async fn update_endpoint(&self, external: Option<Endpoint>) -> Result<(), RequestError> {
        let request = Request::UpdateEndpoint { external };
        self.shared.requests.ask(request).await.map(drop)
    }

    /// What happens from now on.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications(self.shared.notifications.activate_cloned())
    }

    /// What has been counted, as last published.
    #[must_use]
    pub fn metrics(&self) -> NodeMetrics {
        NodeMetrics {
            core: self.shared.views.metrics(),
            driver: self.shared.counters.snapshot(),
            transport: self.shared.transport.counters(),
        }
    }

    /// The moment that the node's own time `at` stands for, by the clock of its runtime; for example of
    /// [`ChannelPeer::heard`](gossip_core::ChannelPeer::heard).
    #[must_use]
    pub fn moment(&self, at: Instant) -> StdInstant {
        let since = at.since(Instant::START);
        let origin = self.shared.origin;
        origin.checked_add(since).unwrap_or(origin)
    }

    /// Everything that the node holds now: peers, links, channels, queues, and every store with its bound.
    /// Costs a walk over all of it. With the feature `serde` it can be serialised.
    ///
    /// # Errors
    /// [`RequestError::Stopped`].
    #[doc = include_str!("../doc/snapshot.md")]
    pub async fn snapshot(&self) -> Result<Snapshot, RequestError> {
        let Response::Snapshot(snapshot) = self.shared.requests.ask(Request::Snapshot).await?
        else {
            return Err(mismatched());
        };
        Ok(*snapshot)
    }

    /// Has the node stopped, or been told to?
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.shared.views.is_stopping()
    }

    /// Stops the node: others are told, the links send what they hold and close, the transport stops
    /// listening, tasks and threads end. What waits in the core for a link's credit is dropped.
    /// Completes when that is done, after twice
    /// [`DriverConfig::shutdown_timeout`](crate::DriverConfig) at the latest; the transport's place
    /// and the ledger can be opened again then. Any number of callers may wait.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody).await?;
    /// alice.shutdown().await;
    /// assert!(trade.publish(0, "too late").await.is_err());
    /// let _again = start(&network, "alice")?; // its place is free
    #[doc = include_str!("../doc/end.txt")]
    pub async fn shutdown(&self) {
        let shared = &self.shared;
        shared.requests.stop();
        shared
            .views
            .wait(|| shared.views.is_stopped().then_some(()))
            .await;
    }
}
