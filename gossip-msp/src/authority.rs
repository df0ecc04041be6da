//! Certificate authorities, and the certificates that they issue.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, RevokedCertParams, SerialNumber,
};
use ring::rand::{SecureRandom, SystemRandom};
use time::OffsetDateTime;

use crate::{
    ConfigError, Credentials, KeyKind, MakeError, Organisation, Validity, files, pem_text,
};

/// An organisation's certificate authority, root or intermediate: issues and revokes certificates.
///
/// Meant for development networks, tests and organisations without an authority of their own; its
/// key is an ordinary PKCS#8 file.
#[derive(Debug)]
pub struct CertificateAuthority {
    msp_id: String,
    certificate: String,
    /// The certificates of its issuers, the root last; empty for a root.
    parents: Vec<String>,
    issuer: Issuer<'static, KeyPair>,
}

const CERTIFICATE_FILE: &str = "ca-cert.pem";
const KEY_FILE: &str = "ca-key.pem";
/// The `OU` that Fabric's NodeOUs use as the role.
const PEER: &str = "peer";
const ORDERER: &str = "orderer";

impl CertificateAuthority {
    /// A new root authority with an ECDSA P-256 key, the default of Fabric's tools.
    ///
    /// # Errors
    /// The operating system's randomness failed, or the validity cannot be expressed in X.509.
    pub fn new(msp_id: &str, validity: Validity) -> Result<Self, MakeError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let params = authority_params(msp_id, &format!("ca.{msp_id}"), validity)?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            msp_id: msp_id.into(),
            certificate: to_pem(&certificate),
            parents: Vec::new(),
            issuer: Issuer::new(params, key),
        })
    }

    /// An authority below this one that cannot issue further authorities.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub fn intermediate(&self, name: &str, validity: Validity) -> Result<Self, MakeError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = authority_params(&self.msp_id, name, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.signed_by(&key, &self.issuer)?;
        let parents = std::iter::once(&self.certificate)
            .chain(&self.parents)
            .cloned()
            .collect();
        Ok(Self {
            msp_id: self.msp_id.clone(),
            certificate: to_pem(&certificate),
            parents,
            issuer: Issuer::new(params, key),
        })
    }

    /// Issues a member's certificate with a new key.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub fn issue(
        &self,
        name: &str,
        key: KeyKind,
        validity: Validity,
    ) -> Result<Credentials, MakeError> {
        self.issue_as(PEER, name, key, validity)
    }

    /// Issues an orderer's certificate with a new key: its organisational unit is `orderer`.
    ///
    /// # Errors
    /// The same as [`new`](Self::new).
    pub fn issue_orderer(
        &self,
        name: &str,
        key: KeyKind,
        validity: Validity,
    ) -> Result<Credentials, MakeError> {
        self.issue_as(ORDERER, name, key, validity)
    }

    /// A revocation list of these certificates, in PEM. It replaces earlier lists: name every
    /// revoked certificate.
    ///
    /// # Errors
    /// A certificate cannot be read, or signing failed.
    pub fn revocation_list<'a>(
        &self,
        revoked: impl IntoIterator<Item = &'a Credentials>,
    ) -> Result<String, MakeError> {
        let now = OffsetDateTime::from(SystemTime::now());
        let revoked_certs = revoked
            .into_iter()
            .map(|credentials| RevokedCertParams {
                serial_number: SerialNumber::from_slice(credentials.serial()),
                revocation_time: now,
                reason_code: None,
                invalidity_date: None,
            })
            .collect();
        let number = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update: now + time::Duration::days(30),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer)?;
        Ok(pem_text::encode(pem_text::REVOCATION_LIST, list.der()))
    }

    /// An organisation that trusts this authority; for an intermediate one, through its root.
    ///
    /// # Errors
    /// The MSP-ID cannot be used.
    pub fn organisation(&self) -> Result<Organisation, ConfigError> {
        match self.parents.split_last() {
            None => Organisation::new(&self.msp_id, &self.certificate),
            Some((root, between)) => {
                let chain = std::iter::once(&self.certificate).chain(between);
                Organisation::new(&self.msp_id, root)?
                    .with_intermediates(&chain.cloned().collect::<String>())
            }
        }
    }

    /// The MSP-ID of the organisation that this authority belongs to.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Writes `ca-cert.pem` (its certificate, then those of its issuers) and `ca-key.pem` (readable
    /// by the owner only) into `directory`, which is created if necessary.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), ConfigError> {
        let chain = std::iter::once(&self.certificate).chain(&self.parents);
        files::write(
            &directory.join(CERTIFICATE_FILE),
            &chain.cloned().collect::<String>(),
        )?;
        files::write_secret(
            &directory.join(KEY_FILE),
            &self.issuer.key().serialize_pem(),
        )
    }

    /// Reads what [`save`](Self::save) has written.
    ///
    /// # Errors
    /// A file cannot be read, or certificate and key do not belong together.
    pub fn load(msp_id: &str, directory: &Path) -> Result<Self, ConfigError> {
        let chain = files::read(&directory.join(CERTIFICATE_FILE))?;
        let key = files::read(&directory.join(KEY_FILE))?;
        let mut chain = pem_text::decode_all(pem_text::CERTIFICATE, &chain)?
            .into_iter()
            .map(|der| pem_text::encode(pem_text::CERTIFICATE, &der));
        let certificate = chain
            .next()
            .ok_or_else(|| ConfigError::Certificate(format!("{CERTIFICATE_FILE} is empty")))?;
        let key = KeyPair::from_pem(&key).map_err(|error| ConfigError::Key(error.to_string()))?;
        if !files::certifies(&certificate, key.public_key_raw()) {
            return Err(ConfigError::KeyMismatch);
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, key)
            .map_err(|error| ConfigError::Certificate(error.to_string()))?;
        Ok(Self {
            msp_id: msp_id.into(),
            certificate,
            parents: chain.collect(),
            issuer,
        })
    }

    fn issue_as(
        &self,
        role: &str,
        name: &str,
        key: KeyKind,
        validity: Validity,
    ) -> Result<Credentials, MakeError> {
        let key = KeyPair::generate_for(match key {
            KeyKind::EcdsaP256 => &PKCS_ECDSA_P256_SHA256,
            KeyKind::Ed25519 => &PKCS_ED25519,
        })?;
        let mut params = base_params(&self.msp_id, name, validity)?;
        params
            .distinguished_name
            .push(DnType::OrganizationalUnitName, role);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Credentials::from_pem(
            &self.msp_id,
            &to_pem(&certificate),
            &key.serialize_pem(),
        )?)
    }
}

/// The time from 1970 to the end of the year 9999, the last that X.509 can express.
const YEAR_10000: Duration = Duration::from_secs(253_402_300_799);

fn authority_params(
    msp_id: &str,
    name: &str,
    validity: Validity,
) -> Result<CertificateParams, MakeError> {
    let mut params = base_params(msp_id, name, validity)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
    ];
    Ok(params)
}

fn base_params(
    msp_id: &str,
    name: &str,
    validity: Validity,
) -> Result<CertificateParams, MakeError> {
    let mut serial = [0; 16];
    SystemRandom::new()
        .fill(&mut serial)
        .map_err(|_| MakeError::Signing)?;
    // Positive, and without a leading zero byte.
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::OrganizationName, msp_id);
    subject.push(DnType::CommonName, name);
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.distinguished_name = subject;
    let end = validity.not_after.duration_since(SystemTime::UNIX_EPOCH);
    if end.is_ok_and(|end| end > YEAR_10000) {
        return Err(MakeError::Validity);
    }
    params.not_before = validity.not_before.into();
    params.not_after = validity.not_after.into();
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn to_pem(certificate: &Certificate) -> String {
    pem_text::encode(pem_text::CERTIFICATE, certificate.der())
}
