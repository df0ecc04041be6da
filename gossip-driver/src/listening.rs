//! Listening to messages.

use gossip_core::proto::GossipMessage;
use gossip_core::{Interest, Request};

use crate::deliveries::{AcceptedMessage, Deliveries};
use crate::error::QueryError;
use crate::gossip::Gossip;
use crate::received::ReceivedMessage;

impl Gossip {
    /// A stream of the messages that joined channels accept from now on, if `wants` selects them: blocks of other
    /// peers, each once, by push, pull or state transfer; pushed state infos; messages about leadership. All are
    /// verified. `wants` is called on the node's task and must be quick.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn accepted(
        &self,
        wants: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> Result<Deliveries<AcceptedMessage>, QueryError> {
        let shared = &self.shared;
        let most = shared.max_deliveries;
        let deliveries = shared.listeners.add_accepted(most, Box::new(wants));
        self.listen().await.map(|()| deliveries)
    }

    /// A stream of the application messages with this topic ([`Message::new`](crate::Message::new)) that peers send
    /// from now on. The link proves the sender of each. If a message names a channel, this node has joined it and
    /// the sender's organisation is a member of it; the application decides on any further rights of the sender.
    /// See [`Gossip::send_to`] for an example.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn messages(
        &self,
        topic: impl Into<String>,
    ) -> Result<Deliveries<ReceivedMessage>, QueryError> {
        let shared = &self.shared;
        let most = shared.max_deliveries;
        let listeners = &shared.listeners;
        let deliveries = listeners.add_messages(most, topic.into(), &shared.requests);
        self.listen().await.map(|()| deliveries)
    }

    /// A stream of the messages that arrive on authenticated links from now on, if `wants` selects them. **They are
    /// not checked.** They include messages of the node's own protocols, which the node handles as usual, and
    /// private data, which only the application handles. They do not include acknowledgements. See
    /// [`ReceivedMessage`] for the checks that remain.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn incoming(
        &self,
        wants: impl FnMut(&GossipMessage) -> bool + Send + 'static,
    ) -> Result<Deliveries<ReceivedMessage>, QueryError> {
        let shared = &self.shared;
        let most = shared.max_deliveries;
        let listeners = &shared.listeners;
        let deliveries = listeners.add_raw(most, Box::new(wants), &shared.requests);
        self.listen().await.map(|()| deliveries)
    }

    async fn listen(&self) -> Result<(), QueryError> {
        // The driver replaces it with the interest of all listeners when it takes the request.
        let request = Request::Listen(Interest::default());
        self.shared.requests.order(request).await
    }
}
