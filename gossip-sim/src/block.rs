//! Simulated blocks: number, channel, payload, and the orderer's checksum.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use gossip_core::{ChannelId, CryptoError};

use crate::rng::derive_seed;

const CHECKSUM: usize = 32;
const HEADER: usize = 8 + 2;
const REMEMBERED: usize = 64;

/// Makes the blocks of a world, and verifies them for its identity service.
///
/// The checksum is a hash under the orderer's key: a forged or altered block does not verify.
#[derive(Debug)]
pub struct Orderer {
    key: [u8; 32],
    /// Verified blocks. Nodes share their bytes, so all copies of a block need one hash.
    verified: VecDeque<Bytes>,
}

impl Orderer {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            key: derive_seed(seed, "orderer", 0),
            verified: VecDeque::new(),
        }
    }

    /// Block `number` of `channel`.
    #[must_use]
    pub fn block(&self, channel: &ChannelId, number: u64, payload: &[u8]) -> Bytes {
        let name = channel.as_str().as_bytes();
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let name = &name[..usize::from(length)];
        let mut block = BytesMut::with_capacity(HEADER + name.len() + payload.len() + CHECKSUM);
        block.put_u64(number);
        block.put_u16(length);
        block.put_slice(name);
        block.put_slice(payload);
        let checksum = blake3::keyed_hash(&self.key, &block);
        block.put_slice(checksum.as_bytes());
        block.freeze()
    }

    /// Verifies that `block` is block `seq` of `channel` and that this orderer made it.
    pub(crate) fn verify(
        &mut self,
        channel: &ChannelId,
        seq: u64,
        block: &Bytes,
    ) -> Result<(), CryptoError> {
        let bad = CryptoError::BadBlock;
        let body = block.len().checked_sub(CHECKSUM).ok_or(bad)?;
        let (text, checksum) = block.split_at(body);
        let (number, rest) = text.split_first_chunk::<8>().ok_or(bad)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(bad)?;
        let name = rest
            .get(..usize::from(u16::from_be_bytes(*length)))
            .ok_or(bad)?;
        if u64::from_be_bytes(*number) != seq || name != channel.as_str().as_bytes() {
            return Err(bad);
        }
        if self.verified.iter().any(|known| same_memory(known, block)) {
            return Ok(());
        }
        if blake3::keyed_hash(&self.key, text).as_bytes() != checksum {
            return Err(bad);
        }
        if self.verified.len() == REMEMBERED {
            self.verified.pop_front();
        }
        self.verified.push_back(block.clone());
        Ok(())
    }
}

/// The payload of a block, which is not verified; `None` if it is too short for a block.
#[must_use]
pub fn block_payload(block: &Bytes) -> Option<Bytes> {
    let length = block.get(8..HEADER)?;
    let name = usize::from(u16::from_be_bytes([length[0], length[1]]));
    let (start, end) = (HEADER + name, block.len().checked_sub(CHECKSUM)?);
    (start <= end).then(|| block.slice(start..end))
}

/// A stored block keeps its memory allocated, so equal addresses mean equal bytes.
fn same_memory(a: &Bytes, b: &Bytes) -> bool {
    a.as_ptr() == b.as_ptr() && a.len() == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_orderers_block_under_its_number_and_channel_verifies() {
        let (mut orderer, channel) = (Orderer::new(1), ChannelId::new("c"));
        let block = orderer.block(&channel, 3, b"payload");
        assert_eq!(orderer.verify(&channel, 3, &block), Ok(()));
        assert_eq!(orderer.verify(&channel, 3, &block), Ok(()));
        assert_eq!(block_payload(&block), Some(Bytes::from_static(b"payload")));

        let bad = Err(CryptoError::BadBlock);
        assert_eq!(orderer.verify(&channel, 4, &block), bad);
        assert_eq!(orderer.verify(&ChannelId::new("d"), 3, &block), bad);
        assert_eq!(Orderer::new(2).verify(&channel, 3, &block), bad);
        for at in 0..block.len() {
            let mut altered = block.to_vec();
            altered[at] ^= 1;
            assert_eq!(
                orderer.verify(&channel, 3, &altered.into()),
                bad,
                "byte {at}"
            );
        }
        for length in 0..block.len() {
            assert_eq!(orderer.verify(&channel, 3, &block.slice(..length)), bad);
        }
    }
}
