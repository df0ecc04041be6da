//! Walks serialized protobuf messages in place.
//!
//! Blocks are large and their transactions are opaque, so no bytes are copied. A decoder would also
//! normalise a transaction and hide whether it was encoded canonically.

use thiserror::Error;

/// The bytes are no protobuf message.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a protobuf message")]
pub(crate) struct NotProtobuf;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number or a group: no known field has such a type.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    pub(crate) value: Value<'a>,
    /// Whether tag, length and number use as few bytes as possible.
    pub(crate) minimal: bool,
}

impl<'a> Field<'a> {
    pub(crate) const fn bytes(&self) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) => Some(bytes),
            Value::Varint(_) | Value::Other => None,
        }
    }
}

/// The fields of one message, in the order of their encoding.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

/// Deepest nesting of groups that is skipped. Go's decoder follows 10000 levels, so every
/// transaction that Fabric orders is accepted.
const MAX_GROUPS: usize = 16 * 1024;
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

impl<'a> Fields<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<Field<'a>, NotProtobuf> {
        let (tag, mut minimal) = self.varint()?;
        let (number, wire_type) = split_tag(tag)?;
        let value = match wire_type {
            0 => {
                let (value, shortest) = self.varint()?;
                minimal &= shortest;
                Value::Varint(value)
            }
            2 => {
                let (length, shortest) = self.varint()?;
                minimal &= shortest;
                Value::Bytes(self.take(length)?)
            }
            3 => {
                self.skip_group(number)?;
                Value::Other
            }
            _ => {
                self.skip_scalar(wire_type)?;
                Value::Other
            }
        };
        Ok(Field {
            number,
            value,
            minimal,
        })
    }

    fn skip_group(&mut self, number: u64) -> Result<(), NotProtobuf> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let (number, wire_type) = split_tag(self.varint()?.0)?;
            match wire_type {
                3 if open.len() < MAX_GROUPS => open.push(number),
                4 if number == innermost => drop(open.pop()),
                _ => self.skip_scalar(wire_type)?,
            }
        }
        Ok(())
    }

    fn skip_scalar(&mut self, wire_type: u64) -> Result<(), NotProtobuf> {
        match wire_type {
            0 => drop(self.varint()?),
            1 => drop(self.take(8)?),
            2 => {
                let (length, _) = self.varint()?;
                self.take(length)?;
            }
            5 => drop(self.take(4)?),
            _ => return Err(NotProtobuf),
        }
        Ok(())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], NotProtobuf> {
        let length = usize::try_from(length).map_err(|_| NotProtobuf)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(NotProtobuf)?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<(u64, bool), NotProtobuf> {
        let mut value = 0_u64;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && byte > 1 {
                return Err(NotProtobuf);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = self.rest.get(index + 1..).unwrap_or_default();
                return Ok((value, byte != 0 || index == 0));
            }
        }
        Err(NotProtobuf)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, NotProtobuf>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

const fn split_tag(tag: u64) -> Result<(u64, u64), NotProtobuf> {
    let number = tag >> 3;
    if number == 0 || number > MAX_FIELD_NUMBER {
        Err(NotProtobuf)
    } else {
        Ok((number, tag & 7))
    }
}

/// The last value of the bytes field `number`, which is what a decoder keeps; empty if absent.
pub(crate) fn last_bytes(message: &[u8], number: u64) -> Result<&[u8], NotProtobuf> {
    Fields::new(message).try_fold(&[][..], |last, field| {
        let field = field?;
        Ok(if field.number == number {
            field.bytes().unwrap_or(last)
        } else {
            last
        })
    })
}

/// The last value of the bytes field `inner` in the sub-message `outer`, whose occurrences a
/// decoder merges; empty if absent.
pub(crate) fn last_nested_bytes(
    message: &[u8],
    outer: u64,
    inner: u64,
) -> Result<&[u8], NotProtobuf> {
    let mut last = &[][..];
    for field in Fields::new(message) {
        let field = field?;
        let Some(part) = field.bytes().filter(|_| field.number == outer) else {
            continue;
        };
        for nested in Fields::new(part) {
            let nested = nested?;
            if nested.number == inner {
                last = nested.bytes().unwrap_or(last);
            }
        }
    }
    Ok(last)
}

/// Reads a message with known fields: each once, in order and minimally encoded.
#[derive(Debug)]
pub(crate) struct StrictFields<'a> {
    fields: Fields<'a>,
    ahead: Option<Field<'a>>,
}

impl<'a> StrictFields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Result<Self, NotProtobuf> {
        let mut fields = Fields::new(message);
        let ahead = fields.next().transpose()?;
        Ok(Self { fields, ahead })
    }

    /// The bytes field `number` if it comes next; it may be empty.
    pub(crate) fn bytes(&mut self, number: u64) -> Result<Option<&'a [u8]>, NotProtobuf> {
        let next = self
            .ahead
            .filter(|field| field.number == number && field.minimal);
        let Some(bytes) = next.and_then(|field| field.bytes()) else {
            return Ok(None);
        };
        self.ahead = self.fields.next().transpose()?;
        Ok(Some(bytes))
    }

    /// The bytes field `number` if it comes next, else nothing. An encoded empty field is not
    /// canonical.
    pub(crate) fn non_empty(&mut self, number: u64) -> Result<&'a [u8], NotProtobuf> {
        match self.bytes(number)? {
            Some([]) => Err(NotProtobuf),
            found => Ok(found.unwrap_or_default()),
        }
    }

    /// The number field `number` if it comes next, else 0. An explicit 0 is not canonical.
    pub(crate) fn number(&mut self, number: u64) -> Result<u64, NotProtobuf> {
        let next = self
            .ahead
            .filter(|field| field.number == number && field.minimal);
        let Some(Field {
            value: Value::Varint(value),
            ..
        }) = next
        else {
            return Ok(0);
        };
        self.ahead = self.fields.next().transpose()?;
        if value == 0 {
            Err(NotProtobuf)
        } else {
            Ok(value)
        }
    }

    /// The remaining fields.
    pub(crate) fn rest(self) -> impl Iterator<Item = Result<Field<'a>, NotProtobuf>> {
        self.ahead.map(Ok).into_iter().chain(self.fields)
    }

    pub(crate) fn end(self) -> Result<(), NotProtobuf> {
        if self.ahead.is_none() {
            Ok(())
        } else {
            Err(NotProtobuf)
        }
    }
}

/// The length of `value` as a varint.
pub(crate) const fn varint_length(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// The length of a bytes field with a number below 16.
pub(crate) const fn field_length(bytes: usize) -> usize {
    1 + varint_length(bytes as u64) + bytes
}

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes tag and length of a bytes field with a number below 16.
pub(crate) fn put_prefix(out: &mut Vec<u8>, number: u8, length: usize) {
    out.push(number << 3 | 2);
    put_varint(out, length as u64);
}

/// Writes a bytes field unless it is empty.
pub(crate) fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    if !bytes.is_empty() {
        put_prefix(out, number, bytes.len());
        out.extend_from_slice(bytes);
    }
}

/// Writes a number field unless it is 0.
pub(crate) fn put_number(out: &mut Vec<u8>, number: u8, value: u64) {
    if value != 0 {
        out.push(number << 3);
        put_varint(out, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for value in [
            1,
            127,
            128,
            300,
            16_383,
            16_384,
            u64::from(u32::MAX),
            u64::MAX,
        ] {
            let mut out = Vec::new();
            put_number(&mut out, 1, value);
            assert_eq!(out.len(), 1 + varint_length(value));
            let mut strict = StrictFields::new(&out).unwrap();
            assert_eq!(strict.number(1), Ok(value));
            assert_eq!(strict.end(), Ok(()));
        }
    }

    #[test]
    fn longer_encodings_than_needed_are_not_minimal() {
        let long_tag = [0x8a, 0x00, 0x01, 0xff];
        let long_length = [0x0a, 0x81, 0x00, 0xff];
        for message in [&long_tag[..], &long_length] {
            let field = Fields::new(message).next().unwrap().unwrap();
            assert_eq!(
                (field.number, field.bytes(), field.minimal),
                (1, Some(&[0xff][..]), false)
            );
        }
    }

    #[test]
    fn groups_are_skipped_and_must_close() {
        let nested = [0x1b, 0x23, 0x08, 0x01, 0x24, 0x1c, 0x0a, 0x01, 0x07];
        assert_eq!(last_bytes(&nested, 1), Ok(&[7][..]));
        assert_eq!(last_bytes(&nested[..5], 1), Err(NotProtobuf));
        let crossed = [0x1b, 0x23, 0x1c, 0x24];
        assert_eq!(last_bytes(&crossed, 1), Err(NotProtobuf));
    }

    #[test]
    fn truncated_oversized_and_illegal_input_is_refused() {
        for bad in [
            &[0x0a][..],
            &[0x0a, 0x05, 0x01],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0x00, 0x00],
            &[0x0c],
            &[0x0f, 0x00],
            &[0x80; 11],
        ] {
            assert_eq!(last_bytes(bad, 1), Err(NotProtobuf), "{bad:02x?}");
        }
    }
}
