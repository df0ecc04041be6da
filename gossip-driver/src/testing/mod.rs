//! For tests (feature `testing`): conformance suites for implementations of [`Runtime`](crate::Runtime)
//! and [`Transport`](crate::transport::Transport), and fast fakes of a node's services.
//!
//! Each suite is a future that panics with the name of the first check that fails.

use std::time::Duration;

mod crypto;
mod ledger;
mod pair;
#[allow(
    clippy::expect_used,
    reason = "a check reports by panicking, as documented"
)]
mod peer_book;
#[allow(
    clippy::expect_used,
    reason = "a suite reports by panicking, as documented"
)]
pub mod runtime;
#[allow(
    clippy::expect_used,
    reason = "a suite reports by panicking, as documented"
)]
mod side;
#[allow(
    clippy::expect_used,
    reason = "a suite reports by panicking, as documented"
)]
pub mod transport;

pub use self::crypto::TestCrypto;
pub use self::ledger::MemLedger;
pub use self::peer_book::{MemPeerBook, check_peer_book};

/// The timeout of a check.
const TIMEOUT: Duration = Duration::from_secs(60);
