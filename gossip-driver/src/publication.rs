//! The outcome of a publication.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::Receiver;
use futures_util::Stream as _;
use gossip_core::{PushOutcome, RequestError, Response};

use crate::error::{OperationError, PublishError, TryPublishError};
use crate::mailbox::Answer;

/// A published block: it is verified, has its place in the payload buffer, and is queued on links.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Whether the block is new; `false` if the node already held or had committed it.
    pub fresh: bool,
    /// The outcome at each peer of the push. Empty if the block was already known.
    pub push: PushOutcome,
}

impl Published {
    /// Reads the core's answer.
    pub(crate) fn read<E: OperationError>(answer: Response) -> Result<Self, E> {
        let Response::Published { fresh, push } = answer else {
            return Err(E::mismatched(&answer));
        };
        Ok(Self { fresh, push })
    }
}

/// A publication started by [`Channel::try_publish`](crate::Channel::try_publish). It completes when the block is
/// verified and has its place, or is refused.
#[derive(Debug)]
#[must_use = "await it to learn whether the block was accepted, or drop it explicitly"]
pub struct Publication(Pin<Box<Receiver<Answer>>>);

impl Publication {
    pub(crate) fn new(answer: Receiver<Answer>) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Publication {
    type Output = Result<Published, TryPublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = std::task::ready!(self.0.as_mut().poll_next(cx));
        // A driver that ends drops the request unanswered.
        let answer = answer.unwrap_or(Err(RequestError::Stopped));
        Poll::Ready(match answer {
            Ok(answer) => Published::read::<PublishError>(answer).map_err(Into::into),
            Err(error) => Err(TryPublishError::refused(error)),
        })
    }
}
