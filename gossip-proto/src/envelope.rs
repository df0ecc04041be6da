use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::{
    DecodeError, Limits, fast_path, scan, schema,
    wire_reader::{Value, WireReader},
};

/// An envelope as received: its exact bytes, and the position of its parts.
///
/// Relaying, storing and verifying use these bytes, never a new encoding. A clone shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct RawEnvelope {
    encoded: Bytes,
    payload: Bytes,
    signature: Bytes,
    secret: Option<RawSecret>,
}

/// The part of an envelope for the originator's own organisation, signed separately.
#[derive(Clone, PartialEq, Eq)]
pub struct RawSecret {
    /// A serialized `gossip.Secret`.
    pub payload: Bytes,
    /// The originator's signature over the payload.
    pub signature: Bytes,
}

impl RawEnvelope {
    /// Finds the parts of an encoded `gossip.Envelope`. Copies nothing and does not decode the
    /// payload.
    ///
    /// # Errors
    /// A [`DecodeError`] names the part that is malformed or too long.
    pub fn parse(encoded: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        let Some(parts) = fast_path::envelope(&encoded, limits) else {
            return Self::parse_general(encoded, limits);
        };
        Ok(Self {
            payload: encoded.slice_ref(parts.payload),
            signature: encoded.slice_ref(parts.signature),
            secret: parts.secret.map(|(payload, signature)| RawSecret {
                payload: encoded.slice_ref(payload),
                signature: encoded.slice_ref(signature),
            }),
            encoded,
        })
    }

    /// As [`RawEnvelope::parse`], without the fast path.
    pub(crate) fn parse_general(encoded: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        scan::check(&schema::GOSSIP_ENVELOPE, &encoded, limits)?;
        Self::slice(encoded)
    }

    /// As [`RawEnvelope::parse`], for bytes whose sizes were checked before.
    pub(crate) fn slice(encoded: Bytes) -> Result<Self, DecodeError> {
        let (mut payload, mut signature, mut secret) = (Bytes::new(), Bytes::new(), None);
        let mut reader = WireReader::new(schema::GOSSIP_ENVELOPE.name, &encoded);
        while let Some((number, value)) = reader.next()? {
            match (number, value) {
                (PAYLOAD, Value::Bytes(bytes)) => payload = encoded.slice_ref(bytes),
                (SIGNATURE, Value::Bytes(bytes)) => signature = encoded.slice_ref(bytes),
                (SECRET, Value::Bytes(bytes)) => {
                    secret
                        .get_or_insert_with(RawSecret::empty)
                        .merge(&encoded, bytes)?;
                }
                (PAYLOAD | SIGNATURE | SECRET, _) => {
                    return Err(reader.malformed("a field has another type than the schema's"));
                }
                _ => {}
            }
        }
        Ok(Self {
            encoded,
            payload,
            signature,
            secret,
        })
    }

    /// Makes an envelope around a payload of `length` bytes. `write` appends the payload, directly
    /// into the envelope.
    pub(crate) fn build(
        length: usize,
        write: impl FnOnce(&mut BytesMut),
        signature: &Bytes,
        secret: Option<&RawSecret>,
    ) -> Self {
        let secret_length = secret.map_or(0, |secret| field_length(secret.encoded_length()));
        let total = optional_length(length) + optional_length(signature.len()) + secret_length;
        let mut out = BytesMut::with_capacity(total);
        let mut payload = 0..0;
        if length > 0 {
            put_key(&mut out, PAYLOAD, length);
            payload = out.len()..out.len() + length;
            write(&mut out);
        }
        let signature = put_optional(&mut out, SIGNATURE, signature);
        let secret = secret.map(|secret| {
            put_key(&mut out, SECRET, secret.encoded_length());
            let payload = put_optional(&mut out, PAYLOAD, &secret.payload);
            (
                payload,
                put_optional(&mut out, SIGNATURE, &secret.signature),
            )
        });
        let encoded = out.freeze();
        Self {
            payload: encoded.slice(payload),
            signature: encoded.slice(signature),
            secret: secret.map(|(payload, signature)| RawSecret {
                payload: encoded.slice(payload),
                signature: encoded.slice(signature),
            }),
            encoded,
        }
    }

    /// The exact bytes of the envelope.
    #[must_use]
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// A serialized `gossip.GossipMessage`; empty if the envelope has none.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The originator's signature over the payload; empty if it is unsigned.
    #[must_use]
    pub const fn signature(&self) -> &Bytes {
        &self.signature
    }

    /// The part for the originator's own organisation.
    #[must_use]
    pub const fn secret(&self) -> Option<&RawSecret> {
        self.secret.as_ref()
    }

    /// Whether there are a payload and a signature. Does not verify the signature.
    #[must_use]
    pub const fn is_signed(&self) -> bool {
        !self.payload.is_empty() && !self.signature.is_empty()
    }

    /// Whether the envelope consists of a payload of `length` bytes only.
    pub(crate) fn is_bare(&self, length: usize) -> bool {
        self.payload.len() == length && self.encoded.len() == optional_length(length)
    }

    /// Refuses an envelope with many bytes besides its parts: these are not signed, so any relay
    /// could add them.
    pub(crate) fn check_padding(&self) -> Result<(), DecodeError> {
        let secret = self.secret.as_ref().map(RawSecret::encoded_length);
        let parts = optional_length(self.payload.len())
            + optional_length(self.signature.len())
            + secret.map_or(0, field_length);
        let excess = self.encoded.len().saturating_sub(parts);
        if excess <= MAX_PADDING {
            return Ok(());
        }
        Err(DecodeError::Padded {
            message: schema::GOSSIP_ENVELOPE.name,
            excess,
            limit: MAX_PADDING,
        })
    }

    /// A copy of the envelope in memory of its own, so that keeping it does not keep the larger
    /// frame that it came in.
    #[must_use]
    pub fn detach(&self) -> Self {
        let encoded = Bytes::copy_from_slice(&self.encoded);
        let base = self.encoded.as_ptr().addr();
        let part = |bytes: &Bytes| {
            if bytes.is_empty() {
                return Bytes::new();
            }
            let start = bytes.as_ptr().addr() - base;
            encoded.slice(start..start + bytes.len())
        };
        Self {
            payload: part(&self.payload),
            signature: part(&self.signature),
            secret: self.secret.as_ref().map(|secret| RawSecret {
                payload: part(&secret.payload),
                signature: part(&secret.signature),
            }),
            encoded,
        }
    }

    /// The same payload and signature bytes in an envelope without secret; a clone if there is no
    /// secret.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        if self.secret.is_none() {
            return self.clone();
        }
        let payload = &self.payload;
        Self::build(
            payload.len(),
            |out| out.put_slice(payload),
            &self.signature,
            None,
        )
    }
}

impl fmt::Display for RawEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (payload, signature) = (self.payload.len(), self.signature.len());
        write!(
            f,
            "envelope: payload {payload} bytes, signature {signature} bytes"
        )?;
        match &self.secret {
            Some(secret) => write!(f, ", {secret:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for RawEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl RawSecret {
    const fn empty() -> Self {
        Self {
            payload: Bytes::new(),
            signature: Bytes::new(),
        }
    }

    /// Merges the fields of another occurrence, as protobuf does.
    fn merge(&mut self, encoded: &Bytes, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut reader = WireReader::new(schema::GOSSIP_SECRET_ENVELOPE.name, bytes);
        while let Some((number, value)) = reader.next()? {
            match (number, value) {
                (PAYLOAD, Value::Bytes(bytes)) => self.payload = encoded.slice_ref(bytes),
                (SIGNATURE, Value::Bytes(bytes)) => self.signature = encoded.slice_ref(bytes),
                (PAYLOAD | SIGNATURE, _) => {
                    return Err(reader.malformed("a field has another type than the schema's"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    const fn encoded_length(&self) -> usize {
        optional_length(self.payload.len()) + optional_length(self.signature.len())
    }
}

impl fmt::Debug for RawSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (payload, signature) = (self.payload.len(), self.signature.len());
        write!(
            f,
            "secret: payload {payload} bytes, signature {signature} bytes"
        )
    }
}

/// Field numbers of `gossip.Envelope`; `gossip.SecretEnvelope` has the first two.
const PAYLOAD: u32 = 1;
const SIGNATURE: u32 = 2;
const SECRET: u32 = 3;

/// Most bytes of an envelope besides its parts: enough for other encodings of the lengths and a
/// small field of a later version.
const MAX_PADDING: usize = 64;

const fn field_length(content: usize) -> usize {
    1 + encoded_len_varint(content as u64) + content
}

/// Empty byte fields are not encoded.
const fn optional_length(content: usize) -> usize {
    if content == 0 {
        0
    } else {
        field_length(content)
    }
}

fn put_key(out: &mut BytesMut, number: u32, length: usize) {
    const LENGTH_DELIMITED: u32 = 2;
    encode_varint(u64::from(number << 3 | LENGTH_DELIMITED), out);
    encode_varint(length as u64, out);
}

/// Appends a byte field unless it is empty; returns the range of its content.
fn put_optional(out: &mut BytesMut, number: u32, content: &Bytes) -> std::ops::Range<usize> {
    if content.is_empty() {
        return 0..0;
    }
    put_key(out, number, content.len());
    let start = out.len();
    out.put_slice(content);
    start..out.len()
}
