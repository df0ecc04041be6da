//! Blocks: built from pieces of the input, and read back.

use std::sync::Arc;

use bytes::Bytes;
use gossip::core::ChannelId;
use gossip::msp::{BlockContent, Orderer, SigningIdentity};

use crate::failure::Failure;

/// Makes a chain of blocks, signed by the ordering organisation.
#[derive(Debug)]
pub(crate) struct BlockMaker {
    orderer: Orderer,
}

impl BlockMaker {
    /// A maker whose first block is number 0.
    pub(crate) fn new(channel: ChannelId, orderer: SigningIdentity) -> Self {
        Self {
            orderer: Orderer::new(channel, Arc::new(orderer)),
        }
    }

    /// The next block, with one transaction per piece.
    pub(crate) fn make<'a>(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Bytes, Failure> {
        let transactions: Result<Vec<Bytes>, _> = pieces
            .map(|piece| self.orderer.transaction(piece))
            .collect();
        transactions
            .and_then(|transactions| self.orderer.cut(&transactions))
            .map(|block| block.bytes)
            .map_err(|error| Failure::step("make a block", error))
    }
}

/// A chain being read: each block must follow the previous one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    height: u64,
    hash: Option<[u8; 32]>,
}

impl Chain {
    /// The number of blocks read.
    pub(crate) fn height(&self) -> u64 {
        self.height
    }

    /// The hash of the last block's header in hexadecimal, empty before the first block.
    pub(crate) fn hash(&self) -> String {
        self.hash.map(hex::encode).unwrap_or_default()
    }

    /// Reads the next block; returns the payloads of its transactions, or the reason for which it is invalid.
    pub(crate) fn append(&mut self, block: Bytes) -> Result<Vec<Bytes>, String> {
        let number = self.height;
        let wrong = |error| format!("holds a block {number} that cannot be read: {error}");
        let block = BlockContent::read(block).map_err(wrong)?;
        let previous: &[u8] = self.hash.as_ref().map_or(&[], |hash| hash);
        if block.number() != number || *block.previous_hash() != previous {
            return Err(format!(
                "holds a block {number} that does not follow the previous one"
            ));
        }
        let payloads = block.payloads().collect::<Result<_, _>>().map_err(wrong)?;
        self.height += 1;
        self.hash = Some(block.header_hash());
        Ok(payloads)
    }
}

#[cfg(test)]
mod tests {
    use gossip::msp::{CertificateAuthority, KeyKind, Validity};

    use super::*;

    fn maker() -> BlockMaker {
        let authority = CertificateAuthority::new("OrdererMSP", Validity::days(1)).unwrap();
        let orderer = authority.issue_orderer("orderer0", KeyKind::EcdsaP256, Validity::days(1));
        BlockMaker::new(
            ChannelId::new("demo"),
            orderer.unwrap().signing_identity().unwrap(),
        )
    }

    #[test]
    fn a_chain_returns_the_pieces_it_was_built_from() {
        let mut maker = maker();
        let mut chain = Chain::default();
        for pieces in [vec!["one", "two"], vec!["three"]] {
            let block = maker
                .make(pieces.iter().map(|piece| piece.as_bytes()))
                .unwrap();
            assert_eq!(chain.append(block).unwrap(), pieces);
        }
        assert_eq!(chain.height(), 2);
        assert_eq!(chain.hash().len(), 64);
    }

    #[test]
    fn a_block_that_does_not_follow_is_refused() {
        let mut maker = maker();
        let first = maker.make([&b"one"[..]].into_iter()).unwrap();
        let second = maker.make([&b"two"[..]].into_iter()).unwrap();
        let mut chain = Chain::default();
        assert!(chain.append(second).is_err());
        assert!(chain.append(first.clone()).is_ok());
        assert!(chain.append(first).is_err());
        assert!(chain.append(Bytes::from_static(b"no block")).is_err());
    }
}
