//! Checks a frame against the schema and the limits before memory is allocated for it.
//!
//! A protobuf decoder allocates as it reads: two bytes on the wire make a list element of tens of
//! bytes in memory. This walk visits the same fields without keeping them. A frame that passes will
//! decode, within memory proportional to [`Limits`].

use crate::{
    DecodeError, Limits,
    schema::COUNTERS,
    wire_reader::{Value, WireReader},
};

/// A message of the schema.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) name: &'static str,
    pub(crate) fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) count: Count,
}

/// The type of a field.
#[derive(Debug)]
pub(crate) enum Kind {
    Varint,
    Bytes(Size),
    Text(Size),
    Message(&'static Schema),
}

/// The limit that bounds a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Frame,
    PkiId,
    Endpoint,
    Channel,
    Identity,
    Metadata,
    Hash,
    Signature,
    Name,
    Text,
}

/// Whether occurrences of a field are counted, and the index of the counter.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Count {
    /// Not counted: later occurrences replace earlier ones or are merged into them.
    None,
    /// At most once.
    Once(usize),
    /// A list.
    List(usize),
}

/// Checks that `bytes` decode as `schema` within `limits`.
pub(crate) fn check(
    schema: &'static Schema,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(), DecodeError> {
    if bytes.len() > limits.max_envelope {
        return Err(DecodeError::TooLong {
            message: schema.name,
            actual: bytes.len(),
            limit: limits.max_envelope,
        });
    }
    Scan {
        limits,
        root: schema,
        counters: [0; COUNTERS],
        elements: 0,
    }
    .message(schema, bytes, 0)
}

struct Scan<'a> {
    limits: &'a Limits,
    root: &'static Schema,
    /// Occurrences of each counted field in the list element being walked. Counts are kept after a
    /// sub-message, because its next occurrence is merged into it.
    counters: [usize; COUNTERS],
    /// Elements of all lists.
    elements: usize,
}

impl Scan<'_> {
    fn message(
        &mut self,
        schema: &'static Schema,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        if depth > self.limits.max_depth.min(MAX_DEPTH) {
            let limit = self.limits.max_depth.min(MAX_DEPTH);
            return Err(DecodeError::TooDeep {
                message: schema.name,
                limit,
            });
        }
        let mut reader = WireReader::new(schema.name, bytes);
        while let Some((number, value)) = reader.next()? {
            let Some(field) = schema.fields.iter().find(|field| field.number == number) else {
                continue;
            };
            self.count(schema, field)?;
            match (&field.kind, value) {
                (Kind::Varint, Value::Varint) => {}
                (Kind::Bytes(size), Value::Bytes(bytes)) => {
                    self.size(schema, field, *size, bytes)?;
                }
                (Kind::Text(size), Value::Bytes(bytes)) => {
                    self.size(schema, field, *size, bytes)?;
                    if str::from_utf8(bytes).is_err() {
                        return Err(reader.malformed("a text is not UTF-8"));
                    }
                }
                (Kind::Message(inner), Value::Bytes(bytes)) => {
                    self.sub_message(field, inner, bytes, depth + 1)?;
                }
                _ => return Err(reader.malformed("a field has another type than the schema's")),
            }
        }
        Ok(())
    }

    fn sub_message(
        &mut self,
        field: &Field,
        inner: &'static Schema,
        bytes: &[u8],
        depth: usize,
    ) -> Result<(), DecodeError> {
        if !matches!(field.count, Count::List(_)) {
            return self.message(inner, bytes, depth);
        }
        let outer = std::mem::replace(&mut self.counters, [0; COUNTERS]);
        let outcome = self.message(inner, bytes, depth);
        self.counters = outer;
        outcome
    }

    fn count(&mut self, schema: &Schema, field: &Field) -> Result<(), DecodeError> {
        let (message, name) = (schema.name, field.name);
        match field.count {
            Count::None => {}
            Count::Once(counter) => {
                self.counters[counter] += 1;
                if self.counters[counter] > 1 {
                    return Err(DecodeError::Repeated {
                        message,
                        field: name,
                    });
                }
            }
            Count::List(counter) => {
                self.counters[counter] += 1;
                self.elements += 1;
                let limit = self.limits.max_list;
                if self.counters[counter] > limit {
                    return Err(DecodeError::ListTooLong {
                        message,
                        field: name,
                        limit,
                    });
                }
                let limit = self.limits.max_elements;
                if self.elements > limit {
                    return Err(DecodeError::TooManyElements {
                        message: self.root.name,
                        limit,
                    });
                }
            }
        }
        Ok(())
    }

    fn size(
        &self,
        schema: &Schema,
        field: &Field,
        size: Size,
        bytes: &[u8],
    ) -> Result<(), DecodeError> {
        let limit = self.limit(size);
        if bytes.len() <= limit {
            return Ok(());
        }
        let (message, field, actual) = (schema.name, field.name, bytes.len());
        Err(DecodeError::FieldTooLong {
            message,
            field,
            actual,
            limit,
        })
    }

    const fn limit(&self, size: Size) -> usize {
        let limits = self.limits;
        match size {
            Size::Frame => limits.max_envelope,
            Size::PkiId => limits.max_pki_id,
            Size::Endpoint => limits.max_endpoint,
            Size::Channel => limits.max_channel,
            Size::Identity => limits.max_identity,
            Size::Metadata => limits.max_metadata,
            Size::Hash => limits.max_hash,
            Size::Signature => limits.max_signature,
            Size::Name => limits.max_name,
            Size::Text => limits.max_text,
        }
    }
}

/// The depth that prost follows, less the groups that it may have to skip.
const MAX_DEPTH: usize = 80;
