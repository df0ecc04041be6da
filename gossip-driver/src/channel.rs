//! The application's handle of a channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::Chaincode;
use gossip_core::{
    ChannelId, ChannelInfo, ChannelPeer, Coverage, PeerId, Request, RequestError, Response,
};

use crate::error::{
    ChaincodesError, ChannelError, CoverageError, HeightError, LeaveError, OperationError as _,
    PublishError, ResumeError, TryPublishError, ValidatorError,
};
use crate::publication::{Publication, Published};
use crate::shared::Shared;
use crate::validator::Validator;

/// A handle of a joined channel, returned by [`Gossip::join_channel`](crate::Gossip::join_channel).
///
/// Dropping it does not leave the channel: [`Channel::leave`] does. Like [`Gossip`](crate::Gossip), it keeps the
/// node running.
#[derive(Clone)]
pub struct Channel {
    shared: Arc<Shared>,
    id: ChannelId,
}

impl Channel {
    pub(crate) fn new(shared: Arc<Shared>, id: ChannelId) -> Self {
        Self { shared, id }
    }

    /// The channel's name.
    #[must_use]
    pub fn id(&self) -> &ChannelId {
        &self.id
    }

    /// Publishes a block: it is verified, committed in order and pushed to other peers. Waits until the block has
    /// a place in the payload buffer, so a publisher that awaits each call never overruns the ledger. Returns
    /// whether the block is new, and the peers that it is sent to. Their receipt is not yet known then.
    ///
    /// Blocks may be published in any order; a block [`window`](gossip_core::StateTransferConfig::window) or more ahead
    /// of the ledger (default 40) waits for the blocks before it, for ever if they never come. Dropping the future while
    /// it waits for that withdraws the block; later, the node has the block.
    ///
    /// A block is known by its number: if the node has stored or holds one of that number, the call returns `Ok` with
    /// [`fresh`](Published::fresh) false and does not look at the bytes.
    ///
    /// # Errors
    /// See [`PublishError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_channel("trade", members).await?;
    /// trade.wait_peers(1).await?;
    /// let published = trade.publish(0, "the first block").await?;
    /// assert!(published.fresh);
    /// assert_eq!(published.push.eligible, 1, "Bob");
    /// assert!(!trade.publish(0, "the first block").await?.fresh, "already known");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn publish(
        &self,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> Result<Published, PublishError> {
        let block = block.into();
        let mut refused_at = None;
        loop {
            let height = self.wait_room(seq, refused_at).await?;
            let request = self.publication(seq, block.clone());
            match self.shared.requests.answer(request).await {
                Ok(answer) => return Published::read(answer),
                // The next number of a joined channel always has room: the channel is just being joined again.
                Err(RequestError::Busy) if seq == height => return Err(PublishError::Overloaded),
                // The number is in the window, but there is no room for it yet.
                Err(RequestError::Busy) => refused_at = Some(height),
                Err(error) => return Err(PublishError::refused(error)),
            }
        }
    }

    /// Publishes a block as [`Channel::publish`] does, if there is room for it now. The caller may await or drop the
    /// answer.
    ///
    /// # Errors
    /// [`TryPublishError::Busy`] if the block is too far ahead of the ledger or the mailbox is full, and the errors
    /// of [`Channel::publish`] that are known at once; the node does not hold the block then. The answer too may
    /// be `Busy`, if there is no room for the block's bytes.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::error::TryPublishError;
    ///
    /// let trade = alice.join_channel("trade", members).await?;
    /// let publication = trade.try_publish(0, "the first block")?;
    /// assert!(publication.await?.fresh);
    /// let far = trade.try_publish(1_000, "far ahead");
    /// assert_eq!(far.err(), Some(TryPublishError::Busy));
    #[doc = include_str!("../doc/end.txt")]
    pub fn try_publish(
        &self,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> Result<Publication, TryPublishError> {
        let Shared {
            requests,
            views,
            counters,
            ..
        } = &*self.shared;
        if views.is_stopping() {
            return Err(PublishError::Stopped.into());
        }
        match self.room(seq, None) {
            Some(room) => room.map_err(TryPublishError::refused)?,
            None => {
                counters.requests_refused.add();
                return Err(TryPublishError::Busy);
            }
        };
        let request = self.publication(seq, block.into());
        let answer = requests.try_ask(request);
        let answer = answer.map_err(|_| PublishError::Stopped)?;
        answer.map(Publication::new).ok_or(TryPublishError::Busy)
    }

    /// Leaves the channel: informs the other peers, then receives and commits no more blocks. Other handles of the
    /// channel fail with `UnknownChannel` from then on.
    ///
    /// # Errors
    /// See [`LeaveError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::error::PublishError;
    ///
    /// let trade = alice.join_channel("trade", members).await?;
    /// let other = alice.channel(trade.id()).ok_or("not joined")?;
    /// trade.leave().await?;
    /// let left = PublishError::UnknownChannel("trade".into());
    /// assert_eq!(other.publish(0, "too late").await, Err(left));
    #[doc = include_str!("../doc/end.txt")]
    pub async fn leave(self) -> Result<(), LeaveError> {
        let channel = self.id.clone();
        let request = Request::LeaveChannel { channel };
        self.shared.requests.order(request).await
    }

    /// Replaces the list of chaincodes that we publish in this channel.
    ///
    /// # Errors
    /// See [`ChaincodesError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Chaincode, Content};
    ///
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_channel("trade", members).await?.wait_peers(1).await?;
    /// let mut infos = bob.accepted(|one| matches!(one.content, Content::StateInfo(_))).await?;
    /// let cars = Chaincode { name: "cars".into(), version: "1.0".into(), metadata: "".into() };
    /// trade.set_chaincodes(vec![cars.clone()]).await?;
    /// while let Some(delivered) = infos.next().await {
    ///     let Some(accepted) = delivered.message() else { continue };
    ///     if let Content::StateInfo(info) = &accepted.message.message().content
    ///         && info.properties.as_ref().is_some_and(|one| one.chaincodes == [cars.clone()])
    ///     {
    ///         break; // Bob has the new list.
    ///     }
    /// }
    #[doc = include_str!("../doc/end.txt")]
    pub async fn set_chaincodes(&self, chaincodes: Vec<Chaincode>) -> Result<(), ChaincodesError> {
        let channel = self.id.clone();
        let request = Request::UpdateChaincodes {
            channel,
            chaincodes,
        };
        self.shared.requests.order(request).await
    }

    /// The channel's latest snapshot; `None` if the channel was left.
    #[must_use]
    pub fn info(&self) -> Option<Arc<ChannelInfo>> {
        self.shared.views.channels().get(&self.id).cloned()
    }

    /// The number of blocks in the ledger, by the latest snapshot; 0 if the channel was left.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.info().map_or(0, |info| info.height)
    }

    /// The alive participants without this node, by the latest snapshot; each with its signed state info.
    #[must_use]
    pub fn peers(&self) -> Vec<ChannelPeer> {
        self.info()
            .map_or_else(Vec::new, |info| info.peers.to_vec())
    }

    /// Waits until the ledger has at least `height` blocks, and returns its height then.
    ///
    /// # Errors
    /// See [`HeightError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", members).await?;
    /// trade.publish(0, "the first block").await?;
    /// assert_eq!(trade.wait_height(1).await?, 1, "the block is in the ledger");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn wait_height(&self, height: u64) -> Result<u64, HeightError> {
        let reached = || {
            let Some(info) = self.info() else {
                return Some(Err(HeightError::UnknownChannel(self.id.clone())));
            };
            if info.height >= height {
                return Some(Ok(info.height));
            }
            let (channel, reason) = (self.id.clone(), info.halted.clone()?);
            Some(Err(HeightError::Halted { channel, reason }))
        };
        let reached = self.shared.views.wait_running(reached).await;
        reached.unwrap_or(Err(HeightError::Stopped))
    }

    /// Waits until at least `count` other participants are alive, and returns all of them.
    ///
    /// # Errors
    /// See [`ChannelError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", members.clone()).await?;
    /// bob.join_channel("trade", members).await?;
    /// let peers = trade.wait_peers(1).await?;
    /// assert_eq!(peers[0].peer.as_bytes(), b"org1/bob");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn wait_peers(&self, count: usize) -> Result<Vec<ChannelPeer>, ChannelError> {
        let enough = || match self.info() {
            Some(info) => (info.peers.len() >= count).then(|| Ok(info.peers.to_vec())),
            None => Some(Err(ChannelError::UnknownChannel(self.id.clone()))),
        };
        let enough = self.shared.views.wait_running(enough).await;
        enough.unwrap_or(Err(ChannelError::Stopped))
    }

    /// Waits until block `seq` is in the ledgers of other members of our organisation, and returns them. A member
    /// reports a block as soon as it is stored, so a publisher may wait for each block; see
    /// [`Request::AwaitCoverage`] for the members that count. If the future is dropped, the node keeps the request
    /// until its timeout.
    ///
    /// # Errors
    /// See [`CoverageError`].
    ///
    /// # Example
    /// A publisher that waits until each block is in a second ledger:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gossip_driver::core::Coverage;
    /// use gossip_driver::error::CoverageError;
    /// use gossip_driver::Channel;
    ///
    /// type Error = Box<dyn std::error::Error>;
    ///
    /// async fn publish_safely(channel: &Channel, seq: u64, block: Vec<u8>) -> Result<(), Error> {
    ///     let published = channel.publish(seq, block).await?;
    ///     println!("block {seq}: {}", published.push);
    ///     match channel.wait_coverage(seq, Coverage::One, Duration::from_secs(5)).await {
    ///         Ok(holders) => println!("{} has stored it", holders[0]),
    ///         Err(CoverageError::NotCovered { lacking, .. }) => println!("not yet at {lacking:?}"),
    ///         Err(error) => return Err(error.into()),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn wait_coverage(
        &self,
        seq: u64,
        coverage: Coverage,
        timeout: Duration,
    ) -> Result<Vec<PeerId>, CoverageError> {
        let request = Request::AwaitCoverage {
            channel: self.id.clone(),
            seq,
            coverage,
            timeout,
        };
        let answer = self.shared.requests.ask(request).await?;
        let Response::Covered { holders } = answer else {
            return Err(CoverageError::mismatched(&answer));
        };
        Ok(holders)
    }

    /// Lets the application validate each block of this channel before it is stored or passed on. The stream yields
    /// every block that has passed the orderers' check, published here or sent by a peer; the block waits for its
    /// verdict. A channel has one validator at a time.
    ///
    /// Blocks that the node has verified before are not submitted: install the validator right after the channel is
    /// joined. [`Validator::finish`] ends validation; a validator that is dropped without it is lost, and blocks are
    /// ignored until there is another.
    ///
    /// A stream that is not read delays all blocks; a block without a verdict in time is ignored. Verdicts may be
    /// given in any order and from any task.
    ///
    /// # Errors
    /// See [`ValidatorError`].
    ///
    /// # Example
    /// Rejects empty blocks, and ignores all blocks during maintenance:
    ///
    /// ```
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::Channel;
    /// use gossip_driver::error::ValidatorError;
    ///
    /// async fn validate(channel: &Channel, maintenance: impl Fn() -> bool) -> Result<(), ValidatorError> {
    ///     let mut validator = channel.validator().await?;
    ///     while let Some(candidate) = validator.next().await {
    ///         if maintenance() {
    ///             candidate.ignore();
    ///         } else if candidate.block.is_empty() {
    ///             candidate.reject();
    ///         } else {
    ///             candidate.accept();
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn validator(&self) -> Result<Validator, ValidatorError> {
        let (queue, validator) = Validator::new(self.shared.max_validations);
        let (channel, on) = (self.id.clone(), true);
        let request = Request::ValidateBlocks { channel, on };
        let installed = self.shared.requests.order_to_validate(request, queue);
        installed.await.map(|()| validator.installed())
    }

    /// Reports an external commit: the application has stored blocks itself, for example from a snapshot, and the
    /// ledger has `height` blocks. The node waits for a commit under way, reads the ledger's height and continues
    /// from there. Returns the height that was read.
    ///
    /// # Errors
    /// See [`ResumeError`].
    ///
    /// # Example
    ///
    /// ```
    /// use gossip_driver::Channel;
    /// use gossip_driver::error::ResumeError;
    ///
    /// async fn import(channel: &Channel, snapshot: &[Vec<u8>]) -> Result<(), ResumeError> {
    ///     let height = channel.height() + snapshot.len() as u64;
    ///     // ... put the blocks into the ledger ...
    ///     let read = channel.resume_from(height).await?;
    ///     assert!(read >= height);
    ///     Ok(())
    /// }
    /// ```
    pub async fn resume_from(&self, height: u64) -> Result<u64, ResumeError> {
        let channel = self.id.clone();
        let request = Request::UpdateLedgerHeight { channel, height };
        let answer = self.shared.requests.ask(request).await?;
        let Response::LedgerHeight { height } = answer else {
            return Err(ResumeError::mismatched(&answer));
        };
        Ok(height)
    }

    /// Waits until block `seq` has a place, and the ledger has grown since the node had no room for its bytes. The
    /// handle waits, not the node: so the node's memory stays small, and the next block never waits behind later
    /// ones.
    async fn wait_room(&self, seq: u64, refused_at: Option<u64>) -> Result<u64, PublishError> {
        let room = || self.room(seq, refused_at);
        match self.shared.views.wait_running(room).await {
            Ok(room) => room.map_err(PublishError::refused),
            Err(_) => Err(PublishError::Stopped),
        }
    }

    /// The ledger's height if block `seq` has a place, `None` if it must wait.
    fn room(&self, seq: u64, refused_at: Option<u64>) -> Option<Result<u64, RequestError>> {
        let Some(info) = self.info() else {
            return Some(Err(RequestError::UnknownChannel(self.id.clone())));
        };
        if let Some(reason) = info.halted.clone() {
            let channel = self.id.clone();
            return Some(Err(RequestError::Halted { channel, reason }));
        }
        let near = seq < info.height.saturating_add(self.shared.window);
        let grown = refused_at.is_none_or(|height| info.height > height);
        (near && grown).then_some(Ok(info.height))
    }

    fn publication(&self, seq: u64, block: Bytes) -> Request {
        Request::Publish {
            channel: self.id.clone(),
            seq,
            block,
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
