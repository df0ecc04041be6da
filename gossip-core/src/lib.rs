//! Gossip for permissioned networks as a state machine: no async, no clock, no sockets, no threads.
//!
//! [`Node`] is a peer of a Hyperledger Fabric style network: it authenticates others by certificates of
//! their organisations, learns who is alive, joins channels, spreads blocks by push, commits them in
//! order, and fetches those that are missing. It speaks the wire protocol of a Fabric peer.
//!
//! Most applications want `gossip-driver`, which runs a node on tokio, smol or another runtime. Use
//! this crate directly to run it in a loop of your own, to simulate it, or to test what you build on
//! it; `examples/std_net` is a complete loop over blocking `std::net` sockets.
//!
//! # The contract
//!
//! - [`Node::handle`] takes one [`Event`]. It never fails and never panics, whatever it is fed.
//! - After it, drain [`Node::poll_command`] and carry the [`Command`]s out in order, then read
//!   [`Node::poll_timeout`] again and come back with [`Event::Tick`] at that time, or earlier. Draining
//!   late is slow, never wrong. Only a `Tick` fires timers: feed what has arrived first, so that a busy
//!   node does not hold peers dead whose heartbeats it already has.
//! - Each [`Command`] with a [`Ticket`] or [`RequestId`] is answered once: `Dial` by `LinkUp` or
//!   `DialFailed`, `Crypto` by `CryptoDone`, `Ledger` by `LedgerDone`; each [`Event::Request`] is
//!   answered by a [`Command::Reply`].
//! - Before a message of a link is fed, ask [`Node::admits`]; while it says no, leave the link unread.
//! - Frames handed over by [`Command::Send`] are paid back by [`Event::Flushed`] when the transport has
//!   sent them. The node never hands over more than the link's window.
//! - Time is an [`Instant`] of its own that starts at zero; it may stand still but not go back.
//!
//! # Determinism
//!
//! The same configuration, [`Start`] and events give the same commands, byte for byte, on every
//! platform. A list of `(Instant, Event)` is a complete recording of a run.
//!
//! # What it does not do
//!
//! It does not verify signatures, store blocks, connect sockets or read a clock: it asks for that. It
//! does not look into blocks: they are a number and bytes.
//!
//! # Example
//!
//! A node that is told to join a channel asks the ledger how many blocks it has:
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use gossip_core::proto::bytes::Bytes;
//! use gossip_core::{
//!     ChannelId, Command, Config, Endpoint, Event, Instant, JoinChannel, LedgerOp, LedgerOutcome,
//!     Node, OrgId, PeerId, Request, RequestId, Response, SelfIdentity, Start,
//! };
//!
//! # fn main() -> Result<(), gossip_core::ConfigError> {
//! let org = OrgId::new(b"org1");
//! let identity = SelfIdentity {
//!     peer: PeerId::new(b"the hash of my certificate"),
//!     org: org.clone(),
//!     bytes: Bytes::from_static(b"my certificate"),
//! };
//! let config = Config::new(identity, Endpoint::new("10.0.0.1:7051"));
//! let start = Start { now: Instant::START, seed: [7; 32], incarnation: 1 };
//! let mut node = Node::new(Arc::new(config), start)?;
//!
//! let members = BTreeMap::from([(org, Vec::new())]);
//! let request = Request::JoinChannel {
//!     channel: ChannelId::new("payments"),
//!     config: JoinChannel { sequence: 1, members },
//! };
//! node.handle(Instant::START, Event::Request { id: RequestId(1), request });
//!
//! let mut now = Instant::START;
//! let mut joined = None;
//! while joined.is_none() {
//!     match node.poll_command() {
//!         Some(Command::Ledger { ticket, op: LedgerOp::Height { .. } }) => {
//!             let outcome = LedgerOutcome::Height(Ok(42));
//!             node.handle(now, Event::LedgerDone { ticket, outcome });
//!         }
//!         Some(Command::Reply { result: Ok(Response::Joined { height }), .. }) => {
//!             joined = Some(height);
//!         }
//!         Some(_) => {}
//!         None => {
//!             now = node.poll_timeout().expect("a node always has a heartbeat ahead");
//!             node.handle(now, Event::Tick);
//!         }
//!     }
//! }
//! assert_eq!(joined, Some(42));
//! # Ok(())
//! # }
//! ```

mod channel;
mod command;
mod config;
mod cx;
mod event;
mod gate;
mod id;
mod identity;
mod link;
mod membership;
mod metrics;
mod node;
mod outbox;
mod push;
mod request;
mod rng;
mod rotation;
mod state_transfer;
mod time;
mod timer;
mod view;

pub use gossip_proto as proto;

pub use self::command::{Class, CloseReason, Command, CryptoJob, LedgerOp, Signed};
pub use self::config::{
    ChannelConfig, Config, ConfigError, GateConfig, IdentityConfig, LinkConfig, MembershipConfig,
    OutboxConfig, PushConfig, SelfIdentity, StateTransferConfig,
};
pub use self::event::{
    Binding, CryptoError, CryptoOutcome, DialError, Event, LedgerError, LedgerOutcome,
    LinkDownReason, Signatures, ValidIdentity,
};
pub use self::id::{ChannelId, Endpoint, LinkId, OrgId, PeerId, RequestId, Ticket};
pub use self::link::Refusal;
pub use self::metrics::Metrics;
pub use self::node::{Node, Start};
pub use self::request::{BlockOrigin, JoinChannel, Notification, Request, RequestError, Response};
pub use self::time::Instant;
pub use self::view::{ChannelInfo, ChannelPeer, Member};
