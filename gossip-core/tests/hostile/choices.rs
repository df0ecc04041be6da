//! Choices made by bytes.

/// Takes choices from bytes until they are used up, then the first alternative each time.
pub(super) struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    pub(super) fn below(&mut self, count: u8) -> u8 {
        self.byte() % count
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// Mostly small numbers, and numbers at both ends of the range.
    pub(super) fn number(&mut self) -> u64 {
        match self.byte() {
            0 => u64::MAX,
            1 => u64::MAX - 1,
            2 => u64::MAX / 2,
            3 => u64::from(u32::MAX),
            4 => 1 << 40,
            small => u64::from(small % 16),
        }
    }
}
