//! The application's handle of a channel.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::proto::Chaincode;
use gossip_core::{
    ChannelId, ChannelInfo, ChannelPeer, Coverage, PeerId, Request, RequestError, Response,
};

use crate::mailbox::mismatched;
use crate::publication::{Publication, Published};
use crate::shared::Shared;
use crate::validator::Validator;

/// A handle of a channel that was joined, made by [`Gossip::join_channel`].
///
/// Dropping it does not leave the channel: [`Channel::leave`] does. It keeps the node running as
/// [`Gossip`] does.
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

    /// Hands over a block: it is verified, committed in order and pushed to others. Waits until it
    /// has a place in the payload buffer, so a publisher that waits each time never overruns the
    /// ledger. Tells whether the block is new and who is sent it; whether it has arrived is not known then.
    ///
    /// Blocks may be handed over in any order; one that is too far ahead waits for those before it.
    /// A caller who stops waiting does not take the block back.
    ///
    /// # Errors
    /// Those of [`Request::Publish`] except [`RequestError::Busy`]: this method waits instead.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody.clone()).await?;
    /// bob.join_channel("trade", everybody).await?;
    /// trade.wait_peers(1).await?;
    /// let published = trade.publish(0, "the first block").await?;
    /// assert!(published.fresh);
    /// assert_eq!(published.push.eligible, 1, "Bob, who is sent it");
    /// assert!(!trade.publish(0, "the first block").await?.fresh, "it is known");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn publish(
        &self,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> Result<Published, RequestError> {
        let block = block.into();
        let mut refused_at = None;
        loop {
            let height = self.wait_room(seq, refused_at).await?;
            let answer = self
                .shared
                .requests
                .ask(self.publication(seq, block.clone()))
                .await;
            match Published::read(answer) {
                // The number has a place, its bytes have none yet.
                Err(RequestError::Busy) => refused_at = Some(height),
                other => return other,
            }
        }
    }

    /// Hands over a block as [`Channel::publish`] does, if there is room for it now. The answer may
    /// be awaited or dropped.
    ///
    /// # Errors
    /// [`RequestError::Busy`] if the block is too far ahead of the ledger or too many requests wait
    /// already, and those of [`Channel::publish`] that are known at once; the block is not taken
    /// then. The answer too may be `Busy`, if there is no room for so many bytes.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::core::RequestError;
    ///
    /// let trade = alice.join_channel("trade", everybody).await?;
    /// let publication = trade.try_publish(0, "the first block")?;
    /// assert!(publication.await?.fresh);
    /// let far = trade.try_publish(1_000, "far ahead");
    /// assert_eq!(far.err(), Some(RequestError::Busy));
    #[doc = include_str!("../doc/end.txt")]
    pub fn try_publish(
        &self,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> Result<Publication, RequestError> {
        let shared = &self.shared;
        match self.room(seq, None) {
            Some(room) => room?,
            None => {
                shared.counters.requests_refused.add();
                return Err(RequestError::Busy);
            }
        };
        let request = self.publication(seq, block.into());
        Ok(Publication::new(shared.requests.try_ask(request)?))
    }

    /// Leaves the channel: the others are told, and nothing more is received or committed. Other
    /// handles of the channel get [`RequestError::UnknownChannel`] from then on.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`] if it was left already, [`RequestError::Stopped`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use gossip_driver::core::RequestError;
    ///
    /// let trade = alice.join_channel("trade", everybody).await?;
    /// let other = alice.channel(trade.id()).ok_or("not joined")?;
    /// trade.leave().await?;
    /// let gone = RequestError::UnknownChannel("trade".into());
    /// assert_eq!(other.publish(0, "too late").await, Err(gone));
    #[doc = include_str!("../doc/end.txt")]
    pub async fn leave(self) -> Result<(), RequestError> {
        let request = Request::LeaveChannel {
            channel: self.id.clone(),
        };
        self.shared.requests.ask(request).await.map(drop)
    }

    /// Replaces the list of chaincodes that we publish in this channel.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`], [`RequestError::TooLong`], [`RequestError::Stopped`]; nothing is
    /// changed.
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Chaincode, Content};
    ///
    /// let trade = alice.join_channel("trade", everybody.clone()).await?;
    /// bob.join_channel("trade", everybody).await?.wait_peers(1).await?;
    /// let mut told = bob.accept(|message| matches!(message.content, Content::StateInfo(_))).await?;
    /// let cars = Chaincode { name: "cars".into(), version: "1.0".into(), metadata: "".into() };
    /// trade.update_chaincodes(vec![cars.clone()]).await?;
    /// while let Some(delivered) = told.next().await {
    ///     let Some(accepted) = delivered.message() else { continue };
    ///     if let Content::StateInfo(info) = &accepted.message.message().content
    ///         && info.properties.as_ref().is_some_and(|one| one.chaincodes == [cars.clone()])
    ///     {
    ///         break; // Bob knows now.
    ///     }
    /// }
    #[doc = include_str!("../doc/end.txt")]
    pub async fn update_chaincodes(&self, chaincodes: Vec<Chaincode>) -> Result<(), RequestError> {
        let request = Request::UpdateChaincodes {
            channel: self.id.clone(),
            chaincodes,
        };
        self.shared.requests.ask(request).await.map(drop)
    }

    /// What is known of the channel, as last published; `None` once it has been left.
    #[must_use]
    pub fn info(&self) -> Option<Arc<ChannelInfo>> {
        self.shared.views.channels().get(&self.id).cloned()
    }

    /// How many blocks our ledger has, as last published; 0 once the channel has been left.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.info().map_or(0, |info| info.height)
    }

    /// Alive peers that take part, without ourselves, as last published.
    #[must_use]
    pub fn peers(&self) -> Vec<ChannelPeer> {
        self.info()
            .map_or_else(Vec::new, |info| info.peers.to_vec())
    }

    /// Waits until our ledger has at least `height` blocks, and returns how many it has then.
    ///
    /// # Errors
    /// [`RequestError::Halted`] if the channel stopped before, [`RequestError::UnknownChannel`] if
    /// it was left, [`RequestError::Stopped`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody).await?;
    /// trade.publish(0, "the first block").await?;
    /// assert_eq!(trade.wait_height(1).await?, 1, "it is in our ledger");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn wait_height(&self, height: u64) -> Result<u64, RequestError> {
        self.wait(|info| {
            if info.height >= height {
                return Some(Ok(info.height));
            }
            let reason = info.halted.clone()?;
            Some(Err(RequestError::Halted {
                channel: self.id.clone(),
                reason,
            }))
        })
        .await
    }

    /// Waits until at least `count` other peers take part.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`] if the channel was left, [`RequestError::Stopped`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// let trade = alice.join_channel("trade", everybody.clone()).await?;
    /// bob.join_channel("trade", everybody).await?;
    /// let peers = trade.wait_peers(1).await?;
    /// assert_eq!(peers[0].peer.as_bytes(), b"org1/bob");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn wait_peers(&self, count: usize) -> Result<Vec<ChannelPeer>, RequestError> {
        self.wait(|info| (info.peers.len() >= count).then(|| Ok(info.peers.to_vec())))
            .await
    }

    /// Waits until block `seq` is in the ledgers of other members of our organisation, and returns them. They
    /// tell as soon as it is, so a publisher may wait for each block; see [`Request::AwaitCoverage`] for who
    /// counts. A caller who stops waiting leaves the request with the node until its time-out.
    ///
    /// # Errors
    /// [`RequestError::NotCovered`] at the time-out, [`RequestError::Busy`] if too many wait already,
    /// [`RequestError::UnknownChannel`] if the channel was left, [`RequestError::Stopped`].
    ///
    /// # Example
    /// A publisher that wants each block to be in two ledgers before it goes on:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use gossip_driver::core::{Coverage, RequestError};
    /// use gossip_driver::Channel;
    ///
    /// async fn publish_safely(channel: &Channel, seq: u64, block: Vec<u8>) -> Result<(), RequestError> {
    ///     let published = channel.publish(seq, block).await?;
    ///     println!("block {seq}: {}", published.push);
    ///     let one = Coverage::One; // besides our own
    ///     match channel.wait_coverage(seq, one, Duration::from_secs(5)).await {
    ///         Ok(holders) => println!("{} has it", holders[0]),
    ///         Err(RequestError::NotCovered { lacking, .. }) => println!("not yet at {lacking:?}"),
    ///         Err(error) => return Err(error),
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub async fn wait_coverage(
        &self,
        seq: u64,
        coverage: Coverage,
        timeout: Duration,
    ) -> Result<Vec<PeerId>, RequestError> {
        let request = Request::AwaitCoverage {
            channel: self.id.clone(),
            seq,
            coverage,
            timeout,
        };
        let Response::Covered { holders } = self.shared.requests.ask(request).await? else {
            return Err(mismatched());
        };
        Ok(holders)
    }

    /// Has the application look at each block of this channel before it is stored or passed on: whatever has
    /// passed the orderers' check, published here or sent by peers, comes out of the stream and waits for its
    /// verdict. One validator for a channel at a time.
    ///
    /// A stream that is not read holds everything up, and what it is not shown in time is ignored. Verdicts
    /// may be given in any order and from anywhere.
    ///
    /// # Errors
    /// [`RequestError::Validating`] if there is another, [`RequestError::UnknownChannel`],
    /// [`RequestError::Stopped`].
    ///
    /// # Example
    /// Blocks without content are refused, and nothing is taken for an hour of maintenance:
    ///
    /// ```
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::RequestError;
    /// use gossip_driver::Channel;
    ///
    /// async fn validate(channel: &Channel, maintenance: impl Fn() -> bool) -> Result<(), RequestError> {
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
    pub async fn validator(&self) -> Result<Validator, RequestError> {
        let shared = &self.shared;
        let (queue, validator) = Validator::new(shared.max_validations);
        let request = Request::ValidateBlocks {
            channel: self.id.clone(),
            on: true,
        };
        shared.requests.ask_to_validate(request, queue).await?;
        Ok(validator)
    }

    /// Tells the node that the application has stored blocks itself, for example a snapshot, so that the
    /// ledger has `height` of them: the node reads the ledger's height and goes on from there. A commit that
    /// is under way is waited for. Returns the height that was read.
    ///
    /// # Errors
    /// [`RequestError::LowerHeight`] if it is lower than the node's, [`RequestError::LedgerBehind`] if the
    /// ledger has fewer blocks, [`RequestError::Busy`] while another such call waits,
    /// [`RequestError::Ledger`] if the height cannot be read, [`RequestError::Halted`],
    /// [`RequestError::UnknownChannel`], [`RequestError::Stopped`].
    ///
    /// # Example
    ///
    /// ```
    /// use gossip_driver::core::RequestError;
    /// use gossip_driver::Channel;
    ///
    /// async fn import(channel: &Channel, snapshot: &[Vec<u8>]) -> Result<(), RequestError> {
    ///     let height = channel.height() + snapshot.len() as u64;
    ///     // ... put the blocks into the ledger ...
    ///     let read = channel.update_ledger_height(height).await?;
    ///     assert!(read >= height);
    ///     Ok(())
    /// }
    /// ```
    pub async fn update_ledger_height(&self, height: u64) -> Result<u64, RequestError> {
        let request = Request::UpdateLedgerHeight {
            channel: self.id.clone(),
            height,
        };
        let Response::LedgerHeight { height } = self.shared.requests.ask(request).await? else {
            return Err(mismatched());
        };
        Ok(height)
    }

    /// Waits until block `seq` has a place, and the ledger has grown since the node had no room for
    /// its bytes. Waiting here instead of in the node keeps what the node holds small, and the next
    /// block never waits behind later ones.
    async fn wait_room(&self, seq: u64, refused_at: Option<u64>) -> Result<u64, RequestError> {
        self.shared.views.wait(|| self.room(seq, refused_at)).await
    }

    /// The ledger's height if block `seq` has a place, `None` if it must wait.
    fn room(&self, seq: u64, refused_at: Option<u64>) -> Option<Result<u64, RequestError>> {
        self.look(|info| {
            if let Some(reason) = info.halted.clone() {
                return Some(Err(RequestError::Halted {
                    channel: self.id.clone(),
                    reason,
                }));
            }
            let near = seq < info.height.saturating_add(self.shared.window);
            let grown = refused_at.is_none_or(|height| info.height > height);
            (near && grown).then_some(Ok(info.height))
        })
    }

    async fn wait<T>(
        &self,
        mut check: impl FnMut(&ChannelInfo) -> Option<Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        self.shared.views.wait(|| self.look(&mut check)).await
    }

    /// Asks the snapshot; a channel that has been left and a node that has stopped answer too.
    fn look<T>(
        &self,
        check: impl FnOnce(&ChannelInfo) -> Option<Result<T, RequestError>>,
    ) -> Option<Result<T, RequestError>> {
        let Some(info) = self.info() else {
            return Some(Err(RequestError::UnknownChannel(self.id.clone())));
        };
        check(&info).or_else(|| {
            self.shared
                .views
                .is_stopping()
                .then_some(Err(RequestError::Stopped))
        })
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
