//! For authors of transports: the traits, the queue of frames to send, and helpers for time limits.
//!
//! A transport implements [`Transport`], [`Link`], [`FrameReader`] and [`FrameWriter`]. The crate's
//! front page has a complete one of eighty lines; `testing::transport` (feature `testing`) checks an
//! implementation.

mod frame_queue;
mod time;

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use gossip_core::{Binding, Endpoint};
use thiserror::Error;

pub use self::frame_queue::{FrameQueue, FrameSender, Outgoing, frame_queue};
pub use self::time::{deadline, later, within, yield_now};
pub use crate::counter::Counter;
pub use crate::counters;

/// Carries frames between nodes: reliable, ordered within a class, confidential, and bound to a
/// connection. It does not identify the remote: the core does.
///
/// No method needs to be safe against cancellation: each future runs to its end in a task of its own,
/// unless the link or the driver is dropped as a whole. Check an implementation with
/// `testing::transport` (feature `testing`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transport",
    note = "give the builder a transport by `.transport(..)`: a `TcpTransport`, a `MemTransport`, or a type that \
            implements `Transport`"
)]
pub trait Transport: Send + Sync + 'static {
    /// A connection.
    type Link: Link;

    /// The next incoming connection, with its transport handshake done. The transport itself logs and
    /// counts failed handshakes; it does not return them.
    ///
    /// # Errors
    /// [`TransportError::Closed`] if there are no more connections; the driver then stops calling. After
    /// any other error it calls again.
    fn accept(&self) -> impl Future<Output = Result<Self::Link, TransportError>> + Send;

    /// Connects to `to` and does the transport's handshake. The driver drops the future when it takes
    /// longer than the core's `link.dial_timeout`.
    ///
    /// # Errors
    /// The step that failed.
    fn dial(
        &self,
        to: &Endpoint,
    ) -> impl Future<Output = Result<Self::Link, TransportError>> + Send;

    /// Stops listening and releases the address; links stay open. The address can be bound again when it
    /// returns. The driver calls it when the node stops, and waits at most
    /// [`DriverConfig::shutdown_timeout`](crate::DriverConfig).
    fn close(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// The network id that its handshakes are bound to, so that links to peers of another network fail. `None` if it
    /// has none.
    fn network_id(&self) -> Option<Bytes> {
        None
    }

    /// The address that it listens on, as peers dial it without a proxy in between. `None` if it has none.
    fn local_endpoint(&self) -> Option<Endpoint> {
        None
    }

    /// Whether its endpoints are `host:port`. If not, an endpoint without a port is a name that it resolves itself.
    fn needs_port(&self) -> bool {
        false
    }

    /// The transport's counters, by name: part of [`NodeMetrics`](crate::NodeMetrics::transport).
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

impl<T: Transport> Transport for Arc<T> {
    type Link = T::Link;

    fn accept(&self) -> impl Future<Output = Result<Self::Link, TransportError>> + Send {
        (**self).accept()
    }

    fn dial(
        &self,
        to: &Endpoint,
    ) -> impl Future<Output = Result<Self::Link, TransportError>> + Send {
        (**self).dial(to)
    }

    fn close(&self) -> impl Future<Output = ()> + Send {
        (**self).close()
    }

    fn network_id(&self) -> Option<Bytes> {
        (**self).network_id()
    }

    fn local_endpoint(&self) -> Option<Endpoint> {
        (**self).local_endpoint()
    }

    fn needs_port(&self) -> bool {
        (**self).needs_port()
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        (**self).counters()
    }
}

/// A connection whose transport handshake is done.
pub trait Link: Send + 'static {
    /// Its incoming half.
    type Reader: FrameReader;
    /// Its outgoing half.
    type Writer: FrameWriter;

    /// The remote's transport address, for traces.
    fn remote(&self) -> Endpoint;

    /// Binds the node's authentication to this connection.
    fn binding(&self) -> Binding;

    /// Separates the halves.
    fn split(self) -> (Self::Reader, Self::Writer);
}

/// The incoming half of a link.
pub trait FrameReader: Send + 'static {
    /// The next whole frame; `None` after the remote has closed its half in order.
    ///
    /// Allocate memory as bytes arrive, never by a length that the remote announces. A reader whose
    /// socket always has more bytes calls [`yield_now`] now and then: otherwise a remote that never
    /// completes a frame occupies a thread of the executor.
    ///
    /// # Errors
    /// [`TransportError::FrameTooLong`] if a frame exceeds `limit` bytes; the link is then unusable.
    fn read(
        &mut self,
        limit: usize,
    ) -> impl Future<Output = Result<Option<Bytes>, TransportError>> + Send;
}

/// The outgoing half of a link.
pub trait FrameWriter: Send + 'static {
    /// Sends the frames of `queue`, the most urgent class first, until the queue ends; then flushes
    /// and closes its half, so that the remote reads all frames and then the end.
    ///
    /// The writer calls [`Outgoing::flushed`] for each frame that is written in whole. This returns the
    /// frame's credit; without credit the core soon stops sending. A writer that cuts frames into
    /// chunks calls [`FrameQueue::try_next_above`] between chunks, so that a large frame delays an urgent
    /// one by at most one chunk.
    ///
    /// # Errors
    /// The connection broke.
    fn run(self, queue: FrameQueue) -> impl Future<Output = Result<(), TransportError>> + Send;
}

/// Why a transport failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The transport cannot parse the address.
    #[error("cannot read the address {0}: expected host:port")]
    BadAddress(Endpoint),
    /// The transport cannot listen.
    #[error("cannot listen on {endpoint}: {reason}")]
    Bind {
        /// The address.
        endpoint: Endpoint,
        /// The error of the operating system.
        reason: std::io::Error,
    },
    /// The transport's configuration cannot be used.
    #[error("the transport's configuration cannot be used: {0}")]
    Config(&'static str),
    /// No connection to the address can be made.
    #[error("{0} does not answer")]
    Unreachable(Endpoint),
    /// The handshake or the link took too long.
    #[error("no answer in time")]
    TimedOut,
    /// The remote belongs to another network.
    #[error("the remote belongs to another network: check the network id on both sides")]
    WrongNetwork,
    /// The remote declined the connection for the reason given.
    #[error("the remote refuses the connection: {0}")]
    Refused(String),
    /// The handshake failed.
    #[error("the transport's handshake failed: {0}")]
    Handshake(String),
    /// A frame is longer than allowed.
    #[error("a frame is longer than the {limit} bytes allowed")]
    FrameTooLong {
        /// The limit.
        limit: usize,
    },
    /// The remote broke the framing.
    #[error("the remote broke the framing: {0}")]
    Framing(&'static str),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] std::io::Error),
    /// The transport or link is closed.
    #[error("the transport is closed")]
    Closed,
}
