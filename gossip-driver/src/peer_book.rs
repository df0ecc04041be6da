//! What a peer must know again at its next start.

use std::fmt;

use gossip_core::{Endpoint, PeerId};
use thiserror::Error;

/// At most so many peers are remembered.
pub const MAX_BOOKED_PEERS: usize = 64;

/// What is kept over the restarts of one peer: the incarnation, so that a clock set back does not make others
/// hold its messages for old ones, and where others of its organisation were, so that it finds them
/// without its bootstrap peers.
///
/// Methods block; the driver calls [`begin`](Self::begin) and [`peers`](Self::peers) in
/// [`spawn`](crate::spawn) on the caller's thread, and [`remember`](Self::remember) on a thread of its own, one
/// call at a time.
pub trait PeerBook: fmt::Debug + Send + Sync + 'static {
    /// Begins a new life of the peer: returns the greater of `clock`, in nanoseconds since 1970, and the number
    /// after the one returned before. What it returns is durable by then, so that no later call returns it again,
    /// whatever happens to the process.
    ///
    /// # Errors
    /// The storage failed; the number may be used up or not.
    fn begin(&self, clock: u64) -> Result<u64, PeerBookError>;

    /// Keeps these peers, at most [`MAX_BOOKED_PEERS`] of them, in place of those kept before: all or nothing.
    ///
    /// # Errors
    /// The storage failed; those kept before are still kept.
    fn remember(&self, peers: &[BookedPeer]) -> Result<(), PeerBookError>;

    /// The peers kept, in the order in which they were given.
    ///
    /// # Errors
    /// The storage failed.
    fn peers(&self) -> Result<Vec<BookedPeer>, PeerBookError>;
}

/// A peer of our own organisation, and where it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedPeer {
    /// Who.
    pub peer: PeerId,
    /// Where.
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
        "the peer book holds the last incarnation that there is: start with a new one and a new identity"
    )]
    Exhausted,
}
