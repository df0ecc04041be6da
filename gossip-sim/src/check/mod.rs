//! Checkers: what must hold whatever happens.

mod census;
mod checker;
mod violation;

pub(crate) use self::census::Census;
pub(crate) use self::checker::Checker;
pub use self::violation::{Breach, Violation};
