//! Records: what a Noise message carries. Each is a frame or a part of one.
//!
//! | record | bytes |
//! | --- | --- |
//! | a whole frame | tag `0x00` + class, length (2, big endian), bytes |
//! | the first part of a frame | tag `0x10` + class, length (2), length of the whole frame (4), bytes |
//! | a further part | tag `0x20` + class, length (2), bytes |
//! | the last part | tag `0x30` + class, length (2), bytes |
//! | end of the stream | tag `0x40` |
//! | window update | tag `0x50`, bytes (4) |
//!
//! Parts of one class follow each other in order; records of more urgent classes may lie between
//! them. At most one unfinished frame is longer than 16 MiB. A message without a record is a
//! keep-alive. A window update says how many bytes of records below the control class its sender
//! has consumed since its last update; the other side limits the bytes in flight by it. Nothing
//! follows the end of the stream, and the end acknowledges everything.

use bytes::Bytes;
use gossip_driver::core::Class;
use gossip_driver::transport::TransportError;

pub(crate) const WHOLE: u8 = 0x00;
pub(crate) const FIRST: u8 = 0x10;
pub(crate) const MIDDLE: u8 = 0x20;
pub(crate) const LAST: u8 = 0x30;
pub(crate) const END: u8 = 0x40;
pub(crate) const WINDOW_UPDATE: u8 = 0x50;

/// Tag and length; for the first part of a frame also the length of the whole frame.
pub(crate) const HEADER_LEN: usize = 3;
pub(crate) const FIRST_HEADER_LEN: usize = 7;

/// A frame above this size is long. At most one long frame is under way at a time, so a link takes
/// little more memory than its longest frame.
pub(crate) const LONG_FRAME: usize = 16 << 20;

/// The buffer of a large frame grows by this factor as bytes arrive, up to the frame's exact size.
const GROWTH: usize = 4;

/// A step of [`Assembler::next`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A whole frame.
    Frame(Bytes),
    /// The remote sends nothing more.
    End,
}

/// Bytes of records below the control class since the link began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Consumed here.
    pub(crate) consumed: u64,
    /// Consumed by the remote, according to its window updates.
    pub(crate) acknowledged: u64,
}

/// Assembles frames from the records of opened messages.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    partial: [Option<Partial>; Class::ALL.len()],
    counts: Counts,
    progress: bool,
    ended: bool,
}

impl Assembler {
    /// Takes records off the front of `plain` until one completes a frame; `None` if `plain` is
    /// used up.
    pub(crate) fn next(
        &mut self,
        plain: &mut &[u8],
        limit: usize,
    ) -> Result<Option<Item>, TransportError> {
        while !plain.is_empty() {
            if self.ended {
                return Err(TransportError::Framing(
                    "there is data after the end of the stream",
                ));
            }
            if let Some(item) = self.record(plain, limit)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether a frame has made progress since the last call, or none is under way.
    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress) || self.partial.iter().all(Option::is_none)
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    fn record(&mut self, plain: &mut &[u8], limit: usize) -> Result<Option<Item>, TransportError> {
        let before = plain.len();
        let [tag] = take(plain)?;
        match tag {
            END if self.partial.iter().any(Option::is_some) => {
                Err(TransportError::Framing("the stream ends within a frame"))
            }
            END => {
                self.ended = true;
                self.counts.acknowledged = u64::MAX;
                Ok(Some(Item::End))
            }
            WINDOW_UPDATE => {
                let more = u32::from_be_bytes(take(plain)?);
                self.counts.acknowledged = self.counts.acknowledged.saturating_add(more.into());
                Ok(None)
            }
            _ => {
                let item = self.part(tag, plain, limit)?;
                self.progress = true;
                if usize::from(tag & 0x0f) > Class::Control.index() {
                    self.counts.consumed += (before - plain.len()) as u64;
                }
                Ok(item)
            }
        }
    }

    fn part(
        &mut self,
        tag: u8,
        plain: &mut &[u8],
        limit: usize,
    ) -> Result<Option<Item>, TransportError> {
        let others = self.partial.iter().flatten();
        let long = others.filter(|partial| partial.total > LONG_FRAME).count();
        let slot = self
            .partial
            .get_mut(usize::from(tag & 0x0f))
            .ok_or(TransportError::Framing("a record has an unknown class"))?;
        let length = usize::from(u16::from_be_bytes(take(plain)?));
        match tag & 0xf0 {
            WHOLE if slot.is_none() => {
                let bytes = split(plain, length)?;
                if length > limit {
                    return Err(TransportError::FrameTooLong { limit });
                }
                // A copy: a slice would keep the whole read buffer alive as long as the application
                // keeps one small message.
                Ok(Some(Item::Frame(Bytes::copy_from_slice(bytes))))
            }
            FIRST if slot.is_none() => {
                let total = usize::try_from(u32::from_be_bytes(take(plain)?)).unwrap_or(usize::MAX);
                if total > limit {
                    return Err(TransportError::FrameTooLong { limit });
                }
                if total > LONG_FRAME && long > 0 {
                    return Err(TransportError::Framing("two long frames are under way"));
                }
                let partial = slot.insert(Partial {
                    bytes: Vec::new(),
                    total,
                });
                partial.append(split(plain, length)?)?;
                Ok(None)
            }
            MIDDLE | LAST => {
                let partial = slot.as_mut().ok_or(TransportError::Framing(
                    "a part comes without its beginning",
                ))?;
                partial.append(split(plain, length)?)?;
                if tag & 0xf0 == MIDDLE {
                    return Ok(None);
                }
                let partial = slot
                    .take()
                    .filter(|partial| partial.bytes.len() == partial.total);
                let partial =
                    partial.ok_or(TransportError::Framing("a frame is shorter than announced"))?;
                Ok(Some(Item::Frame(partial.bytes.into())))
            }
            WHOLE | FIRST => Err(TransportError::Framing(
                "a frame begins within another of its class",
            )),
            _ => Err(TransportError::Framing("a record has an unknown tag")),
        }
    }
}

#[derive(Debug)]
struct Partial {
    bytes: Vec<u8>,
    total: usize,
}

impl Partial {
    fn append(&mut self, part: &[u8]) -> Result<(), TransportError> {
        if part.is_empty() {
            return Err(TransportError::Framing("a part of a frame is empty"));
        }
        let length = self.bytes.len() + part.len();
        if length > self.total {
            return Err(TransportError::Framing("a frame is longer than announced"));
        }
        if length > self.bytes.capacity() {
            let capacity = length.saturating_mul(GROWTH).min(self.total);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}

fn take<const N: usize>(plain: &mut &[u8]) -> Result<[u8; N], TransportError> {
    let (head, rest) = plain.split_first_chunk().ok_or(TRUNCATED)?;
    *plain = rest;
    Ok(*head)
}

fn split<'a>(plain: &mut &'a [u8], length: usize) -> Result<&'a [u8], TransportError> {
    let (head, rest) = plain.split_at_checked(length).ok_or(TRUNCATED)?;
    *plain = rest;
    Ok(head)
}

const TRUNCATED: TransportError = TransportError::Framing("a record is cut off");

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64 << 20;

    fn record(tag: u8, total: Option<u32>, bytes: &[u8]) -> Vec<u8> {
        let mut record = vec![tag];
        record.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
        record.extend(total.map(u32::to_be_bytes).into_iter().flatten());
        record.extend(bytes);
        record
    }

    fn all(plain: &[u8]) -> Result<Vec<Item>, TransportError> {
        let mut assembler = Assembler::default();
        let mut rest = plain;
        let mut items = Vec::new();
        while let Some(item) = assembler.next(&mut rest, LIMIT)? {
            items.push(item);
        }
        Ok(items)
    }

    fn frame(bytes: &[u8]) -> Item {
        Item::Frame(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn urgent_frames_may_lie_between_the_parts_of_a_large_one() {
        let plain = [
            record(FIRST | 2, Some(6), b"ab"),
            record(WHOLE, None, b"now"),
            record(FIRST | 1, Some(4), b"12"),
            record(MIDDLE | 2, None, b"cd"),
            record(LAST | 1, None, b"34"),
            record(LAST | 2, None, b"ef"),
            vec![END],
        ]
        .concat();
        let expected = vec![frame(b"now"), frame(b"1234"), frame(b"abcdef"), Item::End];
        assert_eq!(all(&plain).unwrap(), expected);
    }

    #[test]
    fn records_below_control_are_counted_and_the_end_acknowledges_everything() {
        let plain = [
            record(FIRST | 2, Some(6), b"ab"),
            record(WHOLE, None, b"now"),
            record(WHOLE | 1, None, b"1234"),
            record(LAST | 2, None, b"cdef"),
        ]
        .concat();
        let mut assembler = Assembler::default();
        let mut rest = plain.as_slice();
        while assembler.next(&mut rest, LIMIT).unwrap().is_some() {}
        let consumed = (7 + 2) + (3 + 4) + (3 + 4);
        assert_eq!(
            assembler.counts(),
            Counts {
                consumed,
                acknowledged: 0
            }
        );
        let mut rest = [WINDOW_UPDATE, 0, 0, 1, 2, WINDOW_UPDATE, 0, 0, 0, 1].as_slice();
        assert_eq!(assembler.next(&mut rest, LIMIT).unwrap(), None);
        let acknowledged = 0x103;
        assert_eq!(
            assembler.counts(),
            Counts {
                consumed,
                acknowledged
            }
        );
        assembler.next(&mut [END].as_slice(), LIMIT).unwrap();
        assert_eq!(assembler.counts().acknowledged, u64::MAX);
    }

    #[test]
    fn memory_follows_the_bytes_that_arrived_not_the_length_announced() {
        let mut assembler = Assembler::default();
        let first = record(FIRST, Some(LIMIT as u32), &[7; 1000]);
        assert_eq!(assembler.next(&mut first.as_slice(), LIMIT).unwrap(), None);
        let capacity = assembler.partial[0].as_ref().unwrap().bytes.capacity();
        assert!(capacity <= GROWTH * 1000, "{capacity} bytes taken for 1000");
    }

    #[test]
    fn a_frame_announced_beyond_the_limit_is_refused_before_its_bytes() {
        let announced = record(FIRST, Some(u32::MAX), b"");
        let whole = record(WHOLE, None, &[0; 100]);
        for mut plain in [announced.as_slice(), whole.as_slice()] {
            let result = Assembler::default().next(&mut plain, 99);
            assert!(
                matches!(result, Err(TransportError::FrameTooLong { limit: 99 })),
                "{result:?}"
            );
        }
    }

    #[test]
    fn each_breach_of_the_framing_is_named() {
        let cases: [(&str, Vec<u8>); 13] = [
            (
                "two long frames are under way",
                [
                    record(FIRST | 2, Some(LONG_FRAME as u32 + 1), b"x"),
                    record(FIRST | 1, Some(LONG_FRAME as u32), b"x"),
                    record(FIRST, Some(LONG_FRAME as u32 + 1), b"x"),
                ]
                .concat(),
            ),
            ("a record is cut off", vec![WINDOW_UPDATE, 0, 0, 1]),
            ("a part of a frame is empty", record(FIRST, Some(1), b"")),
            (
                "a part of a frame is empty",
                [record(FIRST, Some(3), b"x"), record(MIDDLE, None, b"")].concat(),
            ),
            ("a record is cut off", vec![WHOLE, 0, 2, 1]),
            ("a record is cut off", vec![FIRST, 0, 0, 0]),
            ("a record has an unknown class", record(3, None, b"")),
            ("a record has an unknown tag", record(0x60, None, b"")),
            (
                "a part comes without its beginning",
                record(LAST, None, b"x"),
            ),
            (
                "a frame is longer than announced",
                record(FIRST, Some(1), b"xy"),
            ),
            (
                "a frame is shorter than announced",
                [record(FIRST, Some(3), b"x"), record(LAST, None, b"y")].concat(),
            ),
            (
                "a frame begins within another of its class",
                [record(FIRST, Some(3), b"x"), record(WHOLE, None, b"y")].concat(),
            ),
            (
                "the stream ends within a frame",
                [record(FIRST, Some(3), b"x"), vec![END]].concat(),
            ),
        ];
        for (expected, plain) in cases {
            match all(&plain) {
                Err(TransportError::Framing(said)) => assert_eq!(said, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        assert!(matches!(all(&[END, END]), Err(TransportError::Framing(_))));
    }
}
