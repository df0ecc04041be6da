//! For tests: conformance suites for implementations of the driver's traits, and fast fakes of the
//! services that a node needs (feature `testing`).

mod crypto;
mod ledger;

pub use self::crypto::TestCrypto;
pub use self::ledger::MemLedger;
