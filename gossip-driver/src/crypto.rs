//! What the driver needs of an identity service.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, CryptoError, OrgId, PeerId};

/// Verifies and makes signatures (Fabric's `MessageCryptoService`).
///
/// Called from the driver's pool of plain threads: it may take its time, and must be safe to call
/// from several at once. An implementation caches what it parses.
pub trait MessageCryptoService: Send + Sync + 'static {
    /// The PKI-ID that `identity` yields, without validating it.
    ///
    /// # Errors
    /// [`CryptoError::MalformedIdentity`].
    fn pki_id(&self, identity: &[u8]) -> Result<PeerId, CryptoError>;

    /// Checks that `identity` was issued by a trusted authority, has not expired and is not revoked.
    ///
    /// # Errors
    /// Says which does not hold.
    fn validate_identity(&self, identity: &[u8]) -> Result<(), CryptoError>;

    /// How long `identity` is still valid; `None` if it does not expire.
    ///
    /// # Errors
    /// [`CryptoError::MalformedIdentity`], [`CryptoError::Expired`], or why else it is not valid if the
    /// service looks: it is asked about identities that it found valid.
    fn expires_in(&self, identity: &[u8]) -> Result<Option<Duration>, CryptoError>;

    /// Signs `message` with our own key.
    ///
    /// # Errors
    /// [`CryptoError::SigningFailed`].
    fn sign(&self, message: &[u8]) -> Result<Bytes, CryptoError>;

    /// Checks that `signature` is `identity`'s over `message`. The identity was validated before.
    ///
    /// # Errors
    /// [`CryptoError::BadSignature`] and those of reading the identity.
    fn verify(&self, identity: &[u8], signature: &[u8], message: &[u8]) -> Result<(), CryptoError>;

    /// The same, and that the policy of `channel` admits the signer as a reader.
    ///
    /// # Errors
    /// Also [`CryptoError::NotAdmitted`], which ends the signer's part in the channel: only if the
    /// signature is genuine, or if the policy admits nothing at all of that identity.
    fn verify_by_channel(
        &self,
        channel: &ChannelId,
        identity: &[u8],
        signature: &[u8],
        message: &[u8],
    ) -> Result<(), CryptoError>;

    /// Checks that `block` is number `seq` of `channel`, well-formed and signed by its orderers.
    ///
    /// # Errors
    /// [`CryptoError::BadBlock`].
    fn verify_block(&self, channel: &ChannelId, seq: u64, block: &[u8]) -> Result<(), CryptoError>;
}

/// Tells organisations apart (Fabric's `SecurityAdvisor`).
pub trait SecurityAdvisor: Send + Sync + 'static {
    /// The organisation of `identity`, without validating it; `None` if it is not a known one.
    fn org_of(&self, identity: &[u8]) -> Option<OrgId>;
}

impl<C: MessageCryptoService + ?Sized> MessageCryptoService for Arc<C> {
    fn pki_id(&self, identity: &[u8]) -> Result<PeerId, CryptoError> {
        (**self).pki_id(identity)
    }

    fn validate_identity(&self, identity: &[u8]) -> Result<(), CryptoError> {
        (**self).validate_identity(identity)
    }

    fn expires_in(&self, identity: &[u8]) -> Result<Option<Duration>, CryptoError> {
        (**self).expires_in(identity)
    }

    fn sign(&self, message: &[u8]) -> Result<Bytes, CryptoError> {
        (**self).sign(message)
    }

    fn verify(&self, identity: &[u8], signature: &[u8], message: &[u8]) -> Result<(), CryptoError> {
        (**self).verify(identity, signature, message)
    }

    fn verify_by_channel(
        &self,
        channel: &ChannelId,
        identity: &[u8],
        signature: &[u8],
        message: &[u8],
    ) -> Result<(), CryptoError> {
        (**self).verify_by_channel(channel, identity, signature, message)
    }

    fn verify_block(&self, channel: &ChannelId, seq: u64, block: &[u8]) -> Result<(), CryptoError> {
        (**self).verify_block(channel, seq, block)
    }
}

impl<A: SecurityAdvisor + ?Sized> SecurityAdvisor for Arc<A> {
    fn org_of(&self, identity: &[u8]) -> Option<OrgId> {
        (**self).org_of(identity)
    }
}
