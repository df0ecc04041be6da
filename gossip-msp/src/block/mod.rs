//! `common.Block`: reading in place, verification, and making.

mod content;
mod metadata;
mod orderer;
mod transaction;
mod verify;
mod view;

pub use self::content::BlockContent;
pub use self::orderer::{CutBlock, MAX_BLOCK_BYTES, Orderer};
pub(crate) use self::verify::{OrdererCheck, verify};
