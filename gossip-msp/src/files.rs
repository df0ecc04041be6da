//! Reads and writes PEM files.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tracing::debug;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{ConfigError, pem_text};

pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| failed(path, source))
}

/// The PEM files in `directory`, concatenated in the order of their names.
pub(crate) fn read_all(directory: &Path) -> Result<String, ConfigError> {
    let mut all = String::new();
    for text in pem_files(directory)? {
        all.push_str(&text);
        all.push('\n');
    }
    Ok(all)
}

pub(crate) fn read_all_if_any(directory: &Path) -> Result<String, ConfigError> {
    if directory.is_dir() {
        read_all(directory)
    } else {
        Ok(String::new())
    }
}

pub(crate) fn read_only_one(directory: &Path) -> Result<String, ConfigError> {
    let mut found = pem_files(directory)?;
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        last => {
            let found = found.len() + usize::from(last.is_some());
            let reason = format!("expected one PEM file, found {found}");
            Err(unusable(directory, reason))
        }
    }
}

/// The texts of the PEM files in `directory`, in the order of their names. Other files are left out, for example those
/// that operating systems and version control leave in folders.
pub(crate) fn pem_files(directory: &Path) -> Result<Vec<String>, ConfigError> {
    let mut texts = Vec::new();
    for path in list(directory)? {
        let bytes = fs::read(&path).map_err(|source| failed(&path, source))?;
        if let Ok(text) = String::from_utf8(bytes)
            && text.contains("-----BEGIN ")
        {
            texts.push(text);
        } else {
            debug!(path = %path.display(), "not a PEM file: left out");
        }
    }
    Ok(texts)
}

/// The error for a folder or file whose content cannot be used.
pub(crate) fn unusable(path: &Path, reason: String) -> ConfigError {
    failed(path, io::Error::other(reason))
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), ConfigError> {
    put(
        path,
        text,
        OpenOptions::new().write(true).create(true).truncate(true),
    )
}

/// Replaces the file by one that only its owner can read.
pub(crate) fn write_secret(path: &Path, text: &str) -> Result<(), ConfigError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(path, error)),
        Ok(()) | Err(_) => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    put(path, text, &options)
}

/// Whether the certificate, in PEM, contains this public key.
pub(crate) fn certifies(certificate: &str, public_key: &[u8]) -> bool {
    pem_text::decode_one(pem_text::CERTIFICATE, certificate.as_bytes()).is_some_and(|der| {
        X509Certificate::from_der(&der).is_ok_and(|(_, certificate)| {
            *certificate.public_key().subject_public_key.data == *public_key
        })
    })
}

fn put(path: &Path, text: &str, options: &OpenOptions) -> Result<(), ConfigError> {
    let all = || {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut file: File = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    all().map_err(|source| failed(path, source))
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let all = || {
        let mut paths = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_file() {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    };
    all().map_err(|source| failed(directory, source))
}

fn failed(path: &Path, source: io::Error) -> ConfigError {
    ConfigError::File {
        path: path.display().to_string(),
        source,
    }
}
