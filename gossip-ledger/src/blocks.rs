//! Iteration over stored blocks.

use std::fmt;

use bytes::Bytes;
use redb::{Range, StorageError};

use crate::{LedgerError, MAX_BLOCK_BYTES};

/// An iterator over consecutive blocks of one channel, as of the moment when it was made.
///
/// Yields number and serialized block. It holds a read transaction: the file cannot reuse the space
/// of pages that are replaced meanwhile.
pub struct Blocks {
    parts: Option<Parts>,
    channel: Box<str>,
    next: u64,
    last: u64,
}

/// Number of the channel, number of the block, index of the part.
pub(crate) type Key = (u32, u64, u32);
/// Size of the block, and a part of it.
pub(crate) type Part = (u64, &'static [u8]);
type Parts = Range<'static, Key, Part>;

impl Blocks {
    /// The blocks from `first` to `last`; `parts` are all their parts in order.
    pub(crate) fn new(parts: Parts, channel: &str, (first, last): (u64, u64)) -> Self {
        Self {
            parts: Some(parts),
            channel: channel.into(),
            next: first,
            last,
        }
    }

    pub(crate) fn none() -> Self {
        Self {
            parts: None,
            channel: "".into(),
            next: 0,
            last: 0,
        }
    }

    /// The next block, if it has no more than `max_bytes`. The iteration ends after an error or a
    /// block that is too large.
    pub(crate) fn next_within(
        &mut self,
        max_bytes: u64,
    ) -> Option<Result<(u64, Bytes), LedgerError>> {
        let number = self.next;
        let parts = self.parts.as_mut().filter(|_| number <= self.last)?;
        let found = assemble(parts, number, max_bytes);
        if let Ok(Assembled::Whole(block)) = found {
            self.next += 1;
            return Some(Ok((number, block.into())));
        }
        self.parts = None;
        match found {
            Ok(Assembled::TooLarge) => None,
            Ok(Assembled::Whole(_) | Assembled::Damaged) => {
                Some(Err(LedgerError::damaged(&self.channel, number)))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}

enum Assembled {
    Whole(Vec<u8>),
    TooLarge,
    Damaged,
}

/// Joins the parts of block `number`.
fn assemble(parts: &mut Parts, number: u64, max_bytes: u64) -> Result<Assembled, StorageError> {
    let mut block = Vec::new();
    for expected in 0.. {
        let Some(part) = parts.next() else { break };
        let (key, value) = part?;
        let ((_, of_block, part), (size, bytes)) = (key.value(), value.value());
        if of_block != number || part != expected || size > MAX_BLOCK_BYTES as u64 {
            break;
        }
        if size > max_bytes {
            return Ok(Assembled::TooLarge);
        }
        block.reserve_exact((size as usize).saturating_sub(block.len()));
        block.extend_from_slice(bytes);
        if block.len() as u64 == size {
            return Ok(Assembled::Whole(block));
        }
    }
    Ok(Assembled::Damaged)
}

/// Fills two pages of the database, less the space of its own fields and of the key.
const PART_BYTES: usize = 8192 - 64;

/// Cuts a block into parts of whole pages.
///
/// The database rounds a large value up to a power of two: a block of 66 KiB in one piece would
/// take 128 KiB. Smaller parts cost time, larger parts space (both measured).
pub(crate) fn parts_of(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.chunks(PART_BYTES)
}

impl Iterator for Blocks {
    type Item = Result<(u64, Bytes), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_within(u64::MAX)
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("channel", &self.channel)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
