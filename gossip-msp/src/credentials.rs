//! A certificate and its private key, as text and in files.

use std::fmt;
use std::path::Path;

use crate::{ConfigError, Organisation, SigningIdentity, files, pem_text};

/// A member's certificate and private key, in PEM.
///
/// On disk they have the layout of a Fabric MSP directory: `signcerts/cert.pem` and
/// `keystore/key.pem`; [`Organisation::load`] reads the other files of it.
#[derive(Clone)]
pub struct Credentials {
    msp_id: String,
    certificate: String,
    key: String,
    serial: Vec<u8>,
}

const CERTIFICATES: &str = "signcerts";
const KEYS: &str = "keystore";
const ROOTS: &str = "cacerts";
const INTERMEDIATES: &str = "intermediatecerts";
const REVOCATION_LISTS: &str = "crls";

impl Credentials {
    /// Reads a certificate and its private key (PKCS#8, not encrypted), both in PEM. The
    /// certificate is converted as [`SigningIdentity::from_pem`] describes.
    ///
    /// # Errors
    /// Either cannot be read, or the key is not that of the certificate.
    pub fn from_pem(msp_id: &str, certificate: &str, key: &str) -> Result<Self, ConfigError> {
        let signing = SigningIdentity::from_pem(msp_id, certificate, key)?;
        Ok(Self {
            msp_id: msp_id.into(),
            certificate: pem_text::encode(pem_text::CERTIFICATE, signing.identity().certificate()),
            key: key.into(),
            serial: signing.identity().serial().to_vec(),
        })
    }

    /// The MSP-ID.
    #[must_use]
    pub fn msp_id(&self) -> &str {
        &self.msp_id
    }

    /// The certificate in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key in PEM: a secret.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The identity that signs with this key.
    ///
    /// # Errors
    /// None is known: certificate and key were read before.
    pub fn signing_identity(&self) -> Result<SigningIdentity, ConfigError> {
        SigningIdentity::from_pem(&self.msp_id, &self.certificate, &self.key)
    }

    /// Writes them into the MSP directory `directory`, which is created if necessary. Only the
    /// owner can read the key file.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), ConfigError> {
        files::write(
            &directory.join(CERTIFICATES).join("cert.pem"),
            &self.certificate,
        )?;
        files::write_secret(&directory.join(KEYS).join("key.pem"), &self.key)
    }

    /// Reads the certificate and its key in the MSP directory `directory`. `keystore` may have further keys, as after a
    /// renewal: the one of the certificate is taken. Files that are not PEM are left out.
    ///
    /// # Errors
    /// A file cannot be read, there is no or more than one certificate, or no key is that of the certificate.
    pub fn load(msp_id: &str, directory: &Path) -> Result<Self, ConfigError> {
        let certificate = files::read_only_one(&directory.join(CERTIFICATES))?;
        let keystore = directory.join(KEYS);
        let keys = files::pem_files(&keystore)?;
        let mut refused = None;
        for key in &keys {
            match Self::from_pem(msp_id, &certificate, key) {
                Ok(credentials) => return Ok(credentials),
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if keys.len() == 1 => Err(error),
            _ => {
                let reason = format!(
                    "none of {} PEM files has the private key of the certificate (PKCS#8, ECDSA P-256 or Ed25519)",
                    keys.len()
                );
                Err(files::unusable(&keystore, reason))
            }
        }
    }

    pub(crate) fn serial(&self) -> &[u8] {
        &self.serial
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("msp_id", &self.msp_id)
            .finish_non_exhaustive()
    }
}

impl Organisation {
    /// Reads an organisation from an MSP directory: `cacerts` and, if they exist,
    /// `intermediatecerts` and `crls`.
    ///
    /// # Errors
    /// A file cannot be read or used.
    pub fn load(msp_id: &str, directory: &Path) -> Result<Self, ConfigError> {
        Self::new(msp_id, &files::read_all(&directory.join(ROOTS))?)?
            .with_intermediates(&files::read_all_if_any(&directory.join(INTERMEDIATES))?)?
            .with_revocation_lists(&files::read_all_if_any(&directory.join(REVOCATION_LISTS))?)
    }

    /// Writes the root and intermediate certificates into the MSP directory `directory`, which is
    /// created if necessary.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, directory: &Path) -> Result<(), ConfigError> {
        files::write(
            &directory.join(ROOTS).join("ca.pem"),
            &self.root_certificates(),
        )?;
        let intermediates = self.intermediate_certificates();
        if intermediates.is_empty() {
            return Ok(());
        }
        files::write(
            &directory.join(INTERMEDIATES).join("ca.pem"),
            &intermediates,
        )
    }
}
