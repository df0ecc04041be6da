//! Reads envelopes, and the messages that flood a network, in one pass: blocks, heartbeats, state
//! infos.
//!
//! Only what a common encoder writes is taken: each field at most once and in order, no field of a
//! later version, everything within the limits. Anything else is `None` here and left to the general
//! way, which knows how fields merge and what to call an error. What is taken means the same there.

mod envelope;
mod fields;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use self::envelope::envelope;
pub(crate) use self::message::message;
