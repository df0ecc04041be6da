//! Sending messages to peers.

use gossip_core::{PeerId, Request, Response, SendOutcome};

use crate::criteria::Criteria;
use crate::error::{OperationError as _, SendAcknowledgedError, SendError};
use crate::gossip::Gossip;
use crate::message::Message;

/// A message that was queued on links; see [`Gossip::send_to`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The message's nonce. An answer ([`ReceivedMessage::respond`](crate::ReceivedMessage::respond)) has the same
    /// one.
    pub nonce: u64,
    /// The outcome at each peer.
    pub outcome: SendOutcome,
}

impl Gossip {
    /// Sends a message to peers, each on its link or after a dial. It is not signed: the link proves its sender.
    /// The peers do not acknowledge it. Completes when the message is queued, with the outcome at each peer.
    ///
    /// # Errors
    /// See [`SendError`].
    #[doc = include_str!("../doc/messages.md")]
    pub async fn send_to(
        &self,
        message: impl Into<Message>,
        peers: impl IntoIterator<Item = PeerId>,
    ) -> Result<Sent, SendError> {
        let requests = &self.shared.requests;
        let nonce = requests.nonce();
        let message = Box::new(message.into().into_wire(nonce));
        let peers = peers.into_iter().collect();
        let answer = requests.ask(Request::Send { message, peers }).await?;
        let Response::Sent(outcome) = answer else {
            return Err(SendError::mismatched(&answer));
        };
        Ok(Sent { nonce, outcome })
    }

    /// Sends a message to peers drawn by criteria and waits until enough have acknowledged it. Returns them in the
    /// order of their acknowledgements. See [`Gossip::send_to`] for an example.
    ///
    /// # Errors
    /// See [`SendAcknowledgedError`]. [`NotAcknowledged`](SendAcknowledgedError::NotAcknowledged) lists each peer
    /// that did not acknowledge, with the reason.
    pub async fn send_acknowledged(
        &self,
        message: impl Into<Message>,
        criteria: Criteria,
    ) -> Result<Vec<PeerId>, SendAcknowledgedError> {
        let request = Request::SendByCriteria {
            // The core sets a nonce of its own.
            message: Box::new(message.into().into_wire(0)),
            criteria: Box::new(criteria.resolve(&self.members())),
        };
        let answer = self.shared.requests.ask(request).await?;
        let Response::Acknowledged { by } = answer else {
            return Err(SendAcknowledgedError::mismatched(&answer));
        };
        Ok(by)
    }
}
