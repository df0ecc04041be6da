//! The ready-made ledger: chains of blocks in one crash-safe file.
//!
//! [`BlockLedger`] stores the blocks of any number of channels in an embedded database (redb) and
//! implements the driver's [`Ledger`](gossip_driver::Ledger). It runs under any executor: blocking
//! work runs on a thread pool of its own.
//!
//! # Guarantees
//! - **Order**: block *n* is stored only after block *n* - 1, and only if its header has the number
//!   *n* and its `previous_hash` is the hash of that block's header. Block 0 may link to anything.
//!   A refused block leaves no trace.
//! - **Durability**: when [`append`](BlockLedger::append) or `commit` returns, the block is on
//!   disk. A killed process or a power failure loses no block that was reported as committed, and
//!   never leaves a part of a block. After a crash, opening checks the whole file first.
//! - **Isolation**: readers see the chain as of their start and never wait for a writer.
//!
//! Transactions, data hash and signatures are not checked: blocks from gossip were verified before,
//! and a second check would cost the hash again.
//!
//! # Example
//! ```
//! use bytes::Bytes;
//! use gossip_driver::core::ChannelId;
//! use gossip_driver::core::proto::block_header_hash;
//! use gossip_driver::core::proto::common::{Block, BlockData, BlockHeader};
//! use gossip_ledger::BlockLedger;
//! use prost::Message;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! let ledger = BlockLedger::open(directory.path().join("ledger.redb"))?;
//! let channel = ChannelId::new("mychannel");
//!
//! let header = BlockHeader { number: 0, ..Default::default() };
//! let hash = block_header_hash(&header);
//! let data = BlockData { data: vec![Bytes::from_static(b"transaction")] };
//! let block = Block { header: Some(header), data: Some(data), metadata: None };
//! let block = Bytes::from(block.encode_to_vec());
//!
//! ledger.append(&channel, 0, &block)?;
//! assert!(ledger.append(&channel, 0, &block).is_err(), "it is there already");
//! assert_eq!(ledger.height_of(&channel)?, 1);
//! assert_eq!(ledger.tip(&channel)?.map(|tip| tip.header_hash), Some(hash));
//! // Up to ten blocks, but no more than one MiB of them (and at least one).
//! assert_eq!(ledger.blocks(&channel, 0..=9, 1 << 20)?, [block]);
//! # Ok(())
//! # }
//! ```
//!
//! # Bounds
//! [`MAX_CHANNELS`] channels, blocks up to [`MAX_BLOCK_BYTES`], a cache of [`DEFAULT_CACHE_BYTES`]
//! by default. A commit costs one `fsync`. The file grows in steps, to between 1.3 and 1.8 times
//! the size of its blocks (3 times for blocks below 8 KiB). Blocks are never deleted.

mod blocks;
mod driver;
mod error;
mod header;
mod ledger;
mod limits;
mod peer_book;

pub use self::blocks::Blocks;
pub use self::error::LedgerError;
pub use self::ledger::{BlockLedger, Tip};
pub use self::limits::{DEFAULT_CACHE_BYTES, MAX_BLOCK_BYTES, MAX_CHANNELS};
pub use self::peer_book::LedgerPeerBook;
