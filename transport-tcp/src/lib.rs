//! Noise-encrypted framed links over any runtime's TCP streams.
//!
//! [`TcpTransport`] listens, dials and turns connections into links that carry whole frames in
//! three classes. It knows the network, by [`TcpConfig::network_id`], but not the identity of a
//! remote: nodes prove their identities to each other, bound to the handshake's hash.
//!
//! # On the wire
//! - **Handshake**: Noise XX with X25519 and SHA-256, after a preamble in which the dialler names
//!   the cipher and the network. The preamble and the network id are the prologue of the handshake.
//!   A dialler of another network gets a refusal, so both sides can report the cause. The cipher is
//!   AES-256-GCM if the dialler's processor has AES instructions, else ChaCha20-Poly1305.
//!   Handshakes run concurrently, are bounded in number and time, and never delay
//!   [`accept`](gossip_driver::transport::Transport::accept).
//! - **Frames**: small frames share a Noise message of up to 64 KiB; large frames are cut into
//!   parts. More urgent frames go between two parts of a large one, so a heartbeat waits for little
//!   more than one message, whatever the size of the block before it. Each write to the socket
//!   carries whole messages: 32 to 96 KiB under load.
//! - **Flow control**: bytes that the remote has not read yet wait in socket buffers on both sides,
//!   before the next urgent frame. Each side therefore reports the bytes that it has consumed, and
//!   a sender keeps no more than a window of bytes below the control class in flight. The window
//!   grows from 256 KiB to what the line needs, at most [`TcpConfig::window`]. On saturated
//!   loopback a heartbeat takes about 0.15 ms with the window, 2 to 3 ms without (example
//!   `behind_bulk`).
//! - **Reading** allocates memory as bytes arrive, up to the caller's limit and for one long frame
//!   at a time; a length that the remote announces allocates nothing. If the reader stops, the
//!   remote's writer stops too. A remote that floods without completing a frame delays the other
//!   tasks of its thread by a few reads at a time.
//! - **Keys** change every 16,384 messages in each direction, as the Noise specification defines.
//! - **End of stream**: a sealed mark. A stream that is cut off before it reads as an error.
//! - **Silence**: a quiet link sends keep-alives. A link breaks if nothing arrives for
//!   [`TcpConfig::idle_timeout`], or if a frame makes no progress for as long.
//!
//! # Example
//! ```
//! use gossip_driver::core::{Class, Endpoint};
//! use gossip_driver::transport::{FrameReader, FrameWriter, Link, Transport, frame_queue};
//! use gossip_driver::Runtime;
//! use runtime_smol::SmolRuntime;
//! use transport_tcp::{TcpConfig, TcpTransport};
//!
//! # fn main() -> Result<(), gossip_driver::transport::TransportError> {
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

mod addresses;
mod cipher;
mod close_signal;
mod config;
mod decoder;
mod encoder;
mod flow;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod handshake;
mod handshakes;
mod idle_timer;
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
