//! An in-process network with latency, loss of links and bandwidth.

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
