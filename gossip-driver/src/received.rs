use std::fmt;
use std::sync::Weak;

use bytes::Bytes;
use gossip_core::proto::{Content, GossipMessage, RawEnvelope, Tag};
use gossip_core::{OrgId, PeerId, Received, Request, RequestError};

use crate::requests::Requests;

/// A message as it arrived, with the means to answer it (Fabric's `ReceivedMessage`).
///
/// Nothing of it has been checked but its shape and its tag; the link proves who sent it. It does not keep the
/// node running.
#[derive(Clone)]
pub struct ReceivedMessage {
    received: Received,
    node: Weak<Requests>,
}

impl ReceivedMessage {
    pub(crate) fn new(received: Received, node: Weak<Requests>) -> Self {
        Self { received, node }
    }

    /// What it says.
    #[must_use]
    pub fn message(&self) -> &GossipMessage {
        self.received.message.message()
    }

    /// It as it came, with a signature if there is one.
    #[must_use]
    pub fn envelope(&self) -> &RawEnvelope {
        self.received.message.envelope()
    }

    /// The sender's PKI-ID.
    #[must_use]
    pub fn peer(&self) -> &PeerId {
        &self.received.peer
    }

    /// The sender's organisation; `None` means unknown, hence foreign.
    #[must_use]
    pub fn org(&self) -> Option<&OrgId> {
        self.received.org.as_ref()
    }

    /// The sender's serialized identity.
    #[must_use]
    pub fn identity(&self) -> Bytes {
        self.received.identity()
    }

    /// What the sender signed when the link was made: payload and signature, to be held against a policy with
    /// [`verify_by_channel`](crate::MessageCryptoService::verify_by_channel).
    #[must_use]
    pub fn authentication(&self) -> &RawEnvelope {
        self.received.authentication.envelope()
    }

    /// Answers on the link that it came on, or its peer's present link. Whoever sent it listens for the answer
    /// as for any message.
    ///
    /// # Errors
    /// [`RequestError::NotConnected`] if the peer is gone or reads nothing: the answer is dropped;
    /// [`RequestError::Illegal`], [`RequestError::NotForApplications`], [`RequestError::TooLong`],
    /// [`RequestError::Stopped`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::core::proto::{Content, GossipMessage, Tag};
    ///
    /// let asks = |message: &GossipMessage| matches!(message.content, Content::PrivateRequest(_));
    /// let answers = |message: &GossipMessage| matches!(message.content, Content::PrivateResponse(_));
    /// let mut questions = bob.accept_pass_through(asks).await?;
    /// let mut answered = alice.accept_pass_through(answers).await?;
    /// let message = |nonce, content| GossipMessage {
    ///     nonce,
    ///     channel: "trade".into(),
    ///     tag: Tag::ChanOnly,
    ///     content,
    /// };
    /// let question = message(7, Content::PrivateRequest(vec![]));
    /// alice.send(question, [alice.peers()[0].peer.clone()]).await?;
    /// let received = questions.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// let answer = message(received.message().nonce, Content::PrivateResponse(vec![]));
    /// received.respond(answer).await?;
    /// let answer = answered.next().await.and_then(|one| one.message()).ok_or("stopped")?;
    /// assert_eq!(answer.message().nonce, 7);
    #[doc = include_str!("../doc/end.txt")]
    pub async fn respond(&self, message: GossipMessage) -> Result<(), RequestError> {
        let node = self.node.upgrade().ok_or(RequestError::Stopped)?;
        let link = self.received.link;
        let message = Box::new(message);
        node.ask(Request::Respond { link, message }).await.map(drop)
    }

    /// Acknowledges it: whoever sent it by criteria counts it as delivered.
    ///
    /// # Errors
    /// Those of [`ReceivedMessage::respond`].
    ///
    /// # Example
    /// See [`Gossip::send`](crate::Gossip::send).
    pub async fn ack(&self) -> Result<(), RequestError> {
        self.answer(String::new()).await
    }

    /// Tells the sender why it is not acknowledged. An empty reason says so.
    ///
    /// # Errors
    /// Those of [`ReceivedMessage::respond`].
    ///
    /// # Example
    #[doc = "```"]
    #[doc = include_str!("../doc/two_peers.txt")]
    /// use std::time::Duration;
    ///
    /// use futures_util::StreamExt as _;
    /// use gossip_driver::Criteria;
    /// use gossip_driver::core::proto::{Content, GossipMessage, Tag};
    ///
    /// let asks = |message: &GossipMessage| matches!(message.content, Content::PrivateRequest(_));
    /// let mut questions = bob.accept_pass_through(asks).await?;
    /// smol::spawn(async move {
    ///     while let Some(delivered) = questions.next().await {
    ///         if let Some(received) = delivered.message() {
    ///             let _ = received.nack("not today").await;
    ///         }
    ///     }
    /// })
    /// .detach();
    /// let question = GossipMessage {
    ///     nonce: 0,
    ///     channel: "trade".into(),
    ///     tag: Tag::ChanOnly,
    ///     content: Content::PrivateRequest(vec![]),
    /// };
    /// let criteria = Criteria::new(Duration::from_secs(10));
    /// let refused = alice.send_by_criteria(question, criteria).await.err().ok_or("acknowledged")?;
    /// assert_eq!(refused.to_string(), "0 of 1 acknowledgements came; not today (1)");
    #[doc = include_str!("../doc/end.txt")]
    pub async fn nack(&self, reason: &str) -> Result<(), RequestError> {
        let reason = if reason.is_empty() { "refused" } else { reason };
        self.answer(reason.to_owned()).await
    }

    async fn answer(&self, error: String) -> Result<(), RequestError> {
        self.respond(GossipMessage {
            nonce: self.message().nonce,
            channel: Bytes::new(),
            tag: Tag::Undefined,
            content: Content::Ack(error),
        })
        .await
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
