//! A parsed identity.

use gossip_driver::core::{OrgId, PeerId};
use ring::digest::{Context, SHA256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::signature::PublicKey;
use crate::wire::{self, NotProtobuf, StrictFields};
use crate::{IdentityError, certificate, pem_text};

/// Longest identity that is accepted, in bytes.
pub const MAX_IDENTITY_BYTES: usize = 64 * 1024;
pub(crate) const MAX_MSP_ID_BYTES: usize = 249;

/// RFC 5280's "no well-defined expiration": the last second of 9999.
const NEVER: i64 = 253_402_300_799;

/// An identity: Fabric's `msp.SerializedIdentity`, an organisation's MSP-ID and a certificate.
///
/// Reading an identity does not validate it: see [`X509Service`](crate::X509Service).
#[derive(Clone, Debug)]
pub struct Identity {
    msp_id: Box<str>,
    peer_id: PeerId,
    certificate: Box<[u8]>,
    issuer: Box<[u8]>,
    serial: Box<[u8]>,
    not_before: i64,
    not_after: i64,
    may_sign: bool,
    key: PublicKey,
}

impl Identity {
    /// Reads an identity.
    ///
    /// The encoding must be canonical, and the PEM text must consist of the certificate alone, in
    /// the form that Fabric's peers write: the PKI-ID is a hash of that text, so another spelling
    /// of the certificate would be another peer. For the same reason an authority's ECDSA signature
    /// must be DER with the lower S.
    ///
    /// # Errors
    /// [`IdentityError::Malformed`], also if the key is neither ECDSA P-256 nor Ed25519;
    /// [`IdentityError::MalleableCertificate`].
    pub fn read(bytes: &[u8]) -> Result<Self, IdentityError> {
        let (msp_id, text) = split(bytes)?;
        let certificate = pem_text::decode_canonical_certificate(text)
            .ok_or(IdentityError::Malformed("no certificate in canonical PEM"))?;
        Self::from_parts(msp_id, text, certificate)
    }

    fn from_parts(msp_id: &str, text: &[u8], der: Vec<u8>) -> Result<Self, IdentityError> {
        let (rest, certificate) = X509Certificate::from_der(&der)
            .map_err(|_| IdentityError::Malformed("no X.509 certificate"))?;
        if !rest.is_empty() {
            return Err(IdentityError::Malformed("bytes after the certificate"));
        }
        if !certificate::is_canonical(&certificate) {
            return Err(IdentityError::MalleableCertificate);
        }
        let usage = certificate
            .key_usage()
            .map_err(|_| IdentityError::Malformed("the key usage cannot be read"))?;
        let key = PublicKey::of_certificate(certificate.public_key()).ok_or(
            IdentityError::Malformed("the key is neither ECDSA P-256 nor Ed25519"),
        )?;
        Ok(Self {
            msp_id: msp_id.into(),
            peer_id: peer_id(msp_id, text),
            issuer: certificate.issuer().as_raw().into(),
            serial: certificate.raw_serial().into(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            may_sign: usage.is_none_or(|usage| usage.value.digital_signature()),
            key,
            certificate: der.into(),
        })
    }

    /// The MSP-ID of the organisation that the identity claims to belong to.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The organisation as an [`OrgId`].
    #[must_use]
    pub fn org_id(&self) -> OrgId {
        OrgId::new(self.msp_id.as_bytes())
    }

    /// The PKI-ID: SHA-256 over MSP-ID and PEM text.
    #[must_use]
    pub const fn peer_id(&self) -> &PeerId {
        &self.peer_id
    }

    /// The certificate's DER encoding.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    pub(crate) fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    pub(crate) fn serial(&self) -> &[u8] {
        &self.serial
    }

    pub(crate) const fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(crate) const fn not_before(&self) -> i64 {
        self.not_before
    }

    pub(crate) const fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Whether the certificate's key usage, if any, allows signatures.
    pub(crate) const fn may_sign(&self) -> bool {
        self.may_sign
    }
}

/// Whether a certificate with this end of validity never expires.
pub(crate) const fn never_expires(not_after: i64) -> bool {
    not_after >= NEVER
}

/// Encodes an identity: `text` is the certificate in canonical PEM.
pub(crate) fn encode(msp_id: &str, text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + msp_id.len() + 16);
    wire::put_bytes(&mut out, 1, msp_id.as_bytes());
    wire::put_bytes(&mut out, 2, text.as_bytes());
    out
}

/// The MSP-ID and the PEM text of an identity, not validated.
pub(crate) fn split(bytes: &[u8]) -> Result<(&str, &[u8]), IdentityError> {
    if bytes.len() > MAX_IDENTITY_BYTES {
        return Err(IdentityError::Malformed("longer than 64 KiB"));
    }
    let fields = |bytes| {
        let mut fields = StrictFields::new(bytes)?;
        let parts = (fields.non_empty(1)?, fields.non_empty(2)?);
        fields.end()?;
        Ok::<_, NotProtobuf>(parts)
    };
    let (msp_id, text) = fields(bytes)
        .map_err(|NotProtobuf| IdentityError::Malformed("no canonical SerializedIdentity"))?;
    let msp_id = std::str::from_utf8(msp_id)
        .map_err(|_| IdentityError::Malformed("the MSP-ID is not UTF-8"))?;
    if msp_id.is_empty() || msp_id.len() > MAX_MSP_ID_BYTES || text.is_empty() {
        return Err(IdentityError::Malformed(
            "MSP-ID or certificate missing or too long",
        ));
    }
    Ok((msp_id, text))
}

/// SHA-256(mspid ‖ id_bytes).
pub(crate) fn peer_id(msp_id: &str, text: &[u8]) -> PeerId {
    let mut hash = Context::new(&SHA256);
    hash.update(msp_id.as_bytes());
    hash.update(text);
    PeerId::new(hash.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pki_id_is_the_hash_of_msp_id_and_pem_text() {
        let text = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let identity = encode("Org1MSP", text);
        let (msp_id, id_bytes) = split(&identity).unwrap();
        // `sha256sum` over the MSP-ID and the text.
        let expected = "4352362bea39f470d223ca8168fc69a35e3e70221a0991948818b89d702ba132";
        assert_eq!(hex::encode(peer_id(msp_id, id_bytes).as_bytes()), expected);
    }

    #[test]
    fn other_encodings_of_an_identity_are_malformed() {
        let good = encode("Org1MSP", "text");
        assert!(split(&good).is_ok());
        let mut trailing = good.clone();
        trailing.extend([0x1a, 0x00]);
        let mut doubled = good.clone();
        doubled.extend(&good);
        let swapped = [&good[9..], &good[..9]].concat();
        let long_length = [&[0x0a, 0x87, 0x00], &good[2..]].concat();
        let huge = encode("Org1MSP", &"x".repeat(MAX_IDENTITY_BYTES));
        let long_name = encode(&"O".repeat(250), "text");
        let bad = [
            vec![],
            trailing,
            doubled,
            swapped,
            long_length,
            huge,
            long_name,
        ];
        for bytes in bad
            .into_iter()
            .chain([encode("", "text"), encode("Org1MSP", "")])
        {
            assert!(matches!(split(&bytes), Err(IdentityError::Malformed(_))));
        }
        assert!(matches!(
            Identity::read(&good),
            Err(IdentityError::Malformed(_))
        ));
    }
}
