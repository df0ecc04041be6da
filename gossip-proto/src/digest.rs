use sha2::{Digest, Sha256};

use crate::common::{BlockData, BlockHeader};

/// The MAC of a channel: proves knowledge of the channel's name without revealing it. SHA-256 of
/// the publisher's PKI-ID followed by the channel's name.
#[must_use]
pub fn channel_mac(pki_id: &[u8], channel: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(pki_id)
        .chain_update(channel)
        .finalize()
        .into()
}

/// The hash that the next block links to: SHA-256 of [`block_header_der`].
#[must_use]
pub fn block_header_hash(header: &BlockHeader) -> [u8; 32] {
    Sha256::digest(block_header_der(header)).into()
}

/// The header in the encoding that is hashed and signed: a DER sequence of the number, the previous
/// hash and the data hash.
#[must_use]
pub fn block_header_der(header: &BlockHeader) -> Vec<u8> {
    let mut body = Vec::new();
    put_der(&mut body, INTEGER, der_number(&header.number.to_be_bytes()));
    put_der(&mut body, OCTET_STRING, &header.previous_hash);
    put_der(&mut body, OCTET_STRING, &header.data_hash);
    let mut der = Vec::new();
    put_der(&mut der, SEQUENCE, &body);
    der
}

/// The hash that a header's `data_hash` must have: SHA-256 of the concatenated transactions. It
/// does not fix their boundaries, so a verifier must also check that each transaction is
/// well-formed.
#[must_use]
pub fn block_data_hash(data: &BlockData) -> [u8; 32] {
    let hash = data
        .data
        .iter()
        .fold(Sha256::new(), |hash, entry| hash.chain_update(entry));
    hash.finalize().into()
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// The shortest two's complement form: without leading zeros, except one where the first byte would
/// look negative.
fn der_number(number: &[u8; 8]) -> DerNumber {
    let mut padded = [0; 9];
    padded[1..].copy_from_slice(number);
    let zeros = padded.iter().take_while(|byte| **byte == 0).count();
    let first = match padded.get(zeros) {
        Some(byte) if *byte < 0x80 => zeros,
        _ => zeros - 1,
    };
    DerNumber { padded, first }
}

struct DerNumber {
    padded: [u8; 9],
    first: usize,
}

impl AsRef<[u8]> for DerNumber {
    fn as_ref(&self) -> &[u8] {
        &self.padded[self.first..]
    }
}

fn put_der(out: &mut Vec<u8>, tag: u8, content: impl AsRef<[u8]>) {
    let content = content.as_ref();
    out.push(tag);
    let length = content.len().to_be_bytes();
    if content.len() < 0x80 {
        out.push(length[length.len() - 1]);
    } else {
        let zeros = length.iter().take_while(|byte| **byte == 0).count();
        let digits = &length[zeros..];
        out.push(0x80 | digits.len().to_be_bytes()[size_of::<usize>() - 1]);
        out.extend_from_slice(digits);
    }
    out.extend_from_slice(content);
}
