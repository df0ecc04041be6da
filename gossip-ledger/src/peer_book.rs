//! The peer book in the ledger's file.

use std::fmt;
use std::sync::Arc;

use gossip_driver::core::{Endpoint, PeerId};
use gossip_driver::{BookedPeer, MAX_BOOKED_PEERS, PeerBook, PeerBookError};
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, TableDefinition, TableError,
};

use crate::LedgerError;

/// Always the same key → the last incarnation of the node.
const INCARNATIONS: TableDefinition<'static, u8, u64> = TableDefinition::new("incarnation");
const LAST: u8 = 0;
/// Index → (PKI-ID, endpoint).
const PEERS: TableDefinition<'static, u32, (&[u8], &str)> = TableDefinition::new("peers");

/// A [`PeerBook`] in the file of a [`BlockLedger`](crate::BlockLedger): see
/// [`BlockLedger::peer_book`](crate::BlockLedger::peer_book). Each write costs one `fsync`.
#[derive(Clone)]
pub struct LedgerPeerBook {
    database: Arc<Database>,
}

impl LedgerPeerBook {
    pub(crate) const fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn next(&self, clock: u64) -> Result<Option<u64>, LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        let next = {
            let mut incarnations = write.open_table(INCARNATIONS)?;
            let last = incarnations.get(LAST)?.map_or(0, |last| last.value());
            let Some(next) = last.checked_add(1) else {
                return Ok(None);
            };
            let next = next.max(clock);
            incarnations.insert(LAST, next)?;
            next
        };
        write.commit()?;
        Ok(Some(next))
    }

    fn replace(&self, peers: &[BookedPeer]) -> Result<(), LedgerError> {
        let mut write = self.database.begin_write()?;
        write.set_durability(Durability::Immediate)?;
        {
            let mut table = write.open_table(PEERS)?;
            table.retain(|_, _| false)?;
            for (place, booked) in (0..).zip(peers.iter().take(MAX_BOOKED_PEERS)) {
                let value = (booked.peer.as_bytes(), booked.endpoint.as_str());
                table.insert(place, value)?;
            }
        }
        write.commit()?;
        Ok(())
    }

    fn all(&self) -> Result<Vec<BookedPeer>, LedgerError> {
        let table = match self.database.begin_read()?.open_table(PEERS) {
            Ok(table) => table,
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut peers = Vec::new();
        for entry in table.iter()? {
            let (_, value) = entry?;
            let (peer, endpoint) = value.value();
            peers.push(BookedPeer {
                peer: PeerId::new(peer),
                endpoint: Endpoint::new(endpoint),
            });
        }
        Ok(peers)
    }
}

impl PeerBook for LedgerPeerBook {
    fn begin(&self, clock: u64) -> Result<u64, PeerBookError> {
        self.next(clock)
            .map_err(failed)?
            .ok_or(PeerBookError::Exhausted)
    }

    fn remember(&self, peers: &[BookedPeer]) -> Result<(), PeerBookError> {
        self.replace(peers).map_err(failed)
    }

    fn peers(&self) -> Result<Vec<BookedPeer>, PeerBookError> {
        self.all().map_err(failed)
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is called by `map_err`, which gives it away"
)]
fn failed(error: LedgerError) -> PeerBookError {
    PeerBookError::Storage(error.to_string())
}

impl fmt::Debug for LedgerPeerBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerPeerBook").finish_non_exhaustive()
    }
}
