//! Runs a gossip node on smol, and in async-std applications.
//!
//! [`builder`] returns a builder of a node on smol's global executor; [`SmolRuntime`] also runs on an executor of the
//! application. Timers and sockets use the `async-io` reactor, which async-std shares: an async-std application builds
//! a node in the same way and awaits the operations of its handles like any other future.
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
//! use runtime_smol::SmolRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! async fn start(name: &str, bootstrap: Option<Endpoint>) -> Result<(Gossip, Endpoint), Error> {
//!     let listen = TcpConfig::new("127.0.0.1:0".into(), "example-net");
//!     let transport = TcpTransport::bind(SmolRuntime::global(), listen).await?;
//!     let endpoint = transport.local_endpoint().clone();
//!     let gossip = runtime_smol::builder()
//!         .identity(TestCrypto::new("org1", name))
//!         .transport(transport)
//!         .ledger(MemLedger::new())
//!         .bootstrap(bootstrap)
//!         .spawn()?;
//!     Ok((gossip, endpoint))
//! }
//!
//! # fn main() -> Result<(), Error> {
//! smol::block_on(async {
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
//! })
//! # }
//! ```

mod runtime;

use gossip_driver::Gossip;
use gossip_driver::builder::Builder;

pub use self::runtime::{Sleep, SmolRuntime};

/// A builder of a node on smol's global executor. For another executor, pass a [`SmolRuntime`] to
/// [`Builder::runtime`].
pub fn builder() -> Builder<SmolRuntime> {
    Gossip::builder().runtime(SmolRuntime::global())
}
