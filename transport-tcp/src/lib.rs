//! Noise-encrypted framed links over any runtime's TCP streams.
//!
//! [`TcpTransport`] listens, dials and turns connections into links that carry whole frames in
//! three classes. It knows the network, by [`TcpConfig::network_id`], but not who a remote is: that
//! the nodes prove to each other, bound to the handshake's hash.
//!
//! # On the wire
//! - **Handshake**: Noise XX with X25519 and SHA-256, after a preamble in which the dialler names
//!   the cipher and the network. Preamble and network id are bound into the handshake; another
//!   network is answered with a refusal, so that both sides can say what is wrong. The cipher is
//!   AES-256-GCM if the dialler's processor has instructions for it, else ChaCha20-Poly1305.
//!   Handshakes run side by side, are bounded in number and time, and never delay
//!   [`accept`](gossip_driver::Transport::accept).
//! - **Frames** share a Noise message of up to 64 KiB if they are small and are cut if they are
//!   large. Between two parts of a large frame more urgent ones go first, so a heartbeat waits for
//!   little more than one message, however large the block before it. Each write to the socket
//!   carries whole messages; under load that is 32 to 96 KiB.
//! - **What is on its way** and not yet read by the remote lies before the next urgent frame, in
//!   buffers of the system on both sides. So each side tells the other what it has read, and holds
//!   frames below control back beyond a window, which grows from 256 KiB to what the line needs and
//!   at most [`TcpConfig::window`]. On loopback, saturated, a heartbeat takes some 0.15 ms instead
//!   of 2 to 3 (example `behind_bulk`).
//! - **Reading** takes memory as bytes arrive, up to the caller's limit, never by a length that the
//!   remote announced, for one long frame at a time. A reader that stops stops the remote's writer. A remote that floods without ever
//!   completing a frame delays the other tasks of its thread by a few reads at a time.
//! - **Keys** change every 16,384 messages in each direction, as the Noise specification defines.
//! - **The end** of a stream is a sealed mark: a stream that was cut reads as an error.
//! - **Silence**: a quiet link sends keep-alives; one from which nothing arrives for
//!   [`TcpConfig::idle_timeout`] breaks, and so does one that leaves a frame unfinished for as long.
//!
//! # Example
//! ```
//! use gossip_driver::core::{Class, Endpoint};
//! use gossip_driver::{FrameReader, FrameWriter, Link, Runtime, Transport, frame_queue};
//! use runtime_smol::SmolRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! # fn main() -> Result<(), gossip_driver::TransportError> {
//! smol::block_on(async {
//!     let runtime = SmolRuntime::global();
//!     let config = TcpConfig::new(Endpoint::new("127.0.0.1:0"), "example network");
//!     let transport = TcpTransport::bind(runtime.clone(), config).await?;
//!
//!     let dialled = transport.dial(transport.local_endpoint()).await?;
//!     let accepted = transport.accept().await?;
//!     assert_eq!(dialled.binding(), accepted.binding());
//!
//!     let (sender, queue) = frame_queue(|| {});
//!     let (_reader, writer) = dialled.split();
//!     runtime.spawn(async move { writer.run(queue).await.unwrap_or_default() });
//!     sender.push(Class::Control, "hello".into());
//!     sender.finish();
//!
//!     let (mut reader, _writer) = accepted.split();
//!     assert_eq!(reader.read(100).await?.as_deref(), Some(b"hello".as_slice()));
//!     assert_eq!(reader.read(100).await?, None);
//!     assert_eq!(transport.stats().accepted, 1);
//!     Ok(())
//! })
//! # }
//! ```

mod cipher;
mod config;
mod decoder;
mod encoder;
mod fate;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod handshakes;
mod idle;
mod link;
mod listener;
mod reader;
mod records;
mod shared;
mod stats;
mod transport;
mod window;
mod writer;

pub use self::cipher::Cipher;
pub use self::config::TcpConfig;
pub use self::link::TcpLink;
pub use self::reader::TcpReader;
pub use self::stats::TcpStats;
pub use self::transport::TcpTransport;
pub use self::writer::TcpWriter;

#[cfg(test)]
mod tests;
