//! The simulated transport.

mod links;
mod pipe;

pub(crate) use self::links::{EndKey, EndState, Frame, Links};
pub(crate) use self::pipe::{Credit, Departure, Hold, Line};
