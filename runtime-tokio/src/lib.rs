//! Runs the gossip driver on tokio.
//!
//! [`TokioRuntime`] is a handle to a tokio runtime with timers and I/O enabled. Everything that the
//! driver starts becomes a task of that runtime, whichever thread asks for it.
//!
//! ```
//! use std::time::Duration;
//!
//! use gossip_driver::Runtime;
//! use runtime_tokio::TokioRuntime;
//!
//! # fn main() -> std::io::Result<()> {
//! let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
//! tokio.block_on(async {
//!     let runtime = TokioRuntime::current();
//!     runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
//! });
//! # Ok(())
//! # }
//! ```
//!
//! # An application that embeds gossip
//!
//! Two peers over encrypted TCP, in memory otherwise. A real application takes its identity service
//! from `gossip-msp` and its ledger from `gossip-ledger`.
//!
//! ```
//! use gossip_driver::Gossip;
//! use gossip_driver::core::{Config, Endpoint, JoinChannel, OrgId};
//! use gossip_driver::testing::{MemLedger, TestCrypto};
//! use runtime_tokio::TokioRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! async fn start(name: &str, bootstrap: Option<&Endpoint>) -> Result<(Gossip, Endpoint), Error> {
//!     let listen = TcpConfig::new("127.0.0.1:0".into(), "example-net");
//!     let transport = TcpTransport::bind(TokioRuntime::current(), listen).await?;
//!     let local = transport.local_endpoint().clone();
//!     let crypto = TestCrypto::new("org1", name);
//!     let mut config = Config::new(crypto.identity(), local.clone());
//!     config.network_id = "example-net".into();
//!     config.bootstrap.extend(bootstrap.cloned());
//!     Ok((runtime_tokio::spawn(config, transport, crypto, MemLedger::new())?, local))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let (alice, alice_at) = start("alice", None).await?;
//!     let (bob, _) = start("bob", Some(&alice_at)).await?;
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
mod spawn;

pub use self::runtime::TokioRuntime;
pub use self::spawn::spawn;
