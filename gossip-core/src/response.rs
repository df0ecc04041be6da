//! Answers to requests.

use crate::{PeerId, PushOutcome, SendOutcome, Snapshot};

/// The result of a successful [`Request`](crate::Request).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The request was carried out.
    Done,
    /// The channel is joined.
    Joined {
        /// Blocks in the ledger.
        height: u64,
    },
    /// The block or message is accepted and queued for dissemination.
    Published {
        /// Whether the block was new. If not, it was held or committed already.
        fresh: bool,
        /// The result of the push so far. Nothing is sent if the block was not new.
        push: PushOutcome,
    },
    /// The ledger's height was read.
    LedgerHeight {
        /// Blocks in the ledger, from which the node continues.
        height: u64,
    },
    /// The block has reached as many members as requested.
    Covered {
        /// Members of our organisation that have it, without ourselves, in the order of their ids.
        holders: Vec<PeerId>,
    },
    /// The outcome of sending the message, for each peer.
    Sent(SendOutcome),
    /// The state of the node.
    Snapshot(Box<Snapshot>),
    /// As many peers as required have acknowledged the message.
    Acknowledged {
        /// These peers, in the order of their answers.
        by: Vec<PeerId>,
    },
    /// All suspected identities have been validated.
    Suspected {
        /// The peers whose identities are not valid, in the order of the verdicts.
        purged: Vec<PeerId>,
    },
    /// All known identities, in the order of their peers.
    Identities(Vec<crate::IdentityInfo>),
    /// Whether the peer is known to belong to our organisation.
    IsInMyOrg(bool),
}
