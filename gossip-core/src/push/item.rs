//! Small messages to push.

use gossip_proto::SignedMessage;

use crate::id::Mac;
use crate::{ChannelId, PeerId};

/// A small message to push.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) what: What,
    pub(crate) message: SignedMessage,
    /// Peers known to hold it.
    pub(crate) holders: Vec<PeerId>,
}

/// The kind of a message, which determines the peers that may get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Alive {
        subject: PeerId,
    },
    StateInfo {
        channel: ChannelId,
        publisher: PeerId,
    },
    /// A state info of a channel that we have not joined.
    Relay {
        publisher: PeerId,
        mac: Mac,
    },
}
