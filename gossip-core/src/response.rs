//! What a node answers.

use crate::{PeerId, PushOutcome, SendOutcome, Snapshot};

/// The result of a successful request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Carried out.
    Done,
    /// The channel is joined.
    Joined {
        /// The ledger's height.
        height: u64,
    },
    /// The block is on its way.
    Published {
        /// The block is new, as opposed to one that we already hold or have committed.
        fresh: bool,
        /// Who is sent it.
        push: PushOutcome,
    },
    /// The ledger's height was read.
    LedgerHeight {
        /// The number of blocks in it, from which we go on.
        height: u64,
    },
    /// The block has spread as far as was asked.
    Covered {
        /// Who has it, in order: members of our organisation, without ourselves.
        holders: Vec<PeerId>,
    },
    /// The message was handed over, as far as it could be.
    Sent(SendOutcome),
    /// What the node holds.
    Snapshot(Box<Snapshot>),
    /// As many peers as were asked for have acknowledged the message.
    Acknowledged {
        /// They, in the order of their answers.
        by: Vec<PeerId>,
    },
    /// All identities in doubt have been looked at.
    Suspected {
        /// The peers whose identities are not valid any more, in the order in which they were found.
        purged: Vec<PeerId>,
    },
    /// The identities known, in the order of their peers.
    Identities(Vec<crate::IdentityInfo>),
    /// Whether a peer's identity is known and of our organisation.
    IsInMyOrg(bool),
}
