use crate::DecodeError;

/// Reads protobuf's wire format from a slice without allocating.
#[derive(Clone, Copy)]
pub(crate) struct WireReader<'a> {
    /// The expected message, for errors.
    message: &'static str,
    rest: &'a [u8],
}

/// The value of a field in its wire type.
#[derive(Clone, Copy)]
pub(crate) enum Value<'a> {
    Varint,
    Bytes(&'a [u8]),
    /// A fixed-width number or a group, which the schema does not use.
    Other,
}

/// Deepest nesting of groups that is skipped; prost follows more.
const MAX_GROUPS: usize = 16;

impl<'a> WireReader<'a> {
    pub(crate) const fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self {
            message,
            rest: bytes,
        }
    }

    /// The next field's number and value, `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.key()?;
        Ok(Some((number, self.value(number, wire_type, 0)?)))
    }

    /// An error for these bytes.
    pub(crate) const fn malformed(&self, reason: &'static str) -> DecodeError {
        DecodeError::Malformed {
            message: self.message,
            reason,
        }
    }

    fn key(&mut self) -> Result<(u32, u32), DecodeError> {
        let key = self.varint()?;
        let key = u32::try_from(key).map_err(|_| self.malformed("a field number is too large"))?;
        if key >> 3 == 0 {
            return Err(self.malformed("a field has the number 0"));
        }
        Ok((key >> 3, key & 7))
    }

    fn value(
        &mut self,
        number: u32,
        wire_type: u32,
        groups: usize,
    ) -> Result<Value<'a>, DecodeError> {
        match wire_type {
            0 => self.varint().map(|_| Value::Varint),
            1 => self.take(8).map(|_| Value::Other),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                self.take(length).map(Value::Bytes)
            }
            3 => self.skip_group(number, groups).map(|()| Value::Other),
            5 => self.take(4).map(|_| Value::Other),
            _ => Err(self.malformed("a field has an unknown wire type")),
        }
    }

    fn skip_group(&mut self, number: u32, groups: usize) -> Result<(), DecodeError> {
        if groups == MAX_GROUPS {
            return Err(self.malformed("groups are nested too deeply"));
        }
        loop {
            let (inner, wire_type) = self.key()?;
            if wire_type == 4 {
                return if inner == number {
                    Ok(())
                } else {
                    Err(self.malformed("a group ends with another's number"))
                };
            }
            self.value(inner, wire_type, groups + 1)?;
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.malformed("a field runs past the end"));
        };
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0;
        for (place, byte) in self.rest.iter().take(10).enumerate() {
            if place == 9 && *byte > 1 {
                return Err(self.malformed("a number is too large"));
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[place + 1..];
                return Ok(value);
            }
        }
        Err(self.malformed("a number is cut off"))
    }
}
