use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gossip_core::{Endpoint, PeerId};

use crate::{BookedPeer, MAX_BOOKED_PEERS, PeerBook, PeerBookError};

/// A peer book in memory for tests. Clones are handles of the same book, which persists over restarts of a node.
///
/// ```
/// use gossip_driver::{PeerBook as _, testing::MemPeerBook};
///
/// let book = MemPeerBook::new();
/// assert_eq!(book.begin(1_000)?, 1_000);
/// assert_eq!(book.begin(400)?, 1_001, "the clock was set back");
/// # Ok::<_, gossip_driver::PeerBookError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemPeerBook(Arc<Mutex<Page>>);

#[derive(Debug, Default)]
struct Page {
    incarnation: u64,
    peers: Vec<BookedPeer>,
}

impl MemPeerBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Page> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PeerBook for MemPeerBook {
    fn begin(&self, clock: u64) -> Result<u64, PeerBookError> {
        let mut page = self.lock();
        let next = page.incarnation.checked_add(1);
        page.incarnation = next.ok_or(PeerBookError::Exhausted)?.max(clock);
        Ok(page.incarnation)
    }

    fn remember(&self, peers: &[BookedPeer]) -> Result<(), PeerBookError> {
        let kept = peers.iter().take(MAX_BOOKED_PEERS);
        self.lock().peers = kept.cloned().collect();
        Ok(())
    }

    fn peers(&self) -> Result<Vec<BookedPeer>, PeerBookError> {
        Ok(self.lock().peers.clone())
    }
}

/// Checks an implementation of [`PeerBook`]. `open` is called several times: first for a new book, then for the
/// same book again.
///
/// # Panics
/// If a check fails; the message names it.
pub fn check_peer_book<B: PeerBook>(open: impl Fn() -> B) {
    let begin = |clock| open().begin(clock).expect("the book can be written");
    assert_eq!(begin(1_000), 1_000, "the first incarnation is the clock's");
    assert_eq!(
        begin(900),
        1_001,
        "it grows although the clock was set back"
    );
    assert_eq!(begin(1_001), 1_002, "and although the clock stands still");
    assert_eq!(begin(5_000), 5_000, "it follows a clock that is ahead");

    let peers = || open().peers().expect("the book can be read");
    assert_eq!(peers(), [], "a new book is empty");
    let booked = |count: usize| -> Vec<BookedPeer> {
        let one = |place: usize| BookedPeer {
            peer: PeerId::new(format!("peer {}", count - place).as_bytes()),
            endpoint: Endpoint::new(&format!("[::1]:{place}")),
        };
        (0..count).map(one).collect()
    };
    let remember = |peers: &[BookedPeer]| open().remember(peers).expect("it can be written");
    remember(&booked(3));
    assert_eq!(peers(), booked(3), "in the order given");
    remember(&booked(2));
    assert_eq!(peers(), booked(2), "the former ones are replaced");
    remember(&booked(MAX_BOOKED_PEERS + 9));
    assert_eq!(peers().len(), MAX_BOOKED_PEERS, "at most the bound");
    remember(&[]);
    assert_eq!(peers(), [], "an empty list is kept");
    assert_eq!(begin(1), 5_001, "the incarnation is kept too");

    assert_eq!(begin(u64::MAX), u64::MAX);
    assert_eq!(open().begin(7), Err(PeerBookError::Exhausted));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_in_memory_conforms() {
        let book = MemPeerBook::new();
        check_peer_book(|| book.clone());
    }
}
