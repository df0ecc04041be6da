//! The application's handle of a channel.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_channel::Receiver;
use bytes::Bytes;
use futures_util::Stream as _;
use gossip_core::proto::Chaincode;
use gossip_core::{ChannelId, ChannelInfo, ChannelPeer, Request, RequestError};

use crate::mailbox::Answer;
use crate::{Gossip, Published};

/// A handle of a channel that was joined, made by [`Gossip::join_channel`].
///
/// Dropping it does not leave the channel: [`Channel::leave`] does. It keeps the node running as
/// [`Gossip`] does.
#[derive(Clone)]
pub struct Channel {
    gossip: Gossip,
    id: ChannelId,
}

impl Channel {
    pub(crate) fn new(gossip: Gossip, id: ChannelId) -> Self {
        Self { gossip, id }
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
                .gossip
                .shared
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
    pub fn try_publish(
        &self,
        seq: u64,
        block: impl Into<Bytes>,
    ) -> Result<Publication, RequestError> {
        let shared = &self.gossip.shared;
        match self.room(seq, None) {
            Some(room) => room?,
            None => return Err(shared.refuse()),
        };
        let answered = shared.try_submit(self.publication(seq, block.into()))?;
        Ok(Publication(Box::pin(answered)))
    }

    /// Leaves the channel: the others are told, and nothing more is received or committed. Other
    /// handles of the channel get [`RequestError::UnknownChannel`] from then on.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`] if it was left already.
    pub async fn leave(self) -> Result<(), RequestError> {
        let request = Request::LeaveChannel {
            channel: self.id.clone(),
        };
        self.gossip.shared.ask(request).await.map(drop)
    }

    /// Replaces the list of chaincodes that we publish in this channel.
    ///
    /// # Errors
    /// [`RequestError::UnknownChannel`], [`RequestError::TooLong`]; nothing is changed.
    pub async fn update_chaincodes(&self, chaincodes: Vec<Chaincode>) -> Result<(), RequestError> {
        let request = Request::UpdateChaincodes {
            channel: self.id.clone(),
            chaincodes,
        };
        self.gossip.shared.ask(request).await.map(drop)
    }

    /// What is known of the channel, as last published; `None` once it has been left.
    #[must_use]
    pub fn info(&self) -> Option<Arc<ChannelInfo>> {
        self.gossip.channel_info(&self.id)
    }

    /// How many blocks our ledger has, as last published; 0 once the channel has been left.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.info().map_or(0, |info| info.height)
    }

    /// Alive peers that take part, without ourselves, as last published.
    #[must_use]
    pub fn peers(&self) -> Vec<ChannelPeer> {
        self.info().map_or_else(Vec::new, |info| info.peers.clone())
    }

    /// Waits until our ledger has at least `height` blocks, and returns how many it has then.
    ///
    /// # Errors
    /// [`RequestError::Halted`] if the channel stopped before, [`RequestError::UnknownChannel`] if
    /// it was left, [`RequestError::Stopped`].
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
    pub async fn wait_peers(&self, count: usize) -> Result<Vec<ChannelPeer>, RequestError> {
        self.wait(|info| (info.peers.len() >= count).then(|| Ok(info.peers.clone())))
            .await
    }

    /// Waits until block `seq` has a place, and the ledger has grown since the node had no room for
    /// its bytes. Waiting here instead of in the node keeps what the node holds small, and the next
    /// block never waits behind later ones.
    async fn wait_room(&self, seq: u64, refused_at: Option<u64>) -> Result<u64, RequestError> {
        self.gossip
            .shared
            .views
            .wait(|| self.room(seq, refused_at))
            .await
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
            let near = seq < info.height.saturating_add(self.gossip.shared.window);
            let grown = refused_at.is_none_or(|height| info.height > height);
            (near && grown).then_some(Ok(info.height))
        })
    }

    async fn wait<T>(
        &self,
        mut check: impl FnMut(&ChannelInfo) -> Option<Result<T, RequestError>>,
    ) -> Result<T, RequestError> {
        self.gossip
            .shared
            .views
            .wait(|| self.look(&mut check))
            .await
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
            self.gossip
                .is_stopped()
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

/// A block handed over by [`Channel::try_publish`]: completes as [`Channel::publish`] does.
#[derive(Debug)]
#[must_use = "await it to learn whether the block was accepted, or drop it explicitly"]
pub struct Publication(Pin<Box<Receiver<Answer>>>);

impl Future for Publication {
    type Output = Result<Published, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .as_mut()
            .poll_next(cx)
            .map(|answer| Published::read(answer.unwrap_or(Err(RequestError::Stopped))))
    }
}
