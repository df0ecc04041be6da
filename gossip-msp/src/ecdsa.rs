//! ECDSA signatures in their canonical form: DER, with the lower of the two possible S.
//!
//! If `(r, s)` verifies, `(r, n - s)` does too. Only the lower S is accepted: otherwise a third
//! party could compute a second valid form of a signature and of every message that contains it.

/// The order of P-256's group.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of P-384's group.
const P384_ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];

/// The P-256 signature in DER as `r ‖ s`, if it is canonical.
pub(crate) fn decode(signature: &[u8]) -> Option<[u8; 64]> {
    let scalars = Scalars::<32>::decode(signature)?;
    if !scalars.is_low(&P256_ORDER) {
        return None;
    }
    let mut fixed = [0; 64];
    let (r, s) = fixed.split_at_mut(32);
    r.copy_from_slice(&scalars.r);
    s.copy_from_slice(&scalars.s);
    Some(fixed)
}

/// The canonical form of the P-256 signature `r ‖ s`.
pub(crate) fn encode(fixed: &[u8; 64]) -> Vec<u8> {
    let mut scalars = Scalars::<32>::default();
    let (r, s) = fixed.split_at(32);
    scalars.r.copy_from_slice(r);
    scalars.s.copy_from_slice(s);
    scalars.lower(&P256_ORDER).encode()
}

/// The canonical form of a DER signature by a key on P-256 or P-384; `None` if it is neither.
///
/// The size tells the curve: the case that both numbers of a P-384 signature fit into 32 bytes does
/// not occur in practice.
pub(crate) fn canonical(signature: &[u8]) -> Option<Vec<u8>> {
    if let Some(scalars) = Scalars::<32>::decode(signature) {
        return Some(scalars.lower(&P256_ORDER).encode());
    }
    let scalars = Scalars::<48>::decode(signature)?;
    Some(scalars.lower(&P384_ORDER).encode())
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Scalars<const N: usize> {
    r: [u8; N],
    s: [u8; N],
}

impl<const N: usize> Default for Scalars<N> {
    fn default() -> Self {
        Self {
            r: [0; N],
            s: [0; N],
        }
    }
}

impl<const N: usize> Scalars<N> {
    fn is_low(&self, order: &[u8; N]) -> bool {
        self.s <= self.negated(order).s
    }

    fn lower(self, order: &[u8; N]) -> Self {
        if self.is_low(order) {
            self
        } else {
            self.negated(order)
        }
    }

    /// Replaces `s` by `n - s`.
    fn negated(mut self, order: &[u8; N]) -> Self {
        let mut borrow = 0;
        for (s, &n) in self.s.iter_mut().zip(order).rev() {
            let (difference, under) = n.overflowing_sub(*s);
            let (difference, under_again) = difference.overflowing_sub(borrow);
            *s = difference;
            borrow = u8::from(under || under_again);
        }
        self
    }

    /// `SEQUENCE { INTEGER r, INTEGER s }` in DER.
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![SEQUENCE, 0];
        for integer in [&self.r, &self.s] {
            let zeros = integer
                .iter()
                .take(N - 1)
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

    fn decode(signature: &[u8]) -> Option<Self> {
        let [SEQUENCE, length, integers @ ..] = signature else {
            return None;
        };
        // A length below 128 takes one byte; no signature on these curves is longer.
        if usize::from(*length) != integers.len() || *length >= 0x80 {
            return None;
        }
        let mut scalars = Self::default();
        let rest = integer(integers, &mut scalars.r)?;
        integer(rest, &mut scalars.s)?.is_empty().then_some(scalars)
    }
}

/// Reads a positive integer into `out`, right-aligned; returns the rest of the input.
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

/// The other valid form of a canonical signature.
#[cfg(test)]
pub(crate) fn with_high_s(signature: &[u8]) -> Vec<u8> {
    if let Some(scalars) = Scalars::<32>::decode(signature) {
        return scalars.negated(&P256_ORDER).encode();
    }
    let scalars = Scalars::<48>::decode(signature).unwrap();
    scalars.negated(&P384_ORDER).encode()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1,
        ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
        EcdsaVerificationAlgorithm, KeyPair, UnparsedPublicKey,
    };

    use super::*;

    fn check_both_forms(
        signing: &'static EcdsaSigningAlgorithm,
        verifying: &'static EcdsaVerificationAlgorithm,
    ) {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(signing, document.as_ref(), &random).unwrap();
        let public = UnparsedPublicKey::new(verifying, key.public_key().as_ref());
        for round in 0..40_u8 {
            let made = key.sign(&random, &[round]).unwrap();
            let low = canonical(made.as_ref()).unwrap();
            let high = with_high_s(&low);
            assert_ne!(low, high);
            assert_eq!(canonical(&low).unwrap(), low);
            assert_eq!(canonical(&high).unwrap(), low);
            for form in [low, high] {
                public.verify(&[round], &form).unwrap();
            }
        }
    }

    #[test]
    fn both_forms_of_a_signature_verify_and_have_the_same_canonical_form() {
        check_both_forms(&ECDSA_P256_SHA256_ASN1_SIGNING, &ECDSA_P256_SHA256_ASN1);
        check_both_forms(&ECDSA_P384_SHA384_ASN1_SIGNING, &ECDSA_P384_SHA384_ASN1);
    }

    #[test]
    fn any_other_encoding_of_a_signature_is_refused() {
        let mut fixed = [0; 64];
        fixed[31] = 0x80;
        fixed[63] = 0x01;
        let good = [0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01];
        assert_eq!(encode(&fixed), good);
        assert_eq!(decode(&good), Some(fixed));
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
            assert_eq!(decode(bad), None, "{bad:02x?}");
            assert_eq!(canonical(bad), None, "{bad:02x?}");
        }
    }
}
