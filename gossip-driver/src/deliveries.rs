//! Streams of messages for the application.

use std::pin::Pin;
use std::task::{Context, Poll};

use async_channel::Receiver;
use futures_util::Stream;
use gossip_core::ChannelId;
use gossip_core::proto::SignedMessage;

/// An item of [`Deliveries`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered<T> {
    /// A message.
    Message(T),
    /// The listener was too slow: this many of its messages were lost here.
    Lagged(u64),
}

impl<T> Delivered<T> {
    /// The message, if this is one.
    #[must_use]
    pub fn message(self) -> Option<T> {
        match self {
            Self::Message(message) => Some(message),
            Self::Lagged(_) => None,
        }
    }
}

/// A message that a channel has verified and accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedMessage {
    /// The channel.
    pub channel: ChannelId,
    /// The message.
    pub message: SignedMessage,
}

/// A stream of messages, returned by [`Gossip::messages`](crate::Gossip::messages),
/// [`Gossip::accepted`](crate::Gossip::accepted) and [`Gossip::incoming`](crate::Gossip::incoming).
///
/// It ends when the node has stopped. If the last messages were lost, [`Delivered::Lagged`] precedes the end. The
/// stream does not keep the node running, and dropping it ends the subscription.
#[derive(Debug)]
pub struct Deliveries<T>(Pin<Box<Receiver<Delivered<T>>>>);

impl<T> Deliveries<T> {
    pub(crate) fn new(queue: Receiver<Delivered<T>>) -> Self {
        Self(Box::pin(queue))
    }
}

impl<T> Stream for Deliveries<T> {
    type Item = Delivered<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivered<T>>> {
        self.0.as_mut().poll_next(cx)
    }
}
