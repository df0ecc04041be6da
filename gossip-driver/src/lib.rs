//! Runs a gossip node on any async runtime: the loop around `gossip_core`'s [`Node`](core::Node), the traits of a
//! node's services, and the handles of an application.
//!
//! Applications start at the crate `fabric-gossip`, which combines this one with runtimes, transports, identities and
//! ledgers. This page is for authors of a transport, a runtime, a ledger or an identity service.
//!
//! # A node
//!
//! [`Gossip::builder`] takes four services. Ready-made ones exist for each, and each can be replaced:
//!
//! | trait | task | called from | ready-made |
//! | --- | --- | --- | --- |
//! | [`Runtime`] | a clock, a timer, starting tasks | everywhere | `runtime-tokio`, `runtime-smol` |
//! | [`Transport`](transport::Transport) | carries frames, encrypts, binds to the connection | tasks of its own | `transport-tcp`, `transport-mem` |
//! | [`MessageCryptoService`], [`SecurityAdvisor`] | identities, signatures, organisations | a pool of threads | `gossip-msp` |
//! | [`Ledger`] | stores blocks in order | tasks of its own | `gossip-ledger` |
//!
//! The node is a [`Gossip`]: a handle that can be cloned, is not generic, and works from any thread and under any
//! executor. [`Gossip::join_channel`] yields a [`Channel`] to publish blocks to.
//!
//! ```
//! use gossip_driver::Gossip;
//! use gossip_driver::core::{JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use runtime_smol::SmolRuntime;
//! use transport_mem::MemNetwork;
//!
//! fn start(network: &MemNetwork, name: &str) -> Result<Gossip, Box<dyn std::error::Error>> {
//!     let runtime = SmolRuntime::global();
//!     let gossip = Gossip::builder()
//!         .runtime(runtime.clone())
//!         .identity(TestCrypto::new("org1", name))
//!         .transport(network.endpoint(runtime, name)?)
//!         .ledger(MemLedger::new())
//!         .bootstrap(["alice"])
//!         .spawn()?;
//!     Ok(gossip)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let network = MemNetwork::new(1);
//!     let (alice, bob) = (start(&network, "alice")?, start(&network, "bob")?);
//!
//!     let members = JoinChannel { sequence: 1, members: [(OrgId::new(b"org1"), vec![])].into() };
//!     let publisher = alice.join_channel("trade", members.clone()).await?;
//!     let receiver = bob.join_channel("trade", members).await?;
//!     publisher.wait_peers(1).await?;
//!
//!     publisher.publish(0, "the first block").await?;
//!     assert_eq!(receiver.wait_height(1).await?, 1);
//!
//!     alice.shutdown().await;
//!     bob.shutdown().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! `MemNetwork`, `testing::TestCrypto` and `testing::MemLedger` also serve an application's own
//! tests (feature `testing`). The example `std_net` of `gossip-core` runs a node without this crate.
//!
//! # A transport of your own
//!
//! Two peers over a transport that passes frames through channels within the process. A transport over sockets is
//! the example `custom_transport` of `fabric-gossip`; `testing::transport` checks either.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex};
//!
//! use async_channel::{Receiver, Sender, bounded};
//! use bytes::Bytes;
//! use gossip_driver::Gossip;
//! use gossip_driver::core::{Binding, Endpoint, JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use gossip_driver::transport::{
//!     FrameQueue, FrameReader, FrameWriter, Link, Transport, TransportError,
//! };
//! use runtime_smol::SmolRuntime;
//!
//! /// The listeners of the network, by name.
//! #[derive(Clone, Default)]
//! struct Exchange(Arc<Mutex<BTreeMap<Endpoint, Sender<Pipe>>>>);
//!
//! /// Listens under a name, and dials others.
//! struct Pipes {
//!     name: Endpoint,
//!     exchange: Exchange,
//!     dialled: Receiver<Pipe>,
//! }
//!
//! impl Pipes {
//!     fn listen(exchange: &Exchange, name: &str) -> Self {
//!         let (here, dialled) = bounded(16);
//!         let name = Endpoint::new(name);
//!         exchange.0.lock().unwrap().insert(name.clone(), here);
//!         Self { name, exchange: exchange.clone(), dialled }
//!     }
//! }
//!
//! impl Transport for Pipes {
//!     type Link = Pipe;
//!
//!     async fn accept(&self) -> Result<Pipe, TransportError> {
//!         self.dialled.recv().await.map_err(|_| TransportError::Closed)
//!     }
//!
//!     async fn dial(&self, to: &Endpoint) -> Result<Pipe, TransportError> {
//!         let there = self.exchange.0.lock().unwrap().get(to).cloned();
//!         let there = there.ok_or_else(|| TransportError::Unreachable(to.clone()))?;
//!         let ((ours, out), (theirs, back)) = (bounded(4), bounded(4));
//!         let pipe = |remote: &Endpoint, writer, reader| {
//!             // Over Noise this is the handshake's hash, which a relay cannot reproduce.
//!             let binding = Binding::symmetric(format!("{} to {to}", self.name).into());
//!             Pipe { remote: remote.clone(), binding, writer, reader }
//!         };
//!         let far = pipe(&self.name, theirs, out);
//!         there.send(far).await.map_err(|_| TransportError::Unreachable(to.clone()))?;
//!         Ok(pipe(to, ours, back))
//!     }
//!
//!     fn local_endpoint(&self) -> Option<Endpoint> {
//!         Some(self.name.clone())
//!     }
//! }
//!
//! /// A connection.
//! struct Pipe {
//!     remote: Endpoint,
//!     binding: Binding,
//!     writer: Sender<Bytes>,
//!     reader: Receiver<Bytes>,
//! }
//!
//! impl Link for Pipe {
//!     type Reader = Incoming;
//!     type Writer = Outgoing;
//!
//!     fn remote(&self) -> Endpoint {
//!         self.remote.clone()
//!     }
//!     fn binding(&self) -> Binding {
//!         self.binding.clone()
//!     }
//!     fn split(self) -> (Incoming, Outgoing) {
//!         (Incoming(self.reader), Outgoing(self.writer))
//!     }
//! }
//!
//! struct Incoming(Receiver<Bytes>);
//!
//! impl FrameReader for Incoming {
//!     async fn read(&mut self, limit: usize) -> Result<Option<Bytes>, TransportError> {
//!         match self.0.recv().await {
//!             Ok(frame) if frame.len() > limit => Err(TransportError::FrameTooLong { limit }),
//!             Ok(frame) => Ok(Some(frame)),
//!             Err(_) => Ok(None),
//!         }
//!     }
//! }
//!
//! struct Outgoing(Sender<Bytes>);
//!
//! impl FrameWriter for Outgoing {
//!     async fn run(self, mut queue: FrameQueue) -> Result<(), TransportError> {
//!         while let Some(outgoing) = queue.next().await {
//!             let sent = self.0.send(outgoing.frame().clone()).await;
//!             sent.map_err(|_| TransportError::Closed)?;
//!             outgoing.flushed(); // returns the frame's credit
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn start(exchange: &Exchange, name: &str) -> Result<Gossip, Box<dyn std::error::Error>> {
//!     let gossip = Gossip::builder()
//!         .runtime(SmolRuntime::global())
//!         .identity(TestCrypto::new("org1", name))
//!         .transport(Pipes::listen(exchange, name))
//!         .ledger(MemLedger::new())
//!         .bootstrap(["alice"])
//!         .spawn()?;
//!     Ok(gossip)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let exchange = Exchange::default();
//!     let (alice, bob) = (start(&exchange, "alice")?, start(&exchange, "bob")?);
//!     let members = JoinChannel { sequence: 1, members: [(OrgId::new(b"org1"), vec![])].into() };
//!     let publisher = alice.join_channel("trade", members.clone()).await?;
//!     let receiver = bob.join_channel("trade", members).await?;
//!     publisher.publish(0, "the first block").await?;
//!     assert_eq!(receiver.wait_height(1).await?, 1);
//!     alice.shutdown().await;
//!     bob.shutdown().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! # The application's interface
//!
//! - **Operations** (joining, publishing, ...) complete once, each with an [error type](error) of its own. Dropping the
//!   future of an operation that has begun does not cancel it. [`Channel::publish`] waits while there is no room, so a
//!   publisher that awaits each block never overruns the ledger; [`Channel::try_publish`] fails with `Busy` instead.
//! - **Snapshots** ([`Gossip::members`], [`Channel::info`], ...) are cheap and never wait. Answers and notifications
//!   are sent after the snapshots show their changes. `wait_members`, `wait_height` and `wait_peers` wait for a
//!   snapshot that satisfies a condition.
//! - **Notifications** ([`Gossip::notifications`]) are lossy: a slow listener reads how many it missed, and delays
//!   neither the node nor other listeners.
//! - **Messages** ([`Gossip::send_to`], [`Gossip::send_acknowledged`], [`Gossip::messages`]) carry bytes
//!   under a topic; see [`Message`]. [`Gossip::accepted`] and [`Gossip::incoming`] are views of the node's own
//!   protocols.
//! - **Shutdown** is [`Gossip::shutdown`], or dropping the last handle. Links are flushed, tasks joined and threads
//!   ended within a deadline. From then on, and also if the executor drops the node's task, every operation fails
//!   with `Stopped`; none hangs. The snapshots keep their last values.
//! - **Fabric's names** of all this are in the trait [`fabric::GossipService`].
//!
//! # The loop
//!
//! One task owns the core. It drains queues and never waits for another task. Accepting, each dial, each half of a
//! link and each operation of the ledger are tasks of their own, so a custom transport need not be safe against
//! cancellation, and a slow remote or disk delays no other work. On each wake-up the loop takes completions, new
//! connections, returned credit, some requests, a batch of messages and at last a due tick, in this order and each up
//! to a limit, executes the core's commands after each, and yields to the executor.
//!
//! - **Incoming**: a link's task reads a frame, decodes it and queues it; the loop serves the links in turn and takes
//!   a message only if the core admits it. A link whose queue is full is not read, so the transport applies
//!   back-pressure and no message is dropped. A link that has not authenticated has at most one message, with a small
//!   limit, in the process.
//! - **Outgoing**: the core sends no more than a link's window, by class; the transport returns credit as it writes
//!   frames ([`Outgoing::flushed`](transport::Outgoing::flushed)), and none for frames that it could not write.
//! - **Checks**: a few threads sign and verify. Our own signatures and the authentication of links precede blocks and
//!   other messages, which keep a share.
//! - **Shutdown**: links send their queued frames, and read and drop until their remotes have ended or are silent; then
//!   the transport is closed, and its address is free.
//! - **Failures of services**: a panic in an implementation of a trait fails one check, dial, link or operation, and
//!   is counted.
//! - **Bounds**: every queue is bounded (see [`DriverConfig`] and [`core::Config`]), and losses are counted (see
//!   [`Gossip::metrics`]).
//!
//! Trace levels: INFO for start and stop, WARN for failures that need an operator, DEBUG for links, dials and
//! notifications, TRACE for single messages; all in a span `gossip` with the peer's id.

pub mod builder;
mod channel;
mod clock;
mod config;
mod connect;
mod counter;
mod counters;
mod criteria;
mod crypto;
mod crypto_jobs;
mod deliveries;
mod driver;
mod endpoint;
pub mod error;
pub mod fabric;
mod gossip;
mod intake;
mod job_queue;
mod ledger;
mod ledger_ops;
mod ledger_stalls;
mod links;
mod listeners;
mod listening;
mod mailbox;
mod message;
mod notifications;
mod peer_book;
mod peer_book_writer;
mod pool;
mod publication;
mod received;
mod requests;
mod runtime;
mod sending;
mod shared;
mod start;
mod tasks;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod transport_counters;
mod validator;
mod validators;
mod views;

#[cfg(test)]
extern crate self as gossip_driver;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use gossip_core as core;

pub use self::channel::Channel;
pub use self::config::DriverConfig;
pub use self::counters::{DriverMetrics, NodeMetrics};
pub use self::criteria::Criteria;
pub use self::crypto::{MessageCryptoService, SecurityAdvisor};
pub use self::deliveries::{AcceptedMessage, Delivered, Deliveries};
pub use self::gossip::Gossip;
pub use self::ledger::Ledger;
pub use self::ledger_stalls::{LedgerOperation, LedgerStall};
pub use self::message::Message;
pub use self::notifications::{Notice, Notifications};
pub use self::peer_book::{BookedPeer, MAX_BOOKED_PEERS, PeerBook, PeerBookError};
pub use self::publication::{Publication, Published};
pub use self::received::ReceivedMessage;
pub use self::runtime::{Runtime, TcpRuntime};
pub use self::sending::Sent;
pub use self::validator::{Candidate, Validator};
