//! The canonical form of an authority's signature on a certificate.
//!
//! A member's PKI-ID is a hash of the certificate and its signature, so another form of the
//! signature would be another PKI-ID.

use x509_parser::prelude::{FromDer, X509Certificate};

use crate::ecdsa;

/// The common prefix of all ECDSA signature algorithms.
const ECDSA_PREFIX: &str = "1.2.840.10045.4.";
/// Tag, length and number of unused bits of a signature shorter than 127 bytes.
const BIT_STRING_HEADER: usize = 3;

/// Whether the certificate's signature is in its canonical form, so that third parties cannot
/// derive another valid certificate from it.
///
/// Only ECDSA is malleable: an Ed25519 or RSA signature (PKCS #1) has one form that verifies.
pub(crate) fn is_canonical(certificate: &X509Certificate<'_>) -> bool {
    let signature = &certificate.signature_value.data;
    !is_ecdsa(certificate) || ecdsa::canonical(signature).is_some_and(|form| form == **signature)
}

/// The certificate with its ECDSA signature in canonical form; unchanged if it has another
/// signature.
pub(crate) fn normalise(der: Vec<u8>) -> Vec<u8> {
    let normalised = || {
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        if !is_ecdsa(&certificate) {
            return None;
        }
        let signature = &certificate.signature_value.data;
        replace_signature(&der, signature, &ecdsa::canonical(signature)?)
    };
    normalised().unwrap_or(der)
}

fn is_ecdsa(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = &certificate.signature_algorithm.algorithm;
    algorithm.to_id_string().starts_with(ECDSA_PREFIX)
}

/// Replaces the last part of `SEQUENCE { to be signed, algorithm, BIT STRING signature }` by `new`.
fn replace_signature(der: &[u8], signature: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    let length_bytes = match der.get(1)? {
        long @ 0x81..=0x84 => usize::from(long & 0x7f),
        _ => 0,
    };
    let kept = der.len().checked_sub(BIT_STRING_HEADER + signature.len())?;
    let signed = der.get(2 + length_bytes..kept)?;
    if der.get(kept..)? != [&bit_string_header(signature)?, signature].concat() {
        return None;
    }
    let content = [signed, &bit_string_header(new)?, new].concat();
    let mut out = vec![*der.first()?];
    put_length(&mut out, content.len());
    out.extend(content);
    Some(out)
}

fn bit_string_header(signature: &[u8]) -> Option<[u8; BIT_STRING_HEADER]> {
    let length = u8::try_from(signature.len() + 1).ok()?;
    (length < 0x80).then_some([0x03, length, 0x00])
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let digits = bytes.iter().skip_while(|&&byte| byte == 0);
    out.push(0x80 | digits.clone().count() as u8);
    out.extend(digits);
}

/// The certificate with the other valid form of its signature, which a third party can compute.
#[cfg(test)]
pub(crate) fn with_high_s(der: &[u8]) -> Vec<u8> {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let signature = &certificate.signature_value.data;
    replace_signature(der, signature, &ecdsa::with_high_s(signature)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        CertificateAuthority, Credentials, Identity, IdentityError, KeyKind, Validity, identity,
        pem_text,
    };

    #[test]
    fn the_other_form_of_a_certificate_is_no_second_identity() {
        let authority = CertificateAuthority::new("Org1MSP", Validity::days(2)).unwrap();
        for number in 0..16 {
            let member = authority
                .issue(&format!("{number}"), KeyKind::Ed25519, Validity::days(1))
                .unwrap();
            let signing = member.signing_identity().unwrap();
            let true_form = signing.identity().certificate();
            let other = pem_text::encode(pem_text::CERTIFICATE, &with_high_s(true_form));
            assert_eq!(
                Identity::read(&identity::encode("Org1MSP", &other)).unwrap_err(),
                IdentityError::MalleableCertificate
            );
            // An authority may have issued the certificate in that form.
            let again = Credentials::from_pem("Org1MSP", &other, member.key()).unwrap();
            assert_eq!(again.certificate(), member.certificate());
            assert_eq!(again.signing_identity().unwrap().bytes(), signing.bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_certificate_stay_unchanged() {
        for bytes in [&b""[..], b"garbage", &[0x30, 0x82], &[0x30, 0x03, 0x02]] {
            assert_eq!(normalise(bytes.to_vec()), bytes);
        }
    }

    #[test]
    fn lengths_are_written_as_short_as_possible() {
        for (length, expected) in [
            (0x7f, &[0x7f][..]),
            (0x80, &[0x81, 0x80]),
            (0x1234, &[0x82, 0x12, 0x34]),
        ] {
            let mut out = Vec::new();
            put_length(&mut out, length);
            assert_eq!(out, expected);
        }
    }
}
