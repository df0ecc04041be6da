//! The canonical PEM form of a certificate: 64 columns, line feeds, no text around it.

use pem::{EncodeConfig, LineEnding, Pem};

use crate::ConfigError;

pub(crate) const CERTIFICATE: &str = "CERTIFICATE";
pub(crate) const PRIVATE_KEY: &str = "PRIVATE KEY";
pub(crate) const REVOCATION_LIST: &str = "X509 CRL";

pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let config = EncodeConfig::new()
        .set_line_ending(LineEnding::LF)
        .set_line_wrap(64);
    pem::encode_config(&Pem::new(label, der), config)
}

/// The certificate in `text`, if it is in canonical form.
pub(crate) fn decode_canonical_certificate(text: &[u8]) -> Option<Vec<u8>> {
    let der = decode_one(CERTIFICATE, text)?;
    (encode(CERTIFICATE, &der).as_bytes() == text).then_some(der)
}

/// The only block in `text`, if it has this label.
pub(crate) fn decode_one(label: &str, text: &[u8]) -> Option<Vec<u8>> {
    let found = pem::parse_many(text).ok()?;
    let [only] = &found[..] else { return None };
    (only.tag() == label).then(|| only.contents().to_vec())
}

/// All blocks in `text` with this label, for example a bundle of certificates.
pub(crate) fn decode_all(label: &str, text: &str) -> Result<Vec<Vec<u8>>, ConfigError> {
    let found =
        pem::parse_many(text).map_err(|error| ConfigError::Certificate(error.to_string()))?;
    let blocks = found.into_iter().filter(|block| block.tag() == label);
    Ok(blocks.map(Pem::into_contents).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_canonical_form_is_accepted() {
        let der: Vec<u8> = (0..200).collect();
        let text = encode(CERTIFICATE, &der);
        assert_eq!(
            decode_canonical_certificate(text.as_bytes()),
            Some(der.clone())
        );
        for other in [
            text.replace('\n', "\r\n"),
            format!("\n{text}"),
            format!("{text}\n"),
            text.trim_end().to_owned(),
            format!("{text}{text}"),
            encode(PRIVATE_KEY, &der),
            "nonsense".to_owned(),
        ] {
            assert_eq!(
                decode_canonical_certificate(other.as_bytes()),
                None,
                "{other:?}"
            );
        }
    }
}
