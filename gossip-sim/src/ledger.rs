//! The simulated ledger: blocks in memory and the hash of their chain.

use std::collections::BTreeMap;

use bytes::Bytes;
use gossip_core::{ChannelId, LedgerError};

/// The hash of a chain up to a block.
pub type ChainHash = [u8; 32];

/// One node's ledger. It shares the blocks' bytes with all other nodes.
#[derive(Clone, Debug, Default)]
pub struct SimLedger {
    chains: BTreeMap<ChannelId, Chain>,
}

#[derive(Clone, Debug, Default)]
struct Chain {
    blocks: Vec<Bytes>,
    hash: ChainHash,
}

impl SimLedger {
    /// The number of blocks of `channel`.
    #[must_use]
    pub fn height(&self, channel: &ChannelId) -> u64 {
        self.chains
            .get(channel)
            .map_or(0, |chain| chain.blocks.len() as u64)
    }

    /// The hash of the whole chain of `channel`; zeros if it is empty.
    #[must_use]
    pub fn chain_hash(&self, channel: &ChannelId) -> ChainHash {
        self.chains.get(channel).map_or([0; 32], |chain| chain.hash)
    }

    /// Block `number` of `channel`.
    #[must_use]
    pub fn block(&self, channel: &ChannelId, number: u64) -> Option<&Bytes> {
        self.chains
            .get(channel)?
            .blocks
            .get(usize::try_from(number).ok()?)
    }

    /// The channels that have blocks, in order.
    pub fn channels(&self) -> impl Iterator<Item = &ChannelId> {
        self.chains.keys()
    }

    pub(crate) fn commit(
        &mut self,
        channel: &ChannelId,
        seq: u64,
        block: Bytes,
    ) -> Result<ChainHash, LedgerError> {
        let chain = self.chains.entry(channel.clone()).or_default();
        let height = chain.blocks.len() as u64;
        if seq != height {
            return Err(LedgerError::NotNext(format!(
                "block {seq} offered at height {height}"
            )));
        }
        chain.hash = extend(chain.hash, &block);
        chain.blocks.push(block);
        Ok(chain.hash)
    }

    pub(crate) fn read(
        &self,
        channel: &ChannelId,
        (start, end): (u64, u64),
        max_bytes: u64,
    ) -> Vec<Bytes> {
        let Some(chain) = self.chains.get(channel) else {
            return Vec::new();
        };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let count = end.saturating_add(1).saturating_sub(start as u64);
        let mut total = 0;
        let fits = |block: &&Bytes| {
            total += block.len() as u64;
            total <= max_bytes || total == block.len() as u64
        };
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        chain
            .blocks
            .iter()
            .skip(start)
            .take(count)
            .take_while(fits)
            .cloned()
            .collect()
    }
}

/// Extends a chain's hash by the end of a block: the checksum there covers the whole block.
fn extend(previous: ChainHash, block: &Bytes) -> ChainHash {
    let mut text = [0; 80];
    text[..32].copy_from_slice(&previous);
    text[32..40].copy_from_slice(&(block.len() as u64).to_le_bytes());
    let tail = &block[block.len().saturating_sub(40)..];
    text[40..40 + tail.len()].copy_from_slice(tail);
    *blake3::hash(&text).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_stored_in_order_only_and_their_hashes_form_a_chain() {
        let (mut ledger, mut other) = (SimLedger::default(), SimLedger::default());
        let channel = ChannelId::new("c");
        assert!(ledger.commit(&channel, 0, Bytes::from_static(b"a")).is_ok());
        let refused = ledger.commit(&channel, 2, Bytes::from_static(b"c"));
        assert!(matches!(refused, Err(LedgerError::NotNext(_))));
        assert!(matches!(
            ledger.commit(&channel, 0, Bytes::from_static(b"a")),
            Err(LedgerError::NotNext(_))
        ));
        assert_eq!(ledger.height(&channel), 1);
        assert!(other.commit(&channel, 0, Bytes::from_static(b"b")).is_ok());
        assert_ne!(ledger.chain_hash(&channel), other.chain_hash(&channel));
    }

    #[test]
    fn reads_stop_at_the_budget_but_return_at_least_one_block() {
        let (mut ledger, channel) = (SimLedger::default(), ChannelId::new("c"));
        for seq in 0..5 {
            assert!(
                ledger
                    .commit(&channel, seq, Bytes::from(vec![0; 10]))
                    .is_ok()
            );
        }
        assert_eq!(ledger.read(&channel, (1, 3), 100).len(), 3);
        assert_eq!(ledger.read(&channel, (1, 3), 25).len(), 2);
        assert_eq!(ledger.read(&channel, (1, 3), 5).len(), 1);
        assert_eq!(ledger.read(&channel, (4, 9), 100).len(), 1);
        assert_eq!(ledger.read(&channel, (5, 9), 100).len(), 0);
        assert_eq!(ledger.read(&channel, (3, 1), 100).len(), 0);
    }
}
