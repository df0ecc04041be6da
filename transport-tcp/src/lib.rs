//! Noise-encrypted framed links over any runtime's TCP streams.

mod cipher;
mod config;
mod deadline;
mod decoder;
mod encoder;
mod fate;
mod handshake;
mod idle;
mod link;
mod listener;
mod reader;
mod records;
mod stats;
mod transport;
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
