use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use prost::Message;

use crate::{
    Content, DecodeError, GossipMessage, Limits, RawEnvelope, RawSecret, decode, direct, raw, wire,
};

/// A validated message together with the very bytes of the envelope that it came in.
///
/// A clone shares both. Whether the signature is valid is for the receiver to find out:
/// [`SignedMessage::envelope`] has the bytes to verify.
#[derive(Clone)]
pub struct SignedMessage(Arc<Inner>);

struct Inner {
    message: GossipMessage,
    envelope: RawEnvelope,
    digest: OnceLock<[u8; 32]>,
}

impl SignedMessage {
    /// Decodes a frame that carries one envelope, and checks that its tag is legal. Byte fields are
    /// slices of the frame.
    ///
    /// # Errors
    /// A [`DecodeError`]; [`DecodeError::is_fatal`] tells whether the connection can be kept.
    pub fn decode(frame: Bytes, limits: &Limits) -> Result<Self, DecodeError> {
        let signed = Self::decode_envelope(RawEnvelope::parse(frame, limits)?, limits)?;
        signed.message().check_tag()?;
        Ok(signed)
    }

    /// Decodes an envelope that was nested in a message. Its tag is not checked, as in the original
    /// protocol.
    ///
    /// # Errors
    /// A [`DecodeError`].
    pub fn decode_nested(envelope: &RawEnvelope, limits: &Limits) -> Result<Self, DecodeError> {
        Self::decode_envelope(envelope.clone(), limits)
    }

    /// Wraps a message whose authenticity is that of the connection or of its content. It is encoded
    /// here, once, straight into the envelope.
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

    /// Whether nothing is signed and the bytes hold nothing besides [`SignedMessage::message`]: they
    /// are as long as [`SignedMessage::unsigned`] would make them.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        let length = raw::GossipMessage::from(&self.0.message).encoded_len();
        self.0.envelope.is_bare(length)
    }

    /// The same message without the part that must not leave the originator's organisation: same
    /// payload and signature bytes, new envelope. A clone if there is no such part.
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

    /// What the message says.
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

    /// Where peers of the originator's organisation reach it, from the envelope's secret. `None` if
    /// there is no secret or it makes no sense.
    #[must_use]
    pub fn internal_endpoint(&self) -> Option<String> {
        let secret = self.0.envelope.secret()?;
        let secret: wire::Secret = decode(secret.payload.clone(), &Limits::default()).ok()?;
        match secret.content? {
            wire::secret::Content::InternalEndpoint(endpoint) => Some(endpoint),
        }
    }

    /// BLAKE3 of the encoded envelope, computed on first use. Two messages with the same digest are
    /// the same bytes; a copy with another signature or secret has another digest.
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
        if let Some(message) = direct::message(envelope.payload(), limits) {
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

/// Equal if the envelopes' bytes are.
impl PartialEq for SignedMessage {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.encoded() == other.encoded()
    }
}

impl Eq for SignedMessage {}

/// One line that never shows the bytes of a payload or signature.
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

/// A message on its way to the signer, who is elsewhere.
#[derive(Debug)]
pub struct UnsignedMessage {
    message: GossipMessage,
    payload: Bytes,
    secret: Option<Bytes>,
}

impl UnsignedMessage {
    /// Encodes the message, and the secret if there is an internal endpoint to tell.
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

    /// The bytes to sign for the secret, with the same key.
    #[must_use]
    pub const fn secret_payload(&self) -> Option<&Bytes> {
        self.secret.as_ref()
    }

    /// Makes the envelope. A secret whose signature is absent is left out: receivers would refuse
    /// the whole message for it.
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
