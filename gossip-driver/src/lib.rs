//! The runtime-agnostic loop around `gossip-core`, the traits an application implements, and the
//! handles it holds.

mod channel;
mod clock;
mod config;
mod connect;
mod counters;
mod crypto;
mod crypto_jobs;
mod driver;
mod frame_queue;
mod handle;
mod intake;
mod ledger;
mod ledger_ops;
mod links;
mod mailbox;
mod notifications;
mod pool;
mod runtime;
mod spawn;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
mod transport;
mod views;

#[cfg(test)]
extern crate self as gossip_driver;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use gossip_core as core;

pub use self::channel::{Channel, Publication};
pub use self::config::DriverConfig;
pub use self::counters::{DriverMetrics, NodeMetrics};
pub use self::crypto::{MessageCryptoService, SecurityAdvisor};
pub use self::frame_queue::{FrameQueue, FrameSender, Outgoing, frame_queue};
pub use self::handle::Gossip;
pub use self::ledger::Ledger;
pub use self::notifications::{Notice, Notifications};
pub use self::runtime::{Runtime, TcpRuntime};
pub use self::spawn::{SpawnError, spawn};
pub use self::transport::{FrameReader, FrameWriter, Link, Transport, TransportError};
