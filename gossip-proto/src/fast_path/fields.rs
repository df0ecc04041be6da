//! A reader of a message's fields.

/// Deepest nesting of the messages that the fast path reads.
pub(super) const DEPTH: usize = 2;

/// Keys: the number of a field and the type of its value.
pub(super) const VARINT_1: u32 = 1 << 3;
pub(super) const VARINT_2: u32 = 2 << 3;
pub(super) const VARINT_3: u32 = 3 << 3;
pub(super) const LENGTH_1: u32 = 1 << 3 | 2;
pub(super) const LENGTH_2: u32 = 2 << 3 | 2;
pub(super) const LENGTH_3: u32 = 3 << 3 | 2;
pub(super) const LENGTH_4: u32 = 4 << 3 | 2;
pub(super) const LENGTH_5: u32 = 5 << 3 | 2;
pub(super) const LENGTH_8: u32 = 8 << 3 | 2;
pub(super) const LENGTH_15: u32 = 15 << 3 | 2;
pub(super) const LENGTH_1000: u32 = 1000 << 3 | 2;
pub(super) const VARINT_1001: u32 = 1001 << 3;

/// The fields of a message, in order.
pub(super) struct Fields<'a> {
    pub(super) rest: &'a [u8],
    last: u32,
}

impl<'a> Fields<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            last: 0,
        }
    }

    /// The next field's key; `Some(None)` at the end, `None` if it is out of order.
    #[inline]
    pub(super) fn key(&mut self) -> Option<Option<u32>> {
        let Some((first, mut rest)) = self.rest.split_first() else {
            return Some(None);
        };
        let mut key = u32::from(*first);
        if key & 0x80 != 0 {
            let (second, behind) = rest.split_first()?;
            if second & 0x80 != 0 {
                return None;
            }
            key = key & 0x7f | u32::from(*second) << 7;
            rest = behind;
        }
        if key <= self.last {
            return None;
        }
        (self.rest, self.last) = (rest, key);
        Some(Some(key))
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if first & 0x80 == 0 {
            return Some(u64::from(*first));
        }
        self.long_varint(u64::from(first & 0x7f))
    }

    fn long_varint(&mut self, mut value: u64) -> Option<u64> {
        for place in 1..10 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if place == 9 && *byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    pub(super) fn bytes(&mut self, limit: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        if length > limit {
            return None;
        }
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    pub(super) fn message(&mut self) -> Option<Self> {
        self.bytes(usize::MAX).map(Self::new)
    }
}
