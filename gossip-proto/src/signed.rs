use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use prost::Message;

use crate::{
    Content, DecodeError, GossipMessage, Limits, RawEnvelope, RawSecret, decode, fast_path, raw,
    scan, schema, wire,
};

/// A validated message, together with the exact bytes of its envelope.
///
/// A clone shares both. The signature is not verified: [`SignedMessage::envelope`] has the bytes to
/// verify.
#[derive(Clone)]
pub struct SignedMessage(Arc<Inner>);

struct Inner {
    message: GossipMessage,
    envelope: RawEnvelope,
    digest: OnceLock<[u8; 32]>,
}

impl SignedMessage {
    /// Decodes a frame with one envelope and checks that the tag is legal. Byte fields are slices
    /// of the frame.
    ///
    /// # Errors
    /// A [`DecodeError`]; [`DecodeError::is_fatal`] says whether the connection must be closed.
    pub fn decode(frame: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        let signed = Self::decode_envelope(RawEnvelope::parse(frame, limits)?, limits)?;
        signed.message().check_tag()?;
        Ok(signed)
    }

    /// Decodes an envelope that was nested in a message. As in the original protocol, its tag is
    /// not checked.
    ///
    /// # Errors
    /// A [`DecodeError`].
    pub fn decode_nested(envelope: &RawEnvelope, limits: &Limits) -> Result<Self, DecodeError> {
        Self::decode_envelope(envelope.clone(), limits)
    }

    /// Wraps a message that needs no signature: its connection or its content authenticates it.
    /// Encodes it once, directly into the envelope.
    #[must_use]
    pub fn unsigned(message: GossipMessage) -> Self {
        let raw = raw::GossipMessage::from(&message);
        let envelope = RawEnvelope::build(
            raw.encoded_len(),
            |out| raw.encode_raw(out),
            &Bytes::new(),
            None,
        );
        Self::new(message, envelope)
    }

    /// Checks the encoded message as a receiver with these limits does before it decodes it.
    ///
    /// # Errors
    /// The [`DecodeError`] that the receiver would get.
    pub fn check_limits(&self, limits: &Limits) -> Result<(), DecodeError> {
        let envelope = self.envelope();
        scan::check(&schema::GOSSIP_ENVELOPE, envelope.encoded(), limits)?;
        scan::check(&schema::GOSSIP_GOSSIP_MESSAGE, envelope.payload(), limits)
    }

    /// Whether the message is unsigned and its bytes contain nothing besides
    /// [`SignedMessage::message`]: they have the length of [`SignedMessage::unsigned`].
    #[must_use]
    pub fn is_bare(&self) -> bool {
        let length = raw::GossipMessage::from(&self.0.message).encoded_len();
        self.0.envelope.is_bare(length)
    }

    /// The message without the part for the originator's own organisation: the same payload and
    /// signature bytes in a new envelope. A clone if there is no such part.
    #[must_use]
    pub fn without_secret(&self) -> Self {
        if self.0.envelope.secret().is_none() {
            return self.clone();
        }
        Self::new(self.0.message.clone(), self.0.envelope.without_secret())
    }

    /// The validated message.
    #[must_use]
    pub fn message(&self) -> &GossipMessage {
        &self.0.message
    }

    /// The content of the message.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.0.message.content
    }

    /// The envelope, for verification and storage.
    #[must_use]
    pub fn envelope(&self) -> &RawEnvelope {
        &self.0.envelope
    }

    /// The frame to relay: the envelope's exact bytes.
    #[must_use]
    pub fn encoded(&self) -> &Bytes {
        self.0.envelope.encoded()
    }

    /// The endpoint for peers of the originator's organisation, from the envelope's secret. `None`
    /// if there is no secret or it cannot be decoded.
    #[must_use]
    pub fn internal_endpoint(&self) -> Option<String> {
        let secret = self.0.envelope.secret()?;
        let secret: wire::Secret = decode(secret.payload.clone(), &Limits::default()).ok()?;
        match secret.content? {
            wire::secret::Content::InternalEndpoint(endpoint) => Some(endpoint),
        }
    }

    /// BLAKE3 of the encoded envelope, computed on first use. Messages with equal digests have
    /// equal bytes; a copy with another signature or secret has another digest.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        *self
            .0
            .digest
            .get_or_init(|| blake3::hash(self.encoded()).into())
    }

    fn decode_envelope(envelope: RawEnvelope, limits: &Limits) -> Result<Self, DecodeError> {
        if envelope.payload().is_empty() {
            return Err(DecodeError::NoPayload);
        }
        envelope.check_padding()?;
        if let Some(message) = fast_path::message(envelope.payload(), limits) {
            return Ok(Self::new(message, envelope));
        }
        let raw: raw::GossipMessage = decode(envelope.payload().clone(), limits)?;
        Ok(Self::new(GossipMessage::try_from(raw)?, envelope))
    }

    fn new(message: GossipMessage, envelope: RawEnvelope) -> Self {
        Self(Arc::new(Inner {
            message,
            envelope,
            digest: OnceLock::new(),
        }))
    }
}

/// Messages are equal if the bytes of their envelopes are.
impl PartialEq for SignedMessage {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.encoded() == other.encoded()
    }
}

impl Eq for SignedMessage {}

/// One line, without the bytes of payload or signature.
impl fmt::Display for SignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.0.message, self.0.envelope)
    }
}

impl fmt::Debug for SignedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// An encoded message that waits for its signature.
#[derive(Debug)]
pub struct UnsignedMessage {
    message: GossipMessage,
    payload: Bytes,
    secret: Option<Bytes>,
}

impl UnsignedMessage {
    /// Encodes the message; with an internal endpoint also the secret.
    #[must_use]
    pub fn new(message: GossipMessage, secret_internal_endpoint: Option<&str>) -> Self {
        let payload = raw::GossipMessage::from(&message).encode_to_vec().into();
        let secret = secret_internal_endpoint.map(|endpoint| {
            let content = wire::secret::Content::InternalEndpoint(endpoint.to_owned());
            wire::Secret {
                content: Some(content),
            }
            .encode_to_vec()
            .into()
        });
        Self {
            message,
            payload,
            secret,
        }
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &GossipMessage {
        &self.message
    }

    /// The bytes to sign.
    #[must_use]
    pub const fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The bytes of the secret to sign with the same key.
    #[must_use]
    pub const fn secret_payload(&self) -> Option<&Bytes> {
        self.secret.as_ref()
    }

    /// Makes the envelope. A secret without signature is left out: receivers would refuse the whole
    /// message.
    #[must_use]
    pub fn sign(self, signature: Bytes, secret_signature: Option<Bytes>) -> SignedMessage {
        let secret = self.secret.zip(secret_signature);
        let secret = secret.map(|(payload, signature)| RawSecret { payload, signature });
        let payload = &self.payload;
        let write = |out: &mut bytes::BytesMut| out.extend_from_slice(payload);
        let envelope = RawEnvelope::build(payload.len(), write, &signature, secret.as_ref());
        SignedMessage::new(self.message, envelope)
    }
}
