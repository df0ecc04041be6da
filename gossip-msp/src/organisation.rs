//! An organisation's authorities, and the check of a certificate's chain.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, VerifiedPath};
use x509_parser::prelude::{CertificateRevocationList, FromDer, X509Certificate};

use crate::identity::MAX_MSP_ID_BYTES;
use crate::{ConfigError, Identity, IdentityError, pem_text};

/// An organisation: its MSP-ID, its root and intermediate authorities, and its revoked
/// certificates.
///
/// A chain consists of certificates configured here only, never of certificates that a peer sends.
#[derive(Clone, Debug)]
pub struct Organisation {
    msp_id: String,
    roots: Vec<Authority>,
    anchors: Vec<TrustAnchor<'static>>,
    intermediates: Vec<Authority>,
    chain: Vec<CertificateDer<'static>>,
    revoked: Revoked,
}

/// Issuer and serial number of each revoked certificate.
type Revoked = BTreeSet<(Box<[u8]>, Box<[u8]>)>;

/// The period in which a chain of authorities is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: i64,
    pub(crate) until: i64,
}

impl Window {
    const ALWAYS: Self = Self {
        from: i64::MIN,
        until: i64::MAX,
    };

    pub(crate) const fn contains(self, at: i64) -> bool {
        self.from <= at && at <= self.until
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }
}

impl Organisation {
    /// An organisation with the root certificates in the PEM text `roots`.
    ///
    /// # Errors
    /// The text cannot be read, contains no certificate, or a certificate that may not issue
    /// others.
    pub fn new(msp_id: &str, roots: &str) -> Result<Self, ConfigError> {
        if msp_id.is_empty() || msp_id.len() > MAX_MSP_ID_BYTES {
            return Err(ConfigError::BadMspId);
        }
        let roots = Authority::read_all(roots)?;
        if roots.is_empty() {
            return Err(ConfigError::NoRoot(msp_id.into()));
        }
        let anchors = roots
            .iter()
            .map(Authority::anchor)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            msp_id: msp_id.into(),
            roots,
            anchors,
            intermediates: Vec::new(),
            chain: Vec::new(),
            revoked: Revoked::new(),
        })
    }

    /// Adds the intermediate authorities in the PEM text `certificates`.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub fn with_intermediates(mut self, certificates: &str) -> Result<Self, ConfigError> {
        self.intermediates
            .extend(Authority::read_all(certificates)?);
        self.chain = self
            .intermediates
            .iter()
            .map(|issuer| issuer.der.clone())
            .collect();
        Ok(self)
    }

    /// Replaces all revocation lists by those in the PEM text `lists`; without a list, no
    /// certificate is revoked. A list stays in force after its `nextUpdate`: a late list must not
    /// readmit a revoked certificate.
    ///
    /// # Errors
    /// [`ConfigError::RevocationList`] if a list cannot be read or was not signed by an authority
    /// of this organisation.
    pub fn with_revocation_lists(mut self, lists: &str) -> Result<Self, ConfigError> {
        let found = pem_text::decode_all(pem_text::REVOCATION_LIST, lists)
            .map_err(|error| ConfigError::RevocationList(error.to_string()))?;
        if found.is_empty() && !lists.trim().is_empty() {
            return Err(ConfigError::RevocationList(
                "expected PEM blocks \"X509 CRL\"".into(),
            ));
        }
        self.revoked = Revoked::new();
        for der in found {
            self.revoke(&der)?;
        }
        Ok(self)
    }

    /// The MSP-ID.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The root certificates in PEM.
    #[must_use]
    pub fn root_certificates(&self) -> String {
        to_pem(&self.roots)
    }

    /// The intermediate certificates in PEM; empty if there are none.
    #[must_use]
    pub fn intermediate_certificates(&self) -> String {
        to_pem(&self.intermediates)
    }

    fn revoke(&mut self, der: &[u8]) -> Result<(), ConfigError> {
        let refused = |reason: &str| ConfigError::RevocationList(reason.into());
        let (rest, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| refused(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(refused("bytes after the list"));
        }
        let issuer = list.issuer().as_raw();
        let mut authorities = self.roots.iter().chain(&self.intermediates);
        if !authorities.any(|authority| authority.subject[..] == *issuer && authority.signed(&list))
        {
            return Err(refused("no authority of the organisation signed it"));
        }
        for revoked in list.iter_revoked_certificates() {
            self.revoked
                .insert((issuer.into(), revoked.raw_serial().into()));
        }
        Ok(())
    }

    /// Checks the chain of `identity` at the time `at`. The caller checks the identity's own
    /// validity period and MSP-ID. Returns the period in which the authorities of the chain are
    /// valid.
    pub(crate) fn check_chain(
        &self,
        identity: &Identity,
        at: i64,
    ) -> Result<Window, IdentityError> {
        let untrusted = |reason: String| IdentityError::Untrusted {
            organisation: self.msp_id.clone(),
            reason,
        };
        if !identity.may_sign() {
            return Err(untrusted("its key usage allows no signatures".into()));
        }
        let der = CertificateDer::from(identity.certificate());
        let certificate =
            EndEntityCert::try_from(&der).map_err(|error| untrusted(error.to_string()))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
        let window = Cell::new(None);
        let inspect = |path: &VerifiedPath<'_>| {
            window.set(Some(self.inspect(identity, path, at)?));
            Ok(())
        };
        certificate
            .verify_for_usage(
                webpki::ALL_VERIFICATION_ALGS,
                &self.anchors,
                &self.chain,
                time,
                AnyPurpose,
                None,
                Some(&inspect),
            )
            .map_err(|error| match refusal(&error) {
                Some(refusal) => refusal,
                None => untrusted(error.to_string()),
            })?;
        window
            .get()
            .ok_or_else(|| untrusted("no path was inspected".into()))
    }

    /// The checks that webpki leaves to its caller: revocation, and the limits of the root.
    fn inspect(
        &self,
        identity: &Identity,
        path: &VerifiedPath<'_>,
        at: i64,
    ) -> Result<Window, webpki::Error> {
        let mut below = Window::ALWAYS;
        let mut length = 0;
        let mut revoked = self.is_revoked(identity.issuer(), identity.serial());
        for link in path.intermediate_certificates() {
            let issuer = self
                .intermediates
                .iter()
                .find(|issuer| issuer.der == link.der())
                .ok_or(webpki::Error::UnknownIssuer)?;
            below = below.and(issuer.window);
            length += 1;
            revoked |= self.is_revoked(&issuer.issuer, &issuer.serial);
        }
        if revoked {
            return Err(webpki::Error::CertRevoked);
        }
        // A root that was renewed with the same key is listed twice with one anchor: the one that
        // is valid for longest counts.
        let mut best: Result<Window, _> = Err(webpki::Error::UnknownIssuer);
        for (root, anchor) in self.roots.iter().zip(&self.anchors) {
            if anchor != path.anchor() {
                continue;
            }
            best = match (best, root.chain_window(below, length, at)) {
                (Ok(window), Ok(other)) if other.until > window.until => Ok(other),
                (Ok(window), _) => Ok(window),
                (Err(_), other) => other,
            };
        }
        best
    }

    fn is_revoked(&self, issuer: &[u8], serial: &[u8]) -> bool {
        !self.revoked.is_empty() && self.revoked.contains(&(issuer.into(), serial.into()))
    }
}

/// The errors of webpki that have a variant of their own.
fn refusal(error: &webpki::Error) -> Option<IdentityError> {
    if matches!(error, webpki::Error::CertRevoked) {
        Some(IdentityError::Revoked)
    } else if matches!(error, webpki::Error::CertExpired { .. }) {
        Some(IdentityError::Expired)
    } else if matches!(error, webpki::Error::CertNotValidYet { .. }) {
        Some(IdentityError::NotYetValid)
    } else {
        None
    }
}

/// Accepts any extended key usage, or none: membership certificates are not made for TLS.
struct AnyPurpose;

impl ExtendedKeyUsageValidator for AnyPurpose {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Authority {
    der: CertificateDer<'static>,
    subject: Box<[u8]>,
    issuer: Box<[u8]>,
    serial: Box<[u8]>,
    window: Window,
    max_intermediates: Option<u32>,
    may_sign_lists: bool,
}

impl Authority {
    fn read_all(text: &str) -> Result<Vec<Self>, ConfigError> {
        let found = pem_text::decode_all(pem_text::CERTIFICATE, text)?;
        found.into_iter().map(Self::read).collect()
    }

    fn read(der: Vec<u8>) -> Result<Self, ConfigError> {
        let unreadable = |error: &dyn ToString| ConfigError::Certificate(error.to_string());
        let (_, certificate) =
            X509Certificate::from_der(&der).map_err(|error| unreadable(&error))?;
        let constraints = certificate
            .basic_constraints()
            .map_err(|error| unreadable(&error))?;
        let usage = certificate
            .key_usage()
            .map_err(|error| unreadable(&error))?;
        let issues = usage
            .as_ref()
            .is_none_or(|usage| usage.value.key_cert_sign());
        let Some(constraints) = constraints.filter(|found| found.value.ca && issues) else {
            return Err(ConfigError::NotAnAuthority(
                certificate.subject().to_string(),
            ));
        };
        Ok(Self {
            subject: certificate.subject().as_raw().into(),
            issuer: certificate.issuer().as_raw().into(),
            serial: certificate.raw_serial().into(),
            window: Window {
                from: certificate.validity().not_before.timestamp(),
                until: certificate.validity().not_after.timestamp(),
            },
            max_intermediates: constraints.value.path_len_constraint,
            may_sign_lists: usage.is_none_or(|usage| usage.value.crl_sign()),
            der: CertificateDer::from(der),
        })
    }

    fn anchor(&self) -> Result<TrustAnchor<'static>, ConfigError> {
        webpki::anchor_from_trusted_cert(&self.der)
            .map(|anchor| anchor.to_owned())
            .map_err(|error| ConfigError::Certificate(error.to_string()))
    }

    /// The period in which a chain below this root is valid, if it has `length` intermediate
    /// certificates that are valid in `below`.
    fn chain_window(&self, below: Window, length: u32, at: i64) -> Result<Window, webpki::Error> {
        if self.max_intermediates.is_some_and(|max| length > max) {
            return Err(webpki::Error::PathLenConstraintViolated);
        }
        let window = below.and(self.window);
        let unix = |at: i64| {
            UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)))
        };
        if at < window.from {
            let not_before = unix(window.from);
            return Err(webpki::Error::CertNotValidYet {
                time: unix(at),
                not_before,
            });
        }
        if at > window.until {
            let not_after = unix(window.until);
            return Err(webpki::Error::CertExpired {
                time: unix(at),
                not_after,
            });
        }
        Ok(window)
    }

    fn signed(&self, list: &CertificateRevocationList<'_>) -> bool {
        self.may_sign_lists
            && X509Certificate::from_der(&self.der)
                .is_ok_and(|(_, issuer)| list.verify_signature(issuer.public_key()).is_ok())
    }
}

fn to_pem(authorities: &[Authority]) -> String {
    let certificates = authorities.iter();
    certificates
        .map(|issuer| pem_text::encode(pem_text::CERTIFICATE, &issuer.der))
        .collect()
}
