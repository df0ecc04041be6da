//! Messages of the application: acknowledgements, criteria for receivers, and what a listener gets. Sending and
//! delivering take the links: see `node/messages.rs`.
//!
//! Corresponds to `SendWithAck`, `Accept` and the acknowledgements of Fabric's `comm/comm_impl.go` and `comm/ack.go`,
//! and to `SendByCriteria` of `gossip/gossip_impl.go`.
//!
//! # Deviations
//! - One deadline per message, dials included, instead of one per peer from the end of its queue.
//! - The nonce is put into a copy; the application's message is not changed.
//! - If no acknowledgement is requested, a request is answered as soon as the message is handed over.
//! - The text that a remote puts into its acknowledgement is cut to a few hundred bytes.
//! - A slow listener loses messages, and reads how many. It does not delay other listeners.

mod acks;
#[cfg(test)]
mod application_tests;
mod criteria;
mod delivery;

pub(crate) use self::acks::{Acks, cut};
pub use self::criteria::{AckFailure, SendCriteria, SendOutcome};
pub use self::delivery::{Delivery, Interest, Received};

#[cfg(test)]
mod tests;
