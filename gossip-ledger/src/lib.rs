//! gossip-ledger

mod blocks;
mod driver;
mod error;
mod header;
mod ledger;

pub use self::blocks::Blocks;
pub use self::error::LedgerError;
pub use self::ledger::{BlockLedger, DEFAULT_CACHE_BYTES, MAX_BLOCK_BYTES, MAX_CHANNELS, Tip};
