//! Blocks that wait for their turn.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{BlockOrigin, StateTransferConfig};

/// A block held until it is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The serialized block.
    pub(crate) data: Bytes,
    /// Where the block came from.
    pub(crate) origin: BlockOrigin,
}

/// Whether a block of some number is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The block is missing and has a place.
    Yes,
    /// The block is committed, being committed, or held.
    Known,
    /// The block is too far ahead of the next number to commit.
    Beyond,
}

/// The result of inserting a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    /// The block is held.
    Stored,
    /// Nothing changed: the block was known.
    Known,
    /// Nothing changed: the block is too far ahead, in numbers or in bytes.
    Beyond,
}

/// The window of blocks from the next number to commit on.
///
/// Bounded by `window` numbers and `max_bytes` bytes. The next number is exempt from the byte bound, so that a full
/// buffer never rejects the one block that would empty it; at most `max_bytes` plus that block are held. When the byte
/// bound is reached, the farthest block is dropped, but none that the application published, since its publication has
/// been accepted.
#[derive(Debug)]
pub(crate) struct PayloadBuffer {
    next: u64,
    /// The first number from `next` on that is not held.
    frontier: u64,
    window: u64,
    max_bytes: u64,
    bytes: u64,
    blocks: BTreeMap<u64, Block>,
    /// Changes with `next` and with the blocks.
    version: u64,
}

impl PayloadBuffer {
    pub(crate) fn new(next: u64, config: &StateTransferConfig) -> Self {
        Self {
            next,
            frontier: next,
            window: u64::try_from(config.window.get()).unwrap_or(u64::MAX),
            max_bytes: config.window_bytes,
            bytes: 0,
            blocks: BTreeMap::new(),
            version: 0,
        }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The next number to commit. Its block, if held, may be on its way to the ledger.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The first missing number.
    pub(crate) fn frontier(&self) -> u64 {
        self.frontier
    }

    /// One more than the last number held; `next` if none is held.
    pub(crate) fn end(&self) -> u64 {
        self.blocks
            .last_key_value()
            .map_or(self.next, |(seq, _)| seq.saturating_add(1))
    }

    /// The first number beyond the window. No block is numbered 2^64-1, since no number could follow.
    pub(crate) fn limit(&self) -> u64 {
        self.next.saturating_add(self.window)
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    pub(crate) fn holds(&self, seq: u64) -> bool {
        self.blocks.contains_key(&seq)
    }

    pub(crate) fn get(&self, seq: u64) -> Option<&Bytes> {
        self.blocks.get(&seq).map(|block| &block.data)
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.blocks.keys().copied()
    }

    /// The cheap check before a block is verified. Does not consider bytes.
    pub(crate) fn want(&self, seq: u64) -> Want {
        if seq < self.next || self.holds(seq) {
            Want::Known
        } else if seq >= self.limit() {
            Want::Beyond
        } else {
            Want::Yes
        }
    }

    /// Returns whether a block of this size has room at a number that is wanted.
    pub(super) fn has_room(&self, seq: u64, size: u64) -> bool {
        self.victims(seq, size).is_some()
    }

    /// Takes a block if it has room. Also returns the number of farther blocks dropped for it.
    pub(crate) fn insert(&mut self, seq: u64, block: Block) -> (Insert, u64) {
        match self.want(seq) {
            Want::Known => return (Insert::Known, 0),
            Want::Beyond => return (Insert::Beyond, 0),
            Want::Yes => {}
        }
        let size = length(&block);
        let Some(victims) = self.victims(seq, size) else {
            return (Insert::Beyond, 0);
        };
        for victim in &victims {
            self.remove(*victim);
        }
        self.bytes = self.bytes.saturating_add(size);
        self.blocks.insert(seq, block);
        self.version += 1;
        while self.holds(self.frontier) {
            self.frontier += 1;
        }
        (Insert::Stored, victims.len() as u64)
    }

    /// The block to commit, if it is held.
    pub(crate) fn next_block(&self) -> Option<&Block> {
        self.blocks.get(&self.next)
    }

    /// The next block is in the ledger.
    pub(crate) fn committed(&mut self) -> Option<BlockOrigin> {
        let next = self.next.saturating_add(1);
        let Some(block) = self.blocks.remove(&self.next) else {
            self.rebase(next);
            return None;
        };
        self.bytes = self.bytes.saturating_sub(length(&block));
        self.next = next;
        self.frontier = self.frontier.max(next);
        self.version += 1;
        Some(block.origin)
    }

    /// Drops the next block. Another copy can take its place.
    pub(crate) fn discard_next(&mut self) {
        self.remove(self.next);
    }

    /// Moves the window to `next`, in either direction, and drops the blocks outside.
    pub(crate) fn rebase(&mut self, next: u64) {
        self.next = next;
        self.version += 1;
        let limit = self.limit();
        self.drop_where(|seq| seq < next || seq >= limit);
        self.frontier = next;
        while self.holds(self.frontier) {
            self.frontier += 1;
        }
    }

    /// Drops all blocks; `next` stays.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
        self.version += 1;
        self.bytes = 0;
        self.frontier = self.next;
    }

    /// The blocks to drop for a block of `size` bytes with number `seq`, the farthest first. `None` if that would not
    /// make enough room. Only blocks farther than `seq` are dropped.
    fn victims(&self, seq: u64, size: u64) -> Option<Vec<u64>> {
        let mut victims = Vec::new();
        let mut excess = self
            .bytes
            .saturating_add(size)
            .saturating_sub(self.max_bytes);
        for (held, block) in self.blocks.iter().rev() {
            if excess == 0 || *held < seq {
                break;
            }
            if block.origin != BlockOrigin::Local {
                victims.push(*held);
                excess = excess.saturating_sub(length(block));
            }
        }
        (excess == 0 || seq == self.next).then_some(victims)
    }

    fn remove(&mut self, seq: u64) {
        if let Some(block) = self.blocks.remove(&seq) {
            self.bytes = self.bytes.saturating_sub(length(&block));
            self.version += 1;
            self.frontier = self.frontier.min(seq);
        }
    }

    fn drop_where(&mut self, outside: impl Fn(u64) -> bool) {
        let mut bytes = 0;
        self.blocks.retain(|seq, block| {
            let keep = !outside(*seq);
            if keep {
                bytes += length(block);
            }
            keep
        });
        self.bytes = bytes;
    }
}

fn length(block: &Block) -> u64 {
    block.data.len() as u64
}
