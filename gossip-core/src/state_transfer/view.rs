//! What can be seen of a channel's blocks from outside.

use super::StateTransfer;
use crate::snapshot::Stores;
use crate::{Config, Instant, PeerId};
use bytes::Bytes;

impl StateTransfer {
    /// A block that waits for the ledger.
    pub(crate) fn held_block(&self, seq: u64) -> Option<&Bytes> {
        self.buffer.get(seq)
    }

    /// The numbers of the blocks that wait for the ledger, in order.
    pub(crate) fn held_numbers(&self) -> impl Iterator<Item = u64> {
        self.buffer.numbers()
    }

    /// How many blocks the peer says it has, or has shown.
    pub(crate) fn claimed(&self, peer: &PeerId) -> u64 {
        self.requester.claimed(peer)
    }

    /// Does the peer say that it has the block?
    pub(crate) fn may_have(&self, peer: &PeerId, seq: u64) -> bool {
        self.requester.may_have(peer, seq)
    }

    /// Changes whenever the height, the number of blocks held, or the halt does.
    pub(crate) fn version(&self) -> u64 {
        self.buffer.version()
    }

    /// Blocks in the ledger, as far as known.
    pub(crate) fn height(&self) -> u64 {
        self.buffer.next()
    }

    /// Is this block among the last few that are known of, so that it comes when it is new?
    pub(crate) fn is_recent(&self, config: &Config, now: Instant, seq: u64) -> bool {
        let few = config.state_transfer.batch.get() as u64;
        seq.saturating_add(few) >= self.requester.known_end(now, &self.buffer)
    }

    /// The first number that has no place.
    pub(crate) fn limit(&self) -> u64 {
        self.buffer.limit()
    }

    /// Blocks held that are not in the ledger.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Everything that is bounded here.
    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let transfer = &config.state_transfer;
        // The block that is next has a place in any case.
        let block = config.limits.max_envelope as u64;
        let bytes = transfer.window_bytes.saturating_add(block);
        let (held, window) = (self.buffer.len(), transfer.window.get());
        let size = (self.buffer.bytes(), bytes);
        stores.add_bytes("blocks that wait for the ledger", (held, window), size);
        let (parked, most) = (self.publications.len(), transfer.max_publications.get());
        stores.add("publications that wait for a place", parked, most);
        let (serving, most) = (self.responder.len(), transfer.max_serving.get());
        stores.add("requests for blocks being served", serving, most);
        self.requester.stores(config, stores);
    }

    /// Why nothing is committed any more.
    pub(crate) fn halted(&self) -> Option<&str> {
        self.pipeline.halted()
    }
}
