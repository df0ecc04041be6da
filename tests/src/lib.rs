//! What the cross-crate tests in `tests/` share.

pub mod network;
pub mod scenario;
