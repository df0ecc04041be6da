use super::fields::{DEPTH, Fields, LENGTH_1, LENGTH_2, LENGTH_3};
use crate::Limits;

/// The parts of an envelope, as slices of its bytes.
#[derive(Default)]
pub(crate) struct EnvelopeParts<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// Payload and signature of the secret.
    pub(crate) secret: Option<(&'a [u8], &'a [u8])>,
}

/// Finds the parts of a `gossip.Envelope`.
pub(crate) fn envelope<'a>(bytes: &'a [u8], limits: &Limits) -> Option<EnvelopeParts<'a>> {
    if bytes.len() > limits.max_envelope || limits.max_depth < DEPTH {
        return None;
    }
    let mut parts = EnvelopeParts::default();
    let mut fields = Fields::new(bytes);
    while let Some(key) = fields.key()? {
        match key {
            LENGTH_1 => parts.payload = fields.bytes(limits.max_envelope)?,
            LENGTH_2 => parts.signature = fields.bytes(limits.max_signature)?,
            LENGTH_3 => parts.secret = Some(secret(fields.bytes(limits.max_envelope)?, limits)?),
            _ => return None,
        }
    }
    Some(parts)
}

fn secret<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(&'a [u8], &'a [u8])> {
    let (mut payload, mut signature) = (&[][..], &[][..]);
    let mut fields = Fields::new(bytes);
    while let Some(key) = fields.key()? {
        match key {
            LENGTH_1 => payload = fields.bytes(limits.max_metadata)?,
            LENGTH_2 => signature = fields.bytes(limits.max_signature)?,
            _ => return None,
        }
    }
    Some((payload, signature))
}
