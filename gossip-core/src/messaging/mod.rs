//! Messages of the application: sent to peers, acknowledged by them, and handed out as they come.
//!
//! Answers to `SendWithAck`, `Accept` and the acknowledgements of Fabric's `comm/comm_impl.go` and
//! `comm/ack.go`, and to `SendByCriteria` of `gossip/gossip_impl.go`.
//!
//! # Deviations
//! - One deadline per message, dials included, instead of one per peer from the end of its queue.
//! - The nonce is put into a copy; the application's message is not changed.
//! - With no acknowledgement asked for, a message is answered as soon as it is handed over.
//! - What a remote writes into its acknowledgement is cut to a few hundred bytes.
//! - A listener that is slow loses what comes, and is told how much; it holds up nobody else.

mod acks;
#[cfg(test)]
mod application_tests;
mod criteria;
mod delivery;

pub(crate) use self::acks::Acks;
pub use self::criteria::{AckFailure, SendCriteria, SendOutcome};
pub use self::delivery::{Delivery, Interest, Received};

#[cfg(test)]
mod tests;
