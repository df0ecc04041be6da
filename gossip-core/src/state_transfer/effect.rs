//! What a channel's state transfer wants done by its siblings.

use bytes::Bytes;
use gossip_proto::{Payload, StateRequest};

use crate::{BlockOrigin, LedgerError, LinkId, PeerId, RequestId};

/// What others must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The ledger's height is known: the channel is joined.
    Ready {
        /// Blocks stored.
        height: u64,
    },
    /// The ledger's height cannot be had: the channel is not joined. Drop the `StateTransfer`
    /// with its `stop`.
    Failed {
        /// What the ledger said.
        error: LedgerError,
    },
    /// The ledger's height has changed. Nearly always by one, upwards.
    HeightChanged(u64),
    /// A block has got its place: pass it on.
    Accepted {
        /// Its number.
        seq: u64,
        /// The serialized block.
        data: Bytes,
        /// How it reached us.
        origin: BlockOrigin,
        /// The publication that brought it, to be answered.
        request: Option<RequestId>,
    },
    /// A publication brought nothing new: answer it.
    Known {
        /// The publication.
        request: RequestId,
    },
    /// A block was sent on request: verify it, then call `StateTransfer::admit` with origin
    /// `StateTransfer`, or `StateTransfer::on_bad_block`.
    Verify {
        /// Who sent it.
        peer: PeerId,
        /// Its number.
        seq: u64,
        /// The serialized block.
        data: Bytes,
    },
    /// Ask a peer for blocks.
    SendRequest {
        /// Whom.
        peer: PeerId,
        /// The message's nonce.
        nonce: u64,
        /// Which.
        request: StateRequest,
        /// The newest block known of is among them.
        newest: bool,
    },
    /// Answer a peer's request.
    Respond {
        /// Where the request came from.
        link: LinkId,
        /// Its nonce.
        nonce: u64,
        /// The blocks; none if refused.
        payloads: Vec<Payload>,
    },
}
