/// How many channels fit into one ledger.
pub const MAX_CHANNELS: u32 = 65_536;

/// Largest block that is stored, in bytes.
pub const MAX_BLOCK_BYTES: usize = 256 * 1024 * 1024;

/// Memory that the database uses as a cache unless [`BlockLedger::open_with_cache`](crate::BlockLedger::open_with_cache) says otherwise,
/// in bytes.
pub const DEFAULT_CACHE_BYTES: usize = 16 * 1024 * 1024;
