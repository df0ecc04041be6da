//! An in-process network with latency, bandwidth and failing links, for tests of the driver and of
//! applications.
//!
//! A [`MemNetwork`] is made from a seed; each node gets a [`MemTransport`] from it by name. Links
//! have the properties that [`Conditions`] set and bounded buffers, and interleave classes chunk by
//! chunk as a real transport does. Frames are shared, not copied. Links and nodes fail on command:
//!
//! | call | effect |
//! | --- | --- |
//! | [`cut`](MemNetwork::cut), [`heal`](MemNetwork::heal) | links break, dials fail, until healed |
//! | [`break_links`](MemNetwork::break_links) | links break; the nodes may dial again |
//! | [`stall`](MemNetwork::stall) | nothing is delivered, nothing breaks |
//! | [`refuse_dials`](MemNetwork::refuse_dials) | all dials to the node fail |
//! | [`Conditions::mean_lifetime`] | links break by themselves |
//!
//! There is no encryption: frames never leave the process.
//!
//! ```
//! use gossip_driver::core::Class;
//! use gossip_driver::transport::{FrameReader, FrameWriter, Link, Transport, frame_queue};
//! use gossip_driver::Runtime;
//! use runtime_smol::SmolRuntime;
//! use transport_mem::MemNetwork;
//!
//! # fn main() -> Result<(), gossip_driver::transport::TransportError> {
//! let network = MemNetwork::new(7);
//! let runtime = SmolRuntime::global();
//! let anna = network.endpoint(runtime.clone(), "anna")?;
//! let bert = network.endpoint(runtime.clone(), "bert")?;
//!
//! smol::block_on(async {
//!     let dialled = anna.dial(bert.local_endpoint()).await?;
//!     let accepted = bert.accept().await?;
//!     assert_eq!(dialled.binding(), accepted.binding());
//!
//!     let (sender, queue) = frame_queue(|| {});
//!     let (_reader, writer) = dialled.split();
//!     runtime.spawn(async move { writer.run(queue).await.unwrap_or_default() });
//!     sender.push(Class::Control, "hello".into());
//!
//!     let (mut reader, _writer) = accepted.split();
//!     assert_eq!(reader.read(100).await?.as_deref(), Some(b"hello".as_slice()));
//!
//!     network.cut("anna", "bert");
//!     assert!(reader.read(100).await.is_err());
//!     Ok(())
//! })
//! # }
//! ```

mod conditions;
mod link;
mod network;
mod pipe;
mod reader;
mod transport;
mod writer;

pub use self::conditions::Conditions;
pub use self::link::MemLink;
pub use self::network::MemNetwork;
pub use self::reader::MemReader;
pub use self::transport::MemTransport;
pub use self::writer::MemWriter;
