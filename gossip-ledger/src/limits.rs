/// Most channels in one ledger.
pub const MAX_CHANNELS: u32 = 65_536;

/// Largest block that is stored, in bytes.
pub const MAX_BLOCK_BYTES: usize = 256 * 1024 * 1024;

/// Size of the database's cache, in bytes, without
/// [`BlockLedger::open_with_cache`](crate::BlockLedger::open_with_cache).
pub const DEFAULT_CACHE_BYTES: usize = 16 * 1024 * 1024;
