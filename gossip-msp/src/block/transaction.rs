//! Transactions around opaque bytes.

use bytes::Bytes;
use gossip_driver::core::ChannelId;
use ring::digest::{Context, SHA256};
use ring::rand::{SecureRandom, SystemRandom};

use crate::wire::{field_length, put_bytes, put_prefix};
use crate::{MakeError, SigningIdentity};

const NONCE_BYTES: usize = 24;
/// Space for the longest signature made here: two 33-byte integers in DER.
const SIGNATURE_BYTES: usize = 72;

/// A `SignatureHeader` with a fresh nonce, and the nonce.
pub(crate) fn signature_header(
    creator: &SigningIdentity,
) -> Result<(Vec<u8>, [u8; NONCE_BYTES]), MakeError> {
    let mut nonce = [0; NONCE_BYTES];
    SystemRandom::new()
        .fill(&mut nonce)
        .map_err(|_| MakeError::Signing)?;
    let mut header = Vec::with_capacity(creator.bytes().len() + NONCE_BYTES + 8);
    put_bytes(&mut header, 1, creator.bytes());
    put_bytes(&mut header, 2, &nonce);
    Ok((header, nonce))
}

/// Wraps `data` into a signed `Envelope` of type MESSAGE on `channel`: copies the data once, into a
/// buffer of the exact size.
pub(crate) fn envelope(
    creator: &SigningIdentity,
    channel: &ChannelId,
    data: &[u8],
) -> Result<Bytes, MakeError> {
    let (signature_header, nonce) = signature_header(creator)?;
    let mut channel_header = Vec::with_capacity(96 + channel.as_str().len());
    put_bytes(&mut channel_header, 4, channel.as_str().as_bytes());
    put_bytes(
        &mut channel_header,
        5,
        transaction_id(creator, &nonce).as_bytes(),
    );
    let header = field_length(channel_header.len()) + field_length(signature_header.len());
    let data_field = if data.is_empty() {
        0
    } else {
        field_length(data.len())
    };
    let payload = field_length(header) + data_field;

    let mut out = Vec::with_capacity(field_length(payload) + field_length(SIGNATURE_BYTES));
    put_prefix(&mut out, 1, payload);
    let start = out.len();
    put_prefix(&mut out, 1, header);
    put_bytes(&mut out, 1, &channel_header);
    put_bytes(&mut out, 2, &signature_header);
    put_bytes(&mut out, 2, data);
    let signature = creator.sign(out.get(start..).unwrap_or_default())?;
    put_bytes(&mut out, 2, &signature);
    Ok(out.into())
}

/// The transaction ID of Fabric: hexadecimal SHA-256 over nonce and creator.
fn transaction_id(creator: &SigningIdentity, nonce: &[u8]) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(nonce);
    hash.update(creator.bytes());
    hash.finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
