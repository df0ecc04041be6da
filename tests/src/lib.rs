//! Shared code of the cross-crate tests in `tests/`.

pub mod network;
pub mod scenario;
