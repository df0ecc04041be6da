//! Checks of properties that must hold in every run.

mod checker;
mod fault_log;
mod violation;
mod visibility;

pub(crate) use self::checker::Checker;
pub(crate) use self::fault_log::FaultLog;
pub use self::violation::{Breach, Violation};
pub(crate) use self::visibility::VisibilityMatrix;
