//! The block store.

use std::fmt;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gossip_driver::core::ChannelId;
use redb::{
    Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase, ReadableTable,
    ReadableTableMetadata, StorageError, TableDefinition, TableError, WriteTransaction,
};

use crate::blocks::{Key, Part, parts_of};
use crate::header::Links;
use crate::{
    Blocks, DEFAULT_CACHE_BYTES, LedgerError, LedgerPeerBook, MAX_BLOCK_BYTES, MAX_CHANNELS,
};

/// Channel name → (number of the channel, height, hash of the last header).
const CHANNELS: TableDefinition<'static, &str, (u32, u64, &[u8; 32])> =
    TableDefinition::new("channels");
/// (Number of the channel, block number, part) → (size of the block, that part of it).
const BLOCKS: TableDefinition<'static, Key, Part> = TableDefinition::new("blocks");
/// The format of the tables.
const FORMAT: TableDefinition<'static, &str, u64> = TableDefinition::new("format");
const FORMAT_KEY: &str = "gossip-ledger";
const FORMAT_VERSION: u64 = 1;

/// The chains of several channels in one database file.
///
/// Clones share the database. Readers run beside one writer and see the state at their start;
/// writers wait for each other. The methods here block; those of [`gossip_driver::Ledger`] do not.
#[derive(Clone)]
pub struct BlockLedger {
    database: Arc<Database>,
    path: Arc<Path>,
}

/// The end of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Number of blocks, which is the next block's number; at least 1.
    pub height: u64,
    /// Hash of the last block's header, which the next block must link to.
    pub header_hash: [u8; 32],
}

#[derive(Clone, Copy, Debug)]
struct ChannelRow {
    number: u32,
    tip: Tip,
}

impl BlockLedger {
    /// Opens the ledger in the file `path`, or creates it; its directory must exist. After a crash
    /// this reads the whole file to check it.
    ///
    /// # Errors
    /// The file is in use, is no ledger, or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LedgerError> {
        Self::open_with_cache(path, DEFAULT_CACHE_BYTES)
    }

    /// As [`open`](Self::open), with another cache size, in bytes.
    ///
    /// # Errors
    /// The same as [`open`](Self::open).
    pub fn open_with_cache(path: impl AsRef<Path>, bytes: usize) -> Result<Self, LedgerError> {
        let path = path.as_ref();
        let opened = Database::builder().set_cache_size(bytes).create(path);
        let database = opened.map_err(|error| cannot_open(path, error))?;
        let ledger = Self {
            database: Arc::new(database),
            path: path.into(),
        };
        ledger.check_format()?;
        Ok(ledger)
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The peer book in the same file.
    #[must_use]
    pub fn peer_book(&self) -> LedgerPeerBook {
        LedgerPeerBook::new(Arc::clone(&self.database))
    }

    /// Stores `block` as number `seq`. The block is on disk when this returns.
    ///
    /// Checks that the number is next, that the header has the same number, and that the header
    /// links to the last block's header (block 0 may link to anything). Transactions and signatures
    /// are not checked: they were verified before.
    ///
    /// # Errors
    /// The block does not follow the chain, or the database failed. Nothing was stored then.
    pub fn append(&self, channel: &ChannelId, seq: u64, block: &Bytes) -> Result<(), LedgerError> {
        if block.len() > MAX_BLOCK_BYTES {
            return Err(LedgerError::BlockTooLarge { size: block.len() });
        }
        let name = channel.as_str();
        let links = Links::read(block).map_err(|reason| LedgerError::Undecodable {
            channel: name.into(),
            number: seq,
            reason,
        })?;
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        insert(&write, name, seq, &links, block)?;
        write.commit()?;
        Ok(())
    }

    /// Number of stored blocks of `channel`, which is the next block's number.
    ///
    /// # Errors
    /// The database failed.
    pub fn height_of(&self, channel: &ChannelId) -> Result<u64, LedgerError> {
        Ok(self.tip(channel)?.map_or(0, |tip| tip.height))
    }

    /// The end of the channel's chain; `None` if it has no block.
    ///
    /// # Errors
    /// The database failed.
    pub fn tip(&self, channel: &ChannelId) -> Result<Option<Tip>, LedgerError> {
        let found = find(&self.database.begin_read()?, channel)?;
        Ok(found.map(|channel| channel.tip))
    }

    /// Consecutive blocks from the start of `range`: as many as exist and fit in `max_bytes`, at
    /// least one if it exists. Each block is copied once out of the database.
    ///
    /// # Errors
    /// The database failed, or a stored block is missing.
    pub fn blocks(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
        max_bytes: u64,
    ) -> Result<Vec<Bytes>, LedgerError> {
        let mut stored = self.stored(channel, range)?;
        let mut found = Vec::new();
        let mut left = max_bytes;
        while let Some(block) = stored.next_within(if found.is_empty() { u64::MAX } else { left }) {
            let (_, block) = block?;
            left = left.saturating_sub(block.len() as u64);
            found.push(block);
        }
        Ok(found)
    }

    /// An iterator over the blocks from number `from` on that are stored now, each with its number,
    /// without blocks that are appended later.
    ///
    /// # Errors
    /// The database failed.
    pub fn iter(&self, channel: &ChannelId, from: u64) -> Result<Blocks, LedgerError> {
        self.stored(channel, from..=u64::MAX)
    }

    /// Reads the whole chain and checks numbers and links between blocks.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] with the first block that is missing or does not fit.
    pub fn check_chain(&self, channel: &ChannelId) -> Result<Option<Tip>, LedgerError> {
        let mut last: Option<Tip> = None;
        for block in self.iter(channel, 0)? {
            let (number, block) = block?;
            let links = Links::read(&block).ok().filter(|links| {
                let linked = last.is_none_or(|last| *links.previous_hash == last.header_hash);
                links.number == number && linked
            });
            let links = links.ok_or_else(|| LedgerError::damaged(channel.as_str(), number))?;
            last = Some(Tip {
                height: number + 1,
                header_hash: links.header_hash,
            });
        }
        let tip = self.tip(channel)?;
        match (last, tip) {
            // The chain may have grown meanwhile.
            (Some(last), Some(tip)) if last.height == tip.height && last != tip => {
                Err(LedgerError::damaged(channel.as_str(), last.height - 1))
            }
            _ => Ok(last),
        }
    }

    fn stored(
        &self,
        channel: &ChannelId,
        range: RangeInclusive<u64>,
    ) -> Result<Blocks, LedgerError> {
        let read = self.database.begin_read()?;
        let Some(ChannelRow { number, tip }) = find(&read, channel)? else {
            return Ok(Blocks::none());
        };
        let (from, to) = (
            *range.start(),
            (*range.end()).min(tip.height.saturating_sub(1)),
        );
        if from > to {
            return Ok(Blocks::none());
        }
        let found = read
            .open_table(BLOCKS)?
            .range((number, from, 0)..=(number, to, u32::MAX))?;
        Ok(Blocks::new(found, channel.as_str(), (from, to)))
    }

    /// Initialises a new database; refuses a file of another format or another program.
    fn check_format(&self) -> Result<(), LedgerError> {
        let not_a_ledger = |reason: String| LedgerError::NotALedger {
            path: self.path.display().to_string(),
            reason,
        };
        let write = self.database.begin_write()?;
        let is_new =
            write.list_tables()?.next().is_none() && write.list_multimap_tables()?.next().is_none();
        {
            let mut format = write.open_table(FORMAT).map_err(|error| match error {
                TableError::Storage(error) => error.into(),
                other @ (TableError::TableTypeMismatch { .. }
                | TableError::TableIsMultimap(_)
                | TableError::TableIsNotMultimap(_)
                | TableError::TypeDefinitionChanged { .. }
                | TableError::TableDoesNotExist(_)
                | TableError::TableExists(_)
                | TableError::TableAlreadyOpen(..)
                | _) => not_a_ledger(other.to_string()),
            })?;
            let version = format.get(FORMAT_KEY)?.map(|version| version.value());
            match version {
                None if is_new => drop(format.insert(FORMAT_KEY, FORMAT_VERSION)?),
                None => return Err(not_a_ledger("a database with other tables".into())),
                Some(FORMAT_VERSION) => return Ok(()),
                Some(other) => return Err(not_a_ledger(format!("format {other}"))),
            }
            write.open_table(CHANNELS)?;
            write.open_table(BLOCKS)?;
        }
        Ok(write.commit()?)
    }
}

impl fmt::Debug for BlockLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockLedger")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn insert(
    write: &WriteTransaction,
    name: &str,
    seq: u64,
    links: &Links,
    block: &[u8],
) -> Result<(), LedgerError> {
    let mut channels = write.open_table(CHANNELS)?;
    let known = channels.get(name)?.map(|row| row_of(row.value()));
    let height = known.map_or(0, |channel| channel.tip.height);
    for found in [seq, links.number] {
        if found != height {
            let channel = name.into();
            return Err(LedgerError::WrongNumber {
                channel,
                expected: height,
                found,
            });
        }
    }
    if known.is_some_and(|channel| *links.previous_hash != channel.tip.header_hash) {
        return Err(LedgerError::WrongPreviousHash {
            channel: name.into(),
            number: seq,
        });
    }
    let number = match known {
        Some(channel) => channel.number,
        None => match u32::try_from(channels.len()?) {
            Ok(number) if number < MAX_CHANNELS => number,
            Ok(_) | Err(_) => return Err(LedgerError::TooManyChannels),
        },
    };
    let mut blocks = write.open_table(BLOCKS)?;
    for (part, bytes) in (0..).zip(parts_of(block)) {
        blocks.insert((number, seq, part), (block.len() as u64, bytes))?;
    }
    channels.insert(name, (number, seq + 1, &links.header_hash))?;
    Ok(())
}

fn find(read: &ReadTransaction, channel: &ChannelId) -> Result<Option<ChannelRow>, LedgerError> {
    let row = read.open_table(CHANNELS)?.get(channel.as_str())?;
    Ok(row.map(|row| row_of(row.value())))
}

fn row_of((number, height, header_hash): (u32, u64, &[u8; 32])) -> ChannelRow {
    ChannelRow {
        number,
        tip: Tip {
            height,
            header_hash: *header_hash,
        },
    }
}

fn cannot_open(path: &Path, error: DatabaseError) -> LedgerError {
    let path = path.display().to_string();
    match error {
        DatabaseError::DatabaseAlreadyOpen => LedgerError::InUse { path },
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            LedgerError::NotALedger {
                path,
                reason: error.to_string(),
            }
        }
        DatabaseError::Storage(StorageError::Io(ref io)) if io.kind() == ErrorKind::InvalidData => {
            LedgerError::NotALedger {
                path,
                reason: error.to_string(),
            }
        }
        other @ (DatabaseError::LockProtocolMismatch
        | DatabaseError::RepairAborted
        | DatabaseError::TransactionInProgress
        | DatabaseError::Storage(_)
        | _) => LedgerError::CannotOpen {
            path,
            source: Box::new(other.into()),
        },
    }
}
