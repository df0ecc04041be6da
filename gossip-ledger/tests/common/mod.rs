//! Chains of small blocks.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its part of it"
)]
#![allow(clippy::unwrap_used, reason = "only tests use it")]

use bytes::Bytes;
use gossip_driver::core::ChannelId;
use gossip_driver::core::proto::common::{Block, BlockData, BlockHeader};
use gossip_driver::core::proto::{block_data_hash, block_header_hash};
use gossip_ledger::{BlockLedger, Tip};
use prost::Message;

/// A serialized block that links to `previous`, and the hash of its header.
pub fn block(number: u64, previous: &[u8], data: &[u8]) -> (Bytes, [u8; 32]) {
    let data = BlockData {
        data: vec![Bytes::copy_from_slice(data)],
    };
    let header = BlockHeader {
        number,
        previous_hash: Bytes::copy_from_slice(previous),
        data_hash: Bytes::copy_from_slice(&block_data_hash(&data)),
    };
    let hash = block_header_hash(&header);
    let block = Block {
        header: Some(header),
        data: Some(data),
        metadata: None,
    };
    (block.encode_to_vec().into(), hash)
}

/// The block after `tip`; its data contains its number.
pub fn next_block(tip: Option<Tip>, size: usize) -> (Bytes, Tip) {
    let number = tip.map_or(0, |tip| tip.height);
    let previous = tip.map_or(vec![], |tip| tip.header_hash.to_vec());
    let mut data = number.to_be_bytes().to_vec();
    data.resize(size.max(8), number as u8);
    let (block, header_hash) = block(number, &previous, &data);
    (
        block,
        Tip {
            height: number + 1,
            header_hash,
        },
    )
}

/// Appends blocks of `size` bytes until the chain has `height`.
pub fn grow(ledger: &BlockLedger, channel: &ChannelId, height: u64, size: usize) -> Vec<Bytes> {
    let mut tip = ledger.tip(channel).unwrap();
    let mut blocks = Vec::new();
    while tip.map_or(0, |tip| tip.height) < height {
        let (block, next) = next_block(tip, size);
        ledger.append(channel, next.height - 1, &block).unwrap();
        tip = Some(next);
        blocks.push(block);
    }
    blocks
}
