//! The fast path: decodes envelopes, and the most frequent messages (blocks, heartbeats, state
//! infos), in one pass.
//!
//! It accepts the common encoding only: each field at most once and in order, no unknown field, all
//! within the limits. For other bytes it returns `None`, and the general decoder handles them: it
//! merges repeated fields and names errors. For all bytes that the fast path accepts, both give the
//! same result.

mod envelope;
mod fields;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use self::envelope::envelope;
pub(crate) use self::message::message;
