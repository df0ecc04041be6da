//! Public keys and the two kinds of signature.

use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use x509_parser::x509::SubjectPublicKeyInfo;

/// The kinds of key that a member may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256, as Fabric uses it.
    EcdsaP256,
    /// Ed25519: faster to sign with; Fabric accepts it from version 3.0 on.
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

    /// `None` for any other kind of key.
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
            KeyKind::EcdsaP256 => der::decode(signature).is_some_and(|fixed| {
                low_s::is_low(&fixed)
                    && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.bytes)
                        .verify(message, &fixed)
                        .is_ok()
            }),
            KeyKind::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.bytes)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// Turns `r ‖ s` into the DER form with the lower of the two possible `s`.
pub(crate) fn encode_ecdsa(mut fixed: [u8; 64]) -> Vec<u8> {
    low_s::normalise(&mut fixed);
    der::encode(&fixed)
}

/// With `(r, s)` also `(r, n - s)` verifies. Only the lower is accepted: otherwise anyone could make
/// a second valid form of a message, which no duplicate filter would recognise.
mod low_s {
    /// The order of P-256's group.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63,
        0x25, 0x51,
    ];
    const HALF_ORDER: [u8; 32] = [
        0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xde, 0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31,
        0x92, 0xa8,
    ];

    pub(super) fn is_low(fixed: &[u8; 64]) -> bool {
        fixed[32..] <= HALF_ORDER[..]
    }

    pub(super) fn normalise(fixed: &mut [u8; 64]) {
        if !is_low(fixed) {
            negate(fixed);
        }
    }

    /// Replaces `s` by `n - s`.
    pub(super) fn negate(fixed: &mut [u8; 64]) {
        let mut borrow = 0;
        for (s, &n) in fixed[32..].iter_mut().zip(&ORDER).rev() {
            let (difference, under) = n.overflowing_sub(*s);
            let (difference, under_again) = difference.overflowing_sub(borrow);
            *s = difference;
            borrow = u8::from(under || under_again);
        }
    }
}

/// `SEQUENCE { INTEGER r, INTEGER s }`, in its only valid encoding.
mod der {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;

    pub(super) fn encode(fixed: &[u8; 64]) -> Vec<u8> {
        let mut out = vec![SEQUENCE, 0];
        let (r, s) = fixed.split_at(32);
        for integer in [r, s] {
            let zeros = integer
                .iter()
                .take(31)
                .take_while(|&&byte| byte == 0)
                .count();
            let digits = integer.get(zeros..).unwrap_or_default();
            let sign = usize::from(digits.first().is_some_and(|byte| byte & 0x80 != 0));
            out.extend([INTEGER, (digits.len() + sign) as u8]);
            out.extend(std::iter::repeat_n(0, sign));
            out.extend(digits);
        }
        out[1] = (out.len() - 2) as u8;
        out
    }

    pub(super) fn decode(signature: &[u8]) -> Option<[u8; 64]> {
        let [SEQUENCE, length, integers @ ..] = signature else {
            return None;
        };
        if usize::from(*length) != integers.len() {
            return None;
        }
        let mut fixed = [0; 64];
        let (r, s) = fixed.split_at_mut(32);
        let rest = integer(integers, r)?;
        integer(rest, s)?.is_empty().then_some(fixed)
    }

    /// Reads a positive integer into `out`, right-aligned; returns what follows it.
    fn integer<'a>(input: &'a [u8], out: &mut [u8]) -> Option<&'a [u8]> {
        let [INTEGER, length, rest @ ..] = input else {
            return None;
        };
        let (digits, rest) = rest.split_at_checked(usize::from(*length))?;
        let digits = match digits {
            [] | [0] | [0x80..=0xff, ..] => return None,
            [0, digits @ ..] => {
                digits.first().filter(|&&byte| byte & 0x80 != 0)?;
                digits
            }
            digits => digits,
        };
        let start = out.len().checked_sub(digits.len())?;
        out.get_mut(start..)?.copy_from_slice(digits);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    fn key() -> EcdsaKeyPair {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
    }

    fn raw_signature(key: &EcdsaKeyPair, message: &[u8]) -> [u8; 64] {
        key.sign(&SystemRandom::new(), message)
            .unwrap()
            .as_ref()
            .try_into()
            .unwrap()
    }

    #[test]
    fn only_the_low_half_of_s_is_made_and_accepted() {
        let key = key();
        let public = PublicKey::new(KeyKind::EcdsaP256, key.public_key().as_ref());
        for round in 0..40_u8 {
            let mut fixed = raw_signature(&key, &[round]);
            low_s::normalise(&mut fixed);
            let low = der::encode(&fixed);
            assert_eq!(low, encode_ecdsa(fixed));
            assert!(public.verifies(&[round], &low));
            low_s::negate(&mut fixed);
            assert!(!low_s::is_low(&fixed));
            assert!(
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref())
                    .verify(&[round], &fixed)
                    .is_ok(),
                "the high form is valid mathematics"
            );
            assert!(!public.verifies(&[round], &der::encode(&fixed)));
        }
    }

    #[test]
    fn our_der_is_what_others_read() {
        use ring::signature::ECDSA_P256_SHA256_ASN1;
        let key = key();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key.public_key().as_ref());
        for round in 0..200_u8 {
            let signature = encode_ecdsa(raw_signature(&key, &[round]));
            public.verify(&[round], &signature).unwrap();
        }
    }

    #[test]
    fn any_other_encoding_of_a_signature_is_refused() {
        let mut fixed = [0; 64];
        fixed[31] = 0x80;
        fixed[63] = 0x01;
        let good = [0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01];
        assert_eq!(der::encode(&fixed), good);
        assert_eq!(der::decode(&good), Some(fixed));
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x06, 0x02, 0x01, 0x80, 0x02, 0x01, 0x01],
            &[0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x02, 0x00, 0x01],
            &[0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01, 0x00],
            &[0x30, 0x08, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01, 0x00],
            &[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01],
            &[0x30, 0x05, 0x02, 0x00, 0x02, 0x01, 0x01],
            &[0x30, 0x81, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01],
        ] {
            assert_eq!(der::decode(bad), None, "{bad:02x?}");
        }
    }
}
