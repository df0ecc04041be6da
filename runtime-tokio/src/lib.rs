//! Runs a gossip node on tokio.
//!
//! [`builder`] returns a builder of a node on the current runtime. [`TokioRuntime`] is a handle of a tokio runtime
//! with timers and I/O enabled: the node's tasks run on that runtime, whichever thread spawns them.
//!
//! # Example
//!
//! Two peers over encrypted TCP, with the identities and ledgers of tests. The crate `fabric-gossip` has an example
//! with certificates and ledgers on disk.
//!
//! ```
//! use gossip_driver::Gossip;
//! use gossip_driver::core::{Endpoint, JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use runtime_tokio::TokioRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! async fn start(name: &str, bootstrap: Option<Endpoint>) -> Result<(Gossip, Endpoint), Error> {
//!     let listen = TcpConfig::new("127.0.0.1:0".into(), "example-net");
//!     let transport = TcpTransport::bind(TokioRuntime::current(), listen).await?;
//!     let endpoint = transport.local_endpoint().clone();
//!     let gossip = runtime_tokio::builder()
//!         .identity(TestCrypto::new("org1", name))
//!         .transport(transport)
//!         .ledger(MemLedger::new())
//!         .bootstrap(bootstrap)
//!         .spawn()?;
//!     Ok((gossip, endpoint))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let (alice, alice_at) = start("alice", None).await?;
//!     let (bob, _) = start("bob", Some(alice_at)).await?;
//!
//!     let members = JoinChannel { sequence: 1, members: [(OrgId::new(b"org1"), vec![])].into() };
//!     let publisher = alice.join_channel("trade", members.clone()).await?;
//!     let receiver = bob.join_channel("trade", members).await?;
//!     publisher.wait_peers(1).await?;
//!     for seq in 0..10 {
//!         publisher.publish(seq, format!("block {seq}")).await?;
//!     }
//!     assert_eq!(receiver.wait_height(10).await?, 10);
//!
//!     alice.shutdown().await;
//!     bob.shutdown().await;
//!     Ok(())
//! }
//! ```

mod runtime;

use gossip_driver::Gossip;
use gossip_driver::builder::Builder;

pub use self::runtime::TokioRuntime;

/// A builder of a node on the current tokio runtime. For another runtime, pass a [`TokioRuntime`] to
/// [`Builder::runtime`].
///
/// # Panics
/// Outside a tokio runtime, as [`TokioRuntime::current`] does.
pub fn builder() -> Builder<TokioRuntime> {
    Gossip::builder().runtime(TokioRuntime::current())
}
