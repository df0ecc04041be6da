//! Runs the gossip driver on smol, and inside async-std applications.
//!
//! [`SmolRuntime`] starts its tasks on smol's global executor, or on an executor of the
//! application's own. Timers and sockets are served by the `async-io` reactor, which async-std
//! shares: an async-std application hands a [`SmolRuntime`] to the driver and awaits its handles
//! like any other future (the example `async_std` is such an application).
//!
//! ```
//! use std::time::Duration;
//!
//! use gossip_driver::Runtime;
//! use runtime_smol::SmolRuntime;
//!
//! let runtime = SmolRuntime::global();
//! smol::block_on(async {
//!     runtime.sleep_until(runtime.now() + Duration::from_millis(1)).await;
//! });
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
//! use runtime_smol::SmolRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! type Error = Box<dyn std::error::Error>;
//!
//! async fn start(name: &str, bootstrap: Option<&Endpoint>) -> Result<(Gossip, Endpoint), Error> {
//!     let listen = TcpConfig::new("127.0.0.1:0".into(), "example-net");
//!     let transport = TcpTransport::bind(SmolRuntime::global(), listen).await?;
//!     let local = transport.local_endpoint().clone();
//!     let crypto = TestCrypto::new("org1", name);
//!     let mut config = Config::new(crypto.identity(), local.clone());
//!     config.network_id = "example-net".into();
//!     config.bootstrap.extend(bootstrap.cloned());
//!     Ok((runtime_smol::spawn(config, transport, crypto, MemLedger::new())?, local))
//! }
//!
//! # fn main() -> Result<(), Error> {
//! smol::block_on(async {
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
//! })
//! # }
//! ```

mod runtime;
mod spawn;

pub use self::runtime::{Sleep, SmolRuntime};
pub use self::spawn::spawn;
