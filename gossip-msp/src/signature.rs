//! Public keys and the two kinds of signature.

use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::ecdsa;

/// The kinds of keys that members use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256, as in Fabric.
    EcdsaP256,
    /// Ed25519: faster to sign; Fabric accepts it since version 3.0.
    Ed25519,
}

/// A member's public key: an uncompressed P-256 point or an Ed25519 key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PublicKey {
    kind: KeyKind,
    bytes: Box<[u8]>,
}

const OID_EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const OID_P256: &str = "1.2.840.10045.3.1.7";
const OID_ED25519: &str = "1.3.101.112";

impl PublicKey {
    pub(crate) fn new(kind: KeyKind, bytes: &[u8]) -> Self {
        Self {
            kind,
            bytes: bytes.into(),
        }
    }

    /// `None` for other kinds of keys.
    pub(crate) fn of_certificate(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let key = &info.subject_public_key.data;
        let kind = match info.algorithm.algorithm.to_id_string().as_str() {
            OID_EC_PUBLIC_KEY => {
                let curve = info.algorithm.parameters.as_ref()?.as_oid().ok()?;
                let uncompressed = key.len() == 65 && key.first() == Some(&4);
                (curve.to_id_string() == OID_P256 && uncompressed).then_some(KeyKind::EcdsaP256)?
            }
            OID_ED25519 => (key.len() == 32).then_some(KeyKind::Ed25519)?,
            _ => return None,
        };
        Some(Self::new(kind, key))
    }

    /// Whether `signature` is this key's over `message`.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            KeyKind::EcdsaP256 => ecdsa::decode(signature).is_some_and(|fixed| {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.bytes)
                    .verify(message, &fixed)
                    .is_ok()
            }),
            KeyKind::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.bytes)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    #[test]
    fn only_the_low_half_of_s_is_made_and_accepted() {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let public = PublicKey::new(KeyKind::EcdsaP256, key.public_key().as_ref());
        for round in 0..40_u8 {
            let made = key.sign(&random, &[round]).unwrap();
            let low = ecdsa::encode(made.as_ref().try_into().unwrap());
            assert!(public.verifies(&[round], &low));
            assert!(!public.verifies(&[round], &ecdsa::with_high_s(&low)));
        }
    }
}
