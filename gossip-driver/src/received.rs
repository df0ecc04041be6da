use std::fmt;
use std::sync::Weak;

use bytes::Bytes;
use gossip_core::proto::{Application, Content, GossipMessage, RawEnvelope, Tag};
use gossip_core::{OrgId, PeerId, Received, Request};

use crate::error::{AckError, OperationError, RespondError};
use crate::message::Message;
use crate::requests::Requests;

/// A message as received, which can be answered.
///
/// Only its shape and its tag have been checked; the link proves its sender. It does not keep the node running.
#[derive(Clone)]
pub struct ReceivedMessage {
    received: Received,
    node: Weak<Requests>,
}

impl ReceivedMessage {
    pub(crate) fn new(received: Received, node: Weak<Requests>) -> Self {
        Self { received, node }
    }

    /// The topic of an application message; `None` if it is of another kind.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        self.application().map(|message| message.topic.as_str())
    }

    /// The bytes of an application message; `None` if it is of another kind.
    #[must_use]
    pub fn data(&self) -> Option<&Bytes> {
        self.application().map(|message| &message.data)
    }

    /// The decoded message.
    #[must_use]
    pub fn message(&self) -> &GossipMessage {
        self.received.message.message()
    }

    /// The message as received, with its signature if it has one.
    #[must_use]
    pub fn envelope(&self) -> &RawEnvelope {
        self.received.message.envelope()
    }

    /// The sender's PKI-ID.
    #[must_use]
    pub fn peer(&self) -> &PeerId {
        &self.received.peer
    }

    /// The sender's organisation; `None` if it is unknown: treat the sender as foreign.
    #[must_use]
    pub fn org(&self) -> Option<&OrgId> {
        self.received.org.as_ref()
    }

    /// The sender's serialized identity.
    #[must_use]
    pub fn identity(&self) -> Bytes {
        self.received.identity()
    }

    /// The message by which the sender authenticated its link. Its payload and signature can be checked against a
    /// channel's policy with [`verify_by_channel`](crate::MessageCryptoService::verify_by_channel).
    #[must_use]
    pub fn authentication(&self) -> &RawEnvelope {
        self.received.authentication.envelope()
    }

    /// Answers on the message's link, or on the peer's present link if the message's link has ended. The answer has
    /// the message's nonce, and its channel unless another one is given. The sender reads it by
    /// [`Gossip::messages`](crate::Gossip::messages).
    ///
    /// # Errors
    /// See [`RespondError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::Message;
    ///
    /// let mut questions = bob.messages("price of").await?;
    /// let mut answers = alice.messages("price is").await?;
    /// let question = Message::new("price of", "apples");
    /// let sent = alice.send_to(question, [alice.members()[0].peer.clone()]).await?;
    ///
    /// let received = questions.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// received.respond(Message::new("price is", "3")).await?;
    ///
    /// let answer = answers.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// assert_eq!(answer.message().nonce, sent.nonce);
    /// assert_eq!(answer.data().ok_or("another kind")?, "3");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn respond(&self, message: impl Into<Message>) -> Result<(), RespondError> {
        let GossipMessage { nonce, channel, .. } = self.message();
        let mut answer = message.into().into_wire(*nonce);
        if answer.channel.is_empty() {
            answer.channel = channel.clone();
        }
        self.answer(answer).await
    }

    /// Acknowledges the message: a sender that waits for acknowledgements counts it as delivered.
    ///
    /// # Errors
    /// See [`AckError`].
    ///
    /// # Example
    /// See [`Gossip::send_to`](crate::Gossip::send_to).
    pub async fn ack(&self) -> Result<(), AckError> {
        self.acknowledge(String::new()).await
    }

    /// Refuses the message: a sender that waits for acknowledgements gets the reason. An empty reason is sent as
    /// `refused`.
    ///
    /// # Errors
    /// See [`AckError`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use std::time::Duration;
    ///
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::{Criteria, Message};
    ///
    /// let mut questions = bob.messages("price of").await?;
    /// smol::spawn(async move {
    ///     while let Some(delivered) = questions.next().await {
    ///         if let Some(received) = delivered.message() {
    ///             let _ = received.nack("not today").await;
    ///         }
    ///     }
    /// })
    /// .detach();
    /// let question = Message::new("price of", "apples");
    /// let one_peer = Criteria::new(Duration::from_secs(10));
    /// let refused = alice.send_acknowledged(question, one_peer).await.err().ok_or("acknowledged")?;
    /// assert_eq!(refused.to_string(), "0 of 1 acknowledgements received; not today (1)");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn nack(&self, reason: &str) -> Result<(), AckError> {
        let reason = if reason.is_empty() { "refused" } else { reason };
        self.acknowledge(reason.to_owned()).await
    }

    fn application(&self) -> Option<&Application> {
        if let Content::Application(message) = &self.message().content {
            Some(message)
        } else {
            None
        }
    }

    async fn acknowledge(&self, error: String) -> Result<(), AckError> {
        self.answer(GossipMessage {
            nonce: self.message().nonce,
            channel: Bytes::new(),
            tag: Tag::Undefined,
            content: Content::Ack(error),
        })
        .await
    }

    async fn answer<E: OperationError>(&self, message: GossipMessage) -> Result<(), E> {
        let node = self.node.upgrade().ok_or_else(E::stopped)?;
        let link = self.received.link;
        let message = Box::new(message);
        node.order(Request::Respond { link, message }).await
    }
}

impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Received { peer, message, .. } = &self.received;
        f.debug_struct("ReceivedMessage")
            .field("peer", peer)
            .field("message", message)
            .finish_non_exhaustive()
    }
}
