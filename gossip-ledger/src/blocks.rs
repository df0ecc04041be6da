//! Stored blocks, one after the other.

use std::fmt;
use std::ops::RangeInclusive;

use bytes::Bytes;
use redb::{AccessGuard, Range};

use crate::LedgerError;
use crate::ledger::damaged;

/// Consecutive blocks of one channel, as of the moment when the iteration began.
///
/// Yields number and serialized block. It holds on to the database's state of that moment: the file
/// cannot reuse the space of what is replaced meanwhile.
pub struct Blocks {
    found: Option<Range<'static, (u32, u64), &'static [u8]>>,
    channel: Box<str>,
    left: RangeInclusive<u64>,
}

impl Blocks {
    pub(crate) fn new(
        found: Range<'static, (u32, u64), &'static [u8]>,
        channel: &str,
        numbers: RangeInclusive<u64>,
    ) -> Self {
        Self {
            found: Some(found),
            channel: channel.into(),
            left: numbers,
        }
    }

    pub(crate) fn none() -> Self {
        #[allow(clippy::reversed_empty_ranges, reason = "the canonical empty range")]
        let left = 1..=0;
        Self {
            found: None,
            channel: "".into(),
            left,
        }
    }

    /// The next block, not copied yet. After an error there is nothing more.
    pub(crate) fn next_guard(
        &mut self,
    ) -> Option<Result<AccessGuard<'static, &'static [u8]>, LedgerError>> {
        let found = self.found.as_mut()?;
        let expected = self.left.next()?;
        let result = match found.next() {
            Some(Ok((key, block))) if key.value().1 == expected => return Some(Ok(block)),
            Some(Ok(_)) | None => damaged(&self.channel, expected),
            Some(Err(error)) => error.into(),
        };
        self.found = None;
        Some(Err(result))
    }
}

impl Iterator for Blocks {
    type Item = Result<(u64, Bytes), LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = *self.left.start();
        let block = self.next_guard()?;
        Some(block.map(|block| (number, Bytes::copy_from_slice(block.value()))))
    }
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("channel", &self.channel)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
