//! Errors of the ledger.

use gossip_driver::core;
use thiserror::Error;

/// Why a block could not be stored or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The database is in use by another process, or by another [`BlockLedger`](crate::BlockLedger).
    #[error("{path} is in use: close the other ledger, or give this one a file of its own")]
    InUse {
        /// The file.
        path: String,
    },
    /// The file is no ledger, or has a format that this version cannot read.
    #[error("{path} is not a block ledger that this version can read: {reason}")]
    NotALedger {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file cannot be opened or created.
    #[error("cannot open {path}: {source}")]
    CannotOpen {
        /// The file.
        path: String,
        /// The error of the database.
        source: Box<redb::Error>,
    },
    /// The bytes are no block. Nothing was stored.
    #[error("block {number} of channel {channel:?} cannot be decoded: {reason}")]
    Undecodable {
        /// The channel.
        channel: String,
        /// The number that the block should have.
        number: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The block's number is not the height, or its header has another number. Nothing was stored.
    #[error("block {found} does not come next in channel {channel:?}: expected {expected}")]
    WrongNumber {
        /// The channel.
        channel: String,
        /// The height.
        expected: u64,
        /// The number given, or the number in the header.
        found: u64,
    },
    /// The block links to another predecessor. Nothing was stored.
    #[error("block {number} of channel {channel:?} does not link to block {previous} stored here", previous = .number.saturating_sub(1))]
    WrongPreviousHash {
        /// The channel.
        channel: String,
        /// The block's number.
        number: u64,
    },
    /// More channels than [`MAX_CHANNELS`](crate::MAX_CHANNELS).
    #[error("no more than {max} channels fit into one ledger", max = crate::MAX_CHANNELS)]
    TooManyChannels,
    /// The block is larger than [`MAX_BLOCK_BYTES`](crate::MAX_BLOCK_BYTES). Nothing was stored.
    #[error("a block of {size} bytes is larger than {max}", max = crate::MAX_BLOCK_BYTES)]
    BlockTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// A stored block is missing or damaged.
    #[error("block {number} of channel {channel:?} is missing or damaged: restore the file")]
    Damaged {
        /// The channel.
        channel: String,
        /// The block's number.
        number: u64,
    },
    /// The database failed, for example because the disk is full. Earlier commits are safe.
    #[error("the database failed: {0}")]
    Database(#[from] Box<redb::Error>),
}

impl LedgerError {
    pub(crate) fn damaged(channel: &str, number: u64) -> Self {
        Self::Damaged {
            channel: channel.into(),
            number,
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {
        $(impl From<redb::$error> for LedgerError {
            fn from(error: redb::$error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })*
    };
}
from_redb!(
    CommitError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);

impl From<LedgerError> for core::LedgerError {
    fn from(error: LedgerError) -> Self {
        let reason = error.to_string();
        match error {
            LedgerError::WrongNumber { .. }
            | LedgerError::WrongPreviousHash { .. }
            | LedgerError::Undecodable { .. } => Self::NotNext(reason),
            LedgerError::InUse { .. }
            | LedgerError::NotALedger { .. }
            | LedgerError::CannotOpen { .. }
            | LedgerError::TooManyChannels
            | LedgerError::BlockTooLarge { .. }
            | LedgerError::Damaged { .. }
            | LedgerError::Database(_) => Self::Storage(reason),
        }
    }
}
