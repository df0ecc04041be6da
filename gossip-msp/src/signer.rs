//! An identity with its private key.

use std::fmt;

use bytes::Bytes;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

use crate::signature::PublicKey;
use crate::{ConfigError, Identity, KeyKind, MakeError, certificate, ecdsa, identity, pem_text};

/// An identity that can sign. Signing is safe from several threads at once.
pub struct SigningIdentity {
    bytes: Bytes,
    identity: Identity,
    key: PrivateKey,
}

enum PrivateKey {
    EcdsaP256(EcdsaKeyPair, SystemRandom),
    Ed25519(Ed25519KeyPair),
}

impl SigningIdentity {
    /// Reads a certificate and its private key (PKCS#8, not encrypted), both in PEM.
    ///
    /// An authority's ECDSA signature on the certificate is converted to the lower S, as in Fabric:
    /// only this form is a valid identity.
    ///
    /// # Errors
    /// Either cannot be read, or the key is not that of the certificate.
    pub fn from_pem(msp_id: &str, certificate: &str, key: &str) -> Result<Self, ConfigError> {
        if msp_id.is_empty() || msp_id.len() > identity::MAX_MSP_ID_BYTES {
            return Err(ConfigError::BadMspId);
        }
        let der = pem_text::decode_one(pem_text::CERTIFICATE, certificate.as_bytes())
            .ok_or_else(|| ConfigError::Certificate("expected one PEM certificate".into()))?;
        let text = pem_text::encode(pem_text::CERTIFICATE, &certificate::normalise(der));
        let bytes = Bytes::from(identity::encode(msp_id, &text));
        let identity =
            Identity::read(&bytes).map_err(|error| ConfigError::Certificate(error.to_string()))?;
        let pkcs8 = pem_text::decode_one(pem_text::PRIVATE_KEY, key.as_bytes())
            .ok_or_else(|| ConfigError::Key("expected one PEM block \"PRIVATE KEY\"".into()))?;
        let key = PrivateKey::from_pkcs8(&pkcs8)?;
        if key.public() != *identity.key() {
            return Err(ConfigError::KeyMismatch);
        }
        Ok(Self {
            bytes,
            identity,
            key,
        })
    }

    /// The serialized identity, as peers exchange it.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The parsed identity.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Signs `message`. The signature is ECDSA in DER with a low S, as Fabric requires, or Ed25519.
    ///
    /// # Errors
    /// [`MakeError::Signing`]: the operating system's randomness failed.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, MakeError> {
        match &self.key {
            PrivateKey::EcdsaP256(key, random) => {
                let signature = key.sign(random, message).map_err(|_| MakeError::Signing)?;
                let fixed = signature
                    .as_ref()
                    .try_into()
                    .map_err(|_| MakeError::Signing)?;
                Ok(ecdsa::encode(fixed))
            }
            PrivateKey::Ed25519(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for SigningIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningIdentity")
            .field("msp_id", &self.identity.msp_id())
            .field("peer_id", self.identity.peer_id())
            .finish_non_exhaustive()
    }
}

impl PrivateKey {
    fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, ConfigError> {
        let random = SystemRandom::new();
        if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8) {
            return Ok(Self::Ed25519(key));
        }
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map(|key| Self::EcdsaP256(key, random))
            .map_err(|error| ConfigError::Key(error.to_string()))
    }

    fn public(&self) -> PublicKey {
        match self {
            Self::EcdsaP256(key, _) => {
                PublicKey::new(KeyKind::EcdsaP256, key.public_key().as_ref())
            }
            Self::Ed25519(key) => PublicKey::new(KeyKind::Ed25519, key.public_key().as_ref()),
        }
    }
}
