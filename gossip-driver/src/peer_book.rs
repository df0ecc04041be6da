//! State that a peer keeps over a restart.

use std::fmt;

use gossip_core::{Endpoint, PeerId};
use thiserror::Error;

/// The most peers that a book stores.
pub const MAX_BOOKED_PEERS: usize = 64;

/// The state that one peer keeps over restarts: its incarnation, so that other peers do not discard its messages as
/// old after its clock was set back, and endpoints of other peers of its organisation, so that it finds them
/// without its bootstrap peers.
///
/// Methods may block. The driver calls [`begin`](Self::begin) and [`peers`](Self::peers) in
/// [`Builder::spawn`](crate::builder::Builder::spawn) on the caller's thread, and [`remember`](Self::remember) on a
/// thread of its own, one call at a time.
pub trait PeerBook: fmt::Debug + Send + Sync + 'static {
    /// The incarnation of a new start: the greater of `clock`, in nanoseconds since 1970, and the latest incarnation
    /// plus one. It is durable when it is returned, so no later call returns it again, even after a crash.
    ///
    /// # Errors
    /// The storage failed; the number may be used up or not.
    fn begin(&self, clock: u64) -> Result<u64, PeerBookError>;

    /// Replaces the stored peers atomically by these, at most [`MAX_BOOKED_PEERS`].
    ///
    /// # Errors
    /// The storage failed; the former peers are still stored.
    fn remember(&self, peers: &[BookedPeer]) -> Result<(), PeerBookError>;

    /// The stored peers, in the order in which they were given.
    ///
    /// # Errors
    /// The storage failed.
    fn peers(&self) -> Result<Vec<BookedPeer>, PeerBookError>;
}

/// A peer of our organisation, and its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedPeer {
    /// Its PKI-ID.
    pub peer: PeerId,
    /// Its endpoint within the organisation.
    pub endpoint: Endpoint,
}

/// Why a peer book failed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerBookError {
    /// The storage failed.
    #[error("the peer book's storage failed: {0}")]
    Storage(String),
    /// There is no greater incarnation: the clock was once far ahead.
    #[error(
        "the peer book holds the greatest incarnation possible: start with a new book and a new identity"
    )]
    Exhausted,
}
