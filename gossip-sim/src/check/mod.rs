//! Checkers: what must hold whatever happens.

mod census;
mod checker;
mod unrest;
mod violation;

pub(crate) use self::census::Census;
pub(crate) use self::checker::Checker;
pub(crate) use self::unrest::Unrest;
pub use self::violation::{Breach, Violation};
