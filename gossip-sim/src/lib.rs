//! A deterministic simulator: thousands of gossip nodes on one event heap.
//!
//! Use it to test an application without a network. A [`World`] runs
//! [`Node`](gossip_core::Node)s, the same state machines that the drivers run, and simulates their environment
//! in virtual time: transport, identity service, ledger and application.
//!
//! # Runs
//! One thread handles the entries of a heap in order of time, entries of equal time in
//! the order in which they were planned. A node acts only on an event delivered to it or on
//! its own deadline. Every random choice is drawn from [`WorldConfig::seed`], with one stream per
//! purpose. So the same configuration, calls and seed give the same run, in any process on any platform;
//! compare [`World::trace_hash`]. A [`Fingerprint`] also covers commands and counters, and does not
//! depend on names: record it to check that a change of the code changes no behaviour.
//!
//! ```
//! use std::{collections::BTreeMap, time::Duration};
//!
//! use gossip_core::{ChannelId, JoinChannel, OrgId, Request, Response};
//! use gossip_sim::{World, WorldConfig, block_payload, internal_endpoint, node_config};
//!
//! // Three peers of one organisation. The application joins them to a channel.
//! let mut world = World::new(WorldConfig::new(7));
//! let channel = ChannelId::new("payments");
//! let members = BTreeMap::from([(OrgId::new(b"bank"), Vec::new())]);
//! let mut nodes = Vec::new();
//! for peer in ["alice", "bob", "carol"] {
//!     let mut config = node_config("bank", peer);
//!     config.bootstrap = vec![internal_endpoint("bank", "alice")];
//!     let node = world.add(config)?;
//!     let config = JoinChannel { sequence: 1, members: members.clone() };
//!     world.request(node, Request::JoinChannel { channel: channel.clone(), config });
//!     world.start(node);
//!     nodes.push(node);
//! }
//!
//! // They find each other; all of this is virtual time.
//! assert!(world.wait(Duration::from_secs(30), |world| world.views_complete()));
//!
//! // Alice publishes a block. It reaches every ledger.
//! let block = world.orderer().block(&channel, 0, b"alice pays bob");
//! let id = world.request(nodes[0], Request::Publish { channel: channel.clone(), seq: 0, block });
//! assert!(world.wait(Duration::from_secs(10), |world| world.ledgers_complete(&channel, 1)));
//! let reply = world.take_reply(id);
//! assert!(matches!(reply, Some(Ok(Response::Published { fresh: true, .. }))));
//! let block = world.ledger(nodes[2]).block(&channel, 0).and_then(block_payload);
//! assert_eq!(block.as_deref(), Some(&b"alice pays bob"[..]));
//! world.audit();
//! assert!(world.violations().is_empty());
//! # Ok::<(), gossip_core::ConfigError>(())
//! ```
//!
//! # What is simulated
//! * **Transport**: links with latency and bandwidth; a large frame delays an urgent one by one
//!   chunk. Credit is returned when a frame has left the sender, so a slow or stalled link
//!   exhausts it; frames that a node does not admit wait at its end and hold the sender.
//! * **Identities**: text such as `org1/peer0#0` ([`identity`]). Signatures are hashes under a key
//!   that only the identity service has: altered and forged signatures fail. Identities can expire and be
//!   revoked.
//! * **Blocks**: made by the world's [`Orderer`], with a checksum under its key.
//! * **Ledgers** in memory ([`SimLedger`]), which may survive a crash.
//! * **Faults**: [`Fault`], immediate, planned, or random by [`Chaos`] and [`Storm`]; a [`FaultMask`] switches a
//!   class off without changing any other choice.
//!
//! # What is checked
//! While it runs, a world checks that commits are in order, one at a time, and that heights never fall;
//! that all chains are equal; that no dead node becomes alive in a view without having started; that no node sees
//! a peer that it must not know; and that links, dials, windows and outstanding checks stay within their bounds.
//! [`World::audit`] checks the state of each node. All breaches are in
//! [`World::violations`]. [`World::views_complete`] returns whether all nodes see each other.
//!
//! # Whole networks
//! [`Scenario`] runs organisations of peers that find each other and commit a chain, and summarises the
//! run in a [`Report`]; `gossip sim` runs it. [`Trial`] runs a network in a [`Storm`]; `gossip chaos` runs it.

mod agenda;
mod block;
mod chaos;
mod check;
mod crypto;
mod delivery;
mod fault;
mod ledger;
mod network;
mod node_id;
mod rng;
mod scenario;
mod stats;
mod storm;
mod trace;
mod trial;
mod world;

pub use self::block::{Orderer, block_payload};
pub use self::chaos::Chaos;
pub use self::check::{Breach, Violation};
pub use self::crypto::identity;
pub use self::delivery::Publication;
pub use self::fault::{Fault, FaultClass, FaultMask, Incarnation, LedgerFate};
pub use self::ledger::{ChainHash, SimLedger};
pub use self::node_id::NodeId;
pub use self::rng::Delay;
pub use self::scenario::{Idle, Phase, Progress, Report, Scenario, ScenarioError, Wall, Warm};
pub use self::stats::{Histogram, KindTraffic, Percentiles, Stats};
pub use self::storm::{Storm, StormPlan};
pub use self::trace::{Fingerprint, TraceHash};
pub use self::trial::{Trial, TrialReport};
pub use self::world::{
    Heard, SubmittedBlock, World, WorldConfig, external_endpoint, internal_endpoint, node_config,
};
