//! The identity service of a node.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gossip_core::{ChannelId, CryptoError, OrgId, PeerId};

/// Validates identities, verifies signatures and signs (Fabric's `MessageCryptoService`).
///
/// The driver calls it from a pool of threads: methods may block, and several run at once. An
/// implementation should cache parsed identities.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an identity service",
    note = "give the builder an identity service by `.identity(..)`: an `X509Service`, or a type that implements \
            `MessageCryptoService` and `SecurityAdvisor`"
)]
pub trait MessageCryptoService: Send + Sync + 'static {
    /// The serialized identity that [`sign`](Self::sign) signs for: this node's own.
    fn own_identity(&self) -> Bytes;

    /// The PKI-ID that `identity` yields, without validating it.
    ///
    /// # Errors
    /// [`CryptoError::MalformedIdentity`].
    fn pki_id(&self, identity: &[u8]) -> Result<PeerId, CryptoError>;

    /// Checks that `identity` was issued by a trusted authority, has not expired and is not revoked.
    ///
    /// # Errors
    /// The check that failed.
    fn validate_identity(&self, identity: &[u8]) -> Result<(), CryptoError>;

    /// How long `identity` is still valid; `None` if it does not expire.
    ///
    /// # Errors
    /// [`CryptoError::MalformedIdentity`], [`CryptoError::Expired`], or another reason why it is not valid. The
    /// driver asks only about identities that [`validate_identity`](Self::validate_identity) accepted.
    fn expires_in(&self, identity: &[u8]) -> Result<Option<Duration>, CryptoError>;

    /// Signs `message` with our own key.
    ///
    /// # Errors
    /// [`CryptoError::SigningFailed`].
    fn sign(&self, message: &[u8]) -> Result<Bytes, CryptoError>;

    /// Checks that `signature` is a signature of `identity` over `message`. The identity was validated before.
    ///
    /// # Errors
    /// [`CryptoError::BadSignature`] and those of reading the identity.
    fn verify(&self, identity: &[u8], signature: &[u8], message: &[u8]) -> Result<(), CryptoError>;

    /// As [`verify`](Self::verify), and checks that the policy of `channel` admits the signer as a reader.
    ///
    /// # Errors
    /// Those of [`verify`](Self::verify), and [`CryptoError::NotAdmitted`], which ends the signer's part in the
    /// channel. Return it only if the signature is genuine, or if the policy never admits the identity.
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

/// Maps identities to organisations (Fabric's `SecurityAdvisor`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an identity service",
    note = "give the builder an identity service by `.identity(..)`: an `X509Service`, or a type that implements \
            `MessageCryptoService` and `SecurityAdvisor`"
)]
pub trait SecurityAdvisor: Send + Sync + 'static {
    /// The organisation of `identity`, without validating it; `None` if the organisation is unknown.
    fn org_of(&self, identity: &[u8]) -> Option<OrgId>;
}

impl<C: MessageCryptoService + ?Sized> MessageCryptoService for Arc<C> {
    fn own_identity(&self) -> Bytes {
        (**self).own_identity()
    }

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
