//! A deterministic simulator: thousands of gossip nodes on one event heap.
//!
//! Test an application in it before it meets a network. A [`World`] runs real
//! [`Node`](gossip_core::Node)s, the very state machines that the drivers run, and plays everything
//! around them in virtual time: transport, identity service, ledger and application.
//!
//! # What a run is
//! One thread takes one entry after the other from a heap ordered by time, entries of equal time in
//! the order in which they were planned. A node is touched only by something delivered to it or by
//! its own deadline. Every random choice comes from [`WorldConfig::seed`], each purpose with a
//! stream of its own. So the same configuration, calls and seed give the same run, and
//! [`World::trace_hash`] proves it, in any process on any platform. A [`Fingerprint`] tells more of a run, and what it
//! tells does not change with names: record it to see that a change of the code changes no behaviour.
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
//! # What is played
//! * **Transport**: links with latency and bandwidth; a large frame delays an urgent one by one
//!   chunk. Credit comes back when a frame has left the sender, so a slow or stalled receiver
//!   really exhausts it; what a node does not admit waits at its end and holds the sender.
//! * **Identities**: text such as `org1/peer0#0` ([`identity`]). Signatures are hashes under a key
//!   that only the identity service has: altered and forged ones fail. Identities can expire and be
//!   revoked.
//! * **Blocks**: made by the world's [`Orderer`], whose checksum nobody else can make.
//! * **Ledgers** in memory ([`SimLedger`]), which survive a crash or not.
//! * **Faults**: [`Fault`], at once, planned, or at random by [`Chaos`]; a [`FaultMask`] switches a
//!   class off without changing any other choice.
//!
//! # What is checked
//! While it runs, a world checks that commits come in order, one at a time, and never fall back;
//! that all chains are equal; that nobody who is down comes back to life; that nobody sees whom it
//! must not know; and that links, dials, windows and checks outstanding stay within their bounds.
//! [`World::audit`] compares each node's own account with the world's. What did not hold is in
//! [`World::violations`]. Whether everybody sees everybody is asked with [`World::views_complete`].
//!
//! # Whole networks
//! [`Scenario`] builds organisations of peers that find each other and commit a chain, and sums the
//! run up in a [`Report`]; `gossip sim` is a thin shell around it.

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
