//! Gossip for permissioned networks as a state machine: no async, no clock, no sockets, no threads.
//!
//! [`Node`] is one peer of a Hyperledger Fabric style network. It authenticates other peers by certificates of their
//! organisations, tracks which members are alive, joins channels, disseminates blocks by push, commits them in order
//! and fetches missing ones. It speaks the wire protocol of a Fabric peer.
//!
//! Most applications use `gossip-driver`, which runs a node on tokio, smol or another runtime. Use this crate directly
//! in an event loop of your own, in a simulator or in tests. `examples/std_net` is a complete loop over blocking
//! `std::net` sockets; a short one is below.
//!
//! # The contract
//!
//! - [`Node::handle`] takes one [`Event`]. It never fails and never panics, whatever the event.
//! - After each call, drain [`Node::poll_command`] and execute the [`Command`]s in order. Then read
//!   [`Node::poll_timeout`] again and deliver [`Event::Tick`] at that time or earlier. Draining late costs time, not
//!   correctness. Only a `Tick` fires timers: deliver received messages first, so that a busy node does not declare
//!   peers dead whose heartbeats have arrived already.
//! - Each [`Command`] with a [`Ticket`] is answered once: `Dial` by `LinkUp` or `DialFailed`, `Crypto` by `CryptoDone`,
//!   `Ledger` by `LedgerDone`, `Validate` by `Validated`. Each [`Event::Request`] is answered by one [`Command::Reply`]
//!   with its [`RequestId`].
//! - Before delivering a message of a link, ask [`Node::admits`]; while it returns `false`, do not read from the link.
//! - When the transport has sent frames of [`Command::Send`], return their credit by [`Event::Flushed`]. The node never
//!   sends beyond the link's window ([`OutboxConfig`]).
//! - Time is an [`Instant`] that starts at zero. It may stand still but must not go back.
//!
//! # Determinism
//!
//! The same configuration, [`Start`] and events give the same commands, byte for byte, on every platform. A list of
//! `(Instant, Event)` is a complete recording of a run.
//!
//! # Out of scope
//!
//! The node does not verify signatures, store blocks, open sockets or read a clock: it emits commands for these. It
//! does not decode blocks: a block is a number and bytes.
//!
//! # Example
//!
//! A node that is asked to join a channel reads the ledger's height first:
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
//! let start = Start { now: Instant::START, seed: [7; 32], incarnation: 1, identity_expires_in: None };
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
//!
//! # A loop of your own
//!
//! Two nodes connected by one plain TCP connection, each in a blocking loop: deliver the next input or a tick, then
//! execute the commands. Their crypto service accepts everything, and an error ends the loop. `examples/std_net`
//! supports any number of links, asks [`Node::admits`] and survives the loss of its remotes.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{TcpListener, TcpStream};
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use std::sync::{Arc, mpsc};
//! use std::{thread, time::Duration};
//!
//! use gossip_core::proto::{Limits, SignedMessage, bytes::Bytes};
//! use gossip_core::{
//!     Binding, Command, Config, CryptoJob, CryptoOutcome, Endpoint, Event, Instant, LinkId, Node,
//!     OrgId, PeerId, SelfIdentity, Signatures, Start, Ticket, ValidIdentity,
//! };
//!
//! type Error = Box<dyn std::error::Error + Send + Sync>;
//! const LINK: LinkId = LinkId(0);
//!
//! /// Runs until both nodes have discovered each other, and returns the connection.
//! fn run(name: &str, listener: TcpListener, seed: Option<Endpoint>, met: &AtomicUsize)
//! -> Result<Option<TcpStream>, Error> {
//!     let identity = SelfIdentity {
//!         peer: PeerId::new(name.as_bytes()),
//!         org: OrgId::new(b"org1"),
//!         bytes: Bytes::copy_from_slice(name.as_bytes()),
//!     };
//!     let mut config = Config::new(identity, Endpoint::new(&listener.local_addr()?.to_string()));
//!     config.bootstrap.extend(seed.clone());
//!     let start = Start { now: Instant::START, seed: [7; 32], incarnation: 1, identity_expires_in: None };
//!     let mut node = Node::new(Arc::new(config), start)?;
//!
//!     let (events, inputs) = mpsc::sync_channel(16);
//!     let mut stream = None;
//!     if seed.is_none() {
//!         let (accepted, _) = listener.accept()?;
//!         events.send(link_up(&accepted, None)?)?;
//!         stream = Some(read_frames(accepted, events.clone())?);
//!     }
//!     let clock = std::time::Instant::now();
//!     let mut alone = true;
//!     while met.load(Ordering::SeqCst) < 2 {
//!         let now = Instant::START + clock.elapsed();
//!         let due = node.poll_timeout().map_or(Duration::MAX, |deadline| deadline.since(now));
//!         let event = inputs.recv_timeout(due.min(Duration::from_millis(20)));
//!         let now = Instant::START + clock.elapsed();
//!         node.handle(now, event.unwrap_or(Event::Tick));
//!         while let Some(command) = node.poll_command() {
//!             match command {
//!                 Command::Dial { ticket, endpoint } => {
//!                     let dialled = TcpStream::connect(endpoint.as_str())?;
//!                     node.handle(now, link_up(&dialled, Some(ticket))?);
//!                     stream = Some(read_frames(dialled, events.clone())?);
//!                 }
//!                 Command::Send { link, message, .. } => {
//!                     let stream = stream.as_mut().ok_or("no connection")?;
//!                     let frame = message.encoded();
//!                     stream.write_all(&u32::try_from(frame.len())?.to_be_bytes())?;
//!                     stream.write_all(frame)?;
//!                     let bytes = frame.len() as u64;
//!                     node.handle(now, Event::Flushed { link, frames: 1, bytes });
//!                 }
//!                 Command::Crypto { ticket, job } => {
//!                     node.handle(now, Event::CryptoDone { ticket, outcome: accept_all(job) });
//!                 }
//!                 Command::CloseLink { .. } => return Err("the connection was refused".into()),
//!                 _ => {} // this example has no channels, requests or listeners
//!             }
//!         }
//!         if alone && node.members().iter().any(|member| member.alive) {
//!             alone = false;
//!             met.fetch_add(1, Ordering::SeqCst);
//!         }
//!         assert!(clock.elapsed() < Duration::from_secs(60), "{name} has discovered no peer");
//!     }
//!     Ok(stream)
//! }
//!
//! /// Both sides know both addresses. An encrypted transport binds to its handshake instead.
//! fn link_up(stream: &TcpStream, dial: Option<Ticket>) -> Result<Event, Error> {
//!     let [local, remote] = [stream.local_addr()?, stream.peer_addr()?].map(|at| at.to_string());
//!     let binding = Binding { ours: local.into(), theirs: remote.clone().into() };
//!     Ok(Event::LinkUp { link: LINK, dial, remote: Endpoint::new(&remote), binding })
//! }
//!
//! /// Reads length-prefixed frames on a thread; returns the stream to write to.
//! fn read_frames(stream: TcpStream, events: mpsc::SyncSender<Event>) -> Result<TcpStream, Error> {
//!     let mut reader = stream.try_clone()?;
//!     thread::spawn(move || {
//!         let mut length = [0; 4];
//!         while reader.read_exact(&mut length).is_ok() {
//!             let mut frame = vec![0; u32::from_be_bytes(length).min(1 << 20) as usize];
//!             if reader.read_exact(&mut frame).is_err() {
//!                 break;
//!             }
//!             let event = match SignedMessage::decode(frame.into(), &Limits::default()) {
//!                 Ok(message) => Event::Received { link: LINK, message },
//!                 Err(error) => Event::Malformed { link: LINK, error },
//!             };
//!             if events.send(event).is_err() {
//!                 break;
//!             }
//!         }
//!     });
//!     Ok(stream)
//! }
//!
//! fn accept_all(job: CryptoJob) -> CryptoOutcome {
//!     match job {
//!         CryptoJob::Authenticate { identity, .. } | CryptoJob::Validate { identity, .. } => {
//!             CryptoOutcome::Authenticated(Ok(ValidIdentity {
//!                 peer: PeerId::new(&identity),
//!                 org: Some(OrgId::new(b"org1")),
//!                 expires_in: None,
//!             }))
//!         }
//!         CryptoJob::Verify { .. } | CryptoJob::VerifyBlock { .. } => CryptoOutcome::Verified(Ok(())),
//!         CryptoJob::Sign { secret, .. } => {
//!             let signature = Bytes::from_static(b"signature");
//!             let secret = secret.map(|_| signature.clone());
//!             CryptoOutcome::Signed(Ok(Signatures { payload: signature, secret }))
//!         }
//!     }
//! }
//!
//! fn main() -> Result<(), Error> {
//!     let [alice, bob] = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
//!     let seed = Endpoint::new(&alice.local_addr()?.to_string());
//!     let met = AtomicUsize::new(0);
//!     thread::scope(|scope| {
//!         let alice = scope.spawn(|| run("alice", alice, None, &met));
//!         let bob = run("bob", bob, Some(seed), &met);
//!         // Both connections stay open until both loops have ended.
//!         let (_alice, _bob) = (alice.join().expect("no panic")?, bob?);
//!         Ok(())
//!     })
//! }
//! ```

mod channel;
mod class;
mod command;
mod compose;
mod config;
mod crypto;
mod cx;
mod cyclic;
mod event;
mod gate;
mod have_set;
mod id;
mod messaging;
mod metrics;
mod msgstore;
mod node;
mod notification;
mod out;
mod peers;
mod pull;
mod push;
mod recent;
mod relay;
mod request;
mod request_error;
mod response;
mod rng;
mod signal;
mod snapshot;
mod start;
mod ticket;
mod time;
mod timer;
mod view;

pub use gossip_proto as proto;

pub use self::class::Class;
pub use self::command::{CloseReason, Command, CryptoJob, LedgerOp, Signed};
pub use self::config::{
    ChannelConfig, Config, ConfigError, GateConfig, IdentityConfig, LinkConfig, MembershipConfig,
    MessagingConfig, OutboxConfig, PullConfig, PushConfig, SelfIdentity, StateTransferConfig,
};
pub use self::event::{
    Binding, CryptoError, CryptoOutcome, DialError, Event, LedgerError, LedgerOutcome,
    LinkDownReason, Signatures, ValidIdentity, Verdict,
};
pub use self::id::{ChannelId, Endpoint, LinkId, OrgId, PeerId, RequestId, Ticket};

pub use self::messaging::{AckFailure, Delivery, Interest, Received, SendCriteria, SendOutcome};
pub use self::metrics::Metrics;
pub use self::node::Node;
pub use self::notification::{BlockOrigin, Notification, SeedFailure};
pub use self::peers::link::{DropReason, Refusal};
pub use self::push::PushOutcome;
pub use self::request::{Coverage, JoinChannel, Request};
pub use self::request_error::RequestError;
pub use self::response::Response;
pub use self::snapshot::{Snapshot, SnapshotChannel, SnapshotLink, SnapshotMember, Store};
pub use self::start::Start;
pub use self::time::Instant;
pub use self::view::{ChannelInfo, ChannelPeer, IdentityInfo, Member};
