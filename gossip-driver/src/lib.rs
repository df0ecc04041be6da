//! Runs gossip in an application: the loop around `gossip_core`'s [`Node`](core::Node) that works on
//! any async runtime, the traits an application implements, and the handles it holds.
//!
//! # Starting a node
//!
//! [`spawn`] takes a runtime, a configuration and three services. Ready-made ones exist for each
//! (`runtime-tokio`, `runtime-smol`; `transport-tcp`, `transport-mem`; `gossip-msp`;
//! `gossip-ledger`), and each can be replaced:
//!
//! | trait | what it does | called from |
//! | --- | --- | --- |
//! | [`Runtime`] | a clock, a timer, starting tasks | everywhere |
//! | [`Transport`](transport::Transport) | carries frames; encrypts, and binds to the connection | tasks of its own |
//! | [`MessageCryptoService`], [`SecurityAdvisor`] | identities, signatures, organisations | a pool of threads |
//! | [`Ledger`] | stores blocks in order | tasks of its own |
//!
//! What comes back is a [`Gossip`]: a handle that can be cloned, is not generic, and works from any
//! thread and under any executor. [`Gossip::join_channel`] yields a [`Channel`] to publish blocks
//! to.
//!
//! ```
//! use gossip_driver::core::{Config, JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use gossip_driver::{DriverConfig, Gossip, spawn};
//! use runtime_smol::SmolRuntime;
//! use transport_mem::MemNetwork;
//!
//! fn start(network: &MemNetwork, name: &str) -> Result<Gossip, Box<dyn std::error::Error>> {
//!     let runtime = SmolRuntime::global();
//!     let transport = network.endpoint(runtime.clone(), name)?;
//!     let crypto = TestCrypto::new("org1", name);
//!     let mut config = Config::new(crypto.identity(), name.into());
//!     config.bootstrap.push("alice".into());
//!     let settings = DriverConfig::default();
//!     Ok(spawn(runtime, config, settings, transport, crypto, MemLedger::new())?)
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
//! `MemNetwork`, [`testing::TestCrypto`](testing) and [`testing::MemLedger`](testing) make this the
//! pattern for an application's own tests (feature `testing`). `gossip-core`'s example `std_net` does
//! without this crate.
//!
//! # A transport of your own
//!
//! Two peers over a transport that passes frames through channels within the process. One over
//! sockets is the example `custom_transport`; [`testing::transport`](testing) checks either.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex};
//!
//! use async_channel::{Receiver, Sender, bounded};
//! use bytes::Bytes;
//! use gossip_driver::core::{Binding, Config, Endpoint, JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use gossip_driver::transport::{
//!     FrameQueue, FrameReader, FrameWriter, Link, Transport, TransportError,
//! };
//! use gossip_driver::{DriverConfig, Gossip, spawn};
//! use runtime_smol::SmolRuntime;
//!
//! /// Where the listeners are.
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
//!             // Over Noise this is the handshake's hash, so that nobody can relay it.
//!             let binding = Binding::symmetric(format!("{} to {to}", self.name).into());
//!             Pipe { remote: remote.clone(), binding, writer, reader }
//!         };
//!         let far = pipe(&self.name, theirs, out);
//!         there.send(far).await.map_err(|_| TransportError::Unreachable(to.clone()))?;
//!         Ok(pipe(to, ours, back))
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
//!             outgoing.flushed(); // the node may send more on this link
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn start(exchange: &Exchange, name: &str) -> Result<Gossip, Box<dyn std::error::Error>> {
//!     let crypto = TestCrypto::new("org1", name);
//!     let mut config = Config::new(crypto.identity(), name.into());
//!     config.bootstrap.push("alice".into());
//!     let (runtime, settings) = (SmolRuntime::global(), DriverConfig::default());
//!     let transport = Pipes::listen(exchange, name);
//!     Ok(spawn(runtime, config, settings, transport, crypto, MemLedger::new())?)
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
//! # What an application sees
//!
//! - **Requests** (joining, publishing, ...) are answered once; a caller that stops waiting takes
//!   nothing back. [`Channel::publish`] waits while there is no room, so a publisher that awaits
//!   each block never overruns the ledger; [`Channel::try_publish`] says `Busy` instead.
//! - **Snapshots** ([`Gossip::members`], [`Channel::info`], ...) are cheap and never wait. An
//!   answer or notification is told only after the snapshots show what it tells. `wait_members`,
//!   `wait_height` and `wait_peers` wait for a snapshot that satisfies.
//! - **Notifications** ([`Gossip::notifications`]) are lossy: a slow listener is told how many it
//!   missed, and nobody waits for it.
//! - **The end** comes with [`Gossip::shutdown`] or when the last handle is dropped. Links are
//!   flushed, tasks joined and threads ended within a deadline. After that, and also if the
//!   executor drops the node's task, every request says `Stopped`; none hangs.
//!
//! # The loop
//!
//! One task owns the core and only takes what others have queued for it; it waits for nobody.
//! Accepting, each dial, each half of each link and each use of the ledger are tasks of their own,
//! so a custom transport need not be safe against cancellation, and a slow remote or disk delays
//! nothing else. On each wake-up the loop takes completions, new connections, returned credit, some
//! requests, a batch of messages and at last a due tick, in this order and each up to a limit,
//! carries out what the core wants done after each, and yields to the executor.
//!
//! - **Incoming**: a link's task reads a frame, decodes it and queues it; the loop serves the links
//!   in turn and takes a message only if the core admits it. A link whose few places are taken is
//!   read no further, so the transport holds the remote back and nothing is dropped. A link that
//!   has not authenticated yet has one message, with a small limit, in the process.
//! - **Outgoing**: the core sends no more than a link's window, by class; the transport returns
//!   credit as it writes frames ([`Outgoing::flushed`](transport::Outgoing::flushed)), and none for what it could not write.
//! - **Checks**: a few threads make and check signatures. Our own and the proofs of links come before
//!   blocks and other messages, which keep a share.
//! - **The end**: links send what they hold and read, without use, until their remotes have ended or
//!   are quiet; then the transport is closed, and its place is free.
//! - **Failures of services**: a panic in an implementation of a trait fails that one check, dial,
//!   link or operation, and is counted.
//! - **Bounds**: every queue has one (see [`DriverConfig`] and [`core::Config`]), and what is shed
//!   is counted (see [`Gossip::metrics`]).
//!
//! Levels of traces: INFO start and stop, WARN failures worth waking someone for, DEBUG links,
//! dials and news, TRACE single messages; all in a span `gossip` that carries the peer's id.

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
mod gossip;
mod intake;
mod job_queue;
mod ledger;
mod ledger_ops;
mod links;
mod listeners;
mod mailbox;
mod messages;
mod notifications;
mod peer_book;
mod peer_book_writer;
mod peer_filter;
mod pool;
mod publication;
mod received;
mod requests;
mod runtime;
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
pub use self::notifications::{Notice, Notifications};
pub use self::peer_book::{BookedPeer, MAX_BOOKED_PEERS, PeerBook, PeerBookError};
pub use self::peer_filter::{PeerFilter, PeerSignature};
pub use self::publication::{Publication, Published};
pub use self::received::ReceivedMessage;
pub use self::runtime::{Runtime, TcpRuntime};
pub use self::start::{SpawnError, spawn};
pub use self::validator::{Candidate, Validator};
