//! What is pushed.

use gossip_proto::SignedMessage;

use crate::id::Mac;
use crate::{ChannelId, PeerId};

/// A small message to be pushed.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) message: SignedMessage,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

/// What is pushed decides who may hear it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Alive {
        subject: PeerId,
    },
    StateInfo {
        channel: ChannelId,
        publisher: PeerId,
    },
    /// Of a channel that we have not joined.
    Relay {
        publisher: PeerId,
        mac: Mac,
    },
}
