//! The runtime-agnostic loop around `gossip-core`, the traits an application implements, and the
//! handles it holds.

mod crypto;
mod frame_queue;
mod ledger;
mod runtime;
mod transport;

pub use gossip_core as core;

pub use self::crypto::{MessageCryptoService, SecurityAdvisor};
pub use self::frame_queue::{FrameQueue, FrameSender, Outgoing, frame_queue};
pub use self::ledger::Ledger;
pub use self::runtime::{Runtime, TcpRuntime};
pub use self::transport::{FrameReader, FrameWriter, Link, Transport, TransportError};
