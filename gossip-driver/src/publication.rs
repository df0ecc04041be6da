//! The outcome of a publication.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::Receiver;
use futures_util::Stream as _;
use gossip_core::{PushOutcome, RequestError, Response};

use crate::mailbox::{Answer, mismatched};

/// A block that was published: it is verified, has its place in the payload buffer, and was handed to links.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Whether the block is new; `false` if the node held or had committed it.
    pub fresh: bool,
    /// The peers that are sent the block. Empty if the block was already known.
    pub push: PushOutcome,
}

impl Published {
    /// Reads the answer to a publication.
    pub(crate) fn read(answer: Answer) -> Result<Self, RequestError> {
        let Response::Published { fresh, push } = answer? else {
            return Err(mismatched());
        };
        Ok(Self { fresh, push })
    }
}

/// A block handed over by [`Channel::try_publish`](crate::Channel::try_publish): completes as
/// [`Channel::publish`](crate::Channel::publish) does.
#[derive(Debug)]
#[must_use = "await it to learn whether the block was accepted, or drop it explicitly"]
pub struct Publication(Pin<Box<Receiver<Answer>>>);

impl Publication {
    pub(crate) fn new(answer: Receiver<Answer>) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Publication {
    type Output = Result<Published, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .as_mut()
            .poll_next(cx)
            .map(|answer| Published::read(answer.unwrap_or(Err(RequestError::Stopped))))
    }
}
