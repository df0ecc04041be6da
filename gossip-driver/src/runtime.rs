//! The async runtime of a node.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use futures_io::{AsyncRead, AsyncWrite};
use gossip_core::Endpoint;

/// An async runtime: a clock, a timer and a way to start tasks.
///
/// Implement it to run gossip on an executor of your own, and check the implementation with
/// `testing::runtime` (feature `testing`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an async runtime",
    note = "give the builder a runtime by `.runtime(..)`: a `TokioRuntime`, a `SmolRuntime`, or a type that \
            implements `Runtime`; `gossip::tokio::builder()` and `gossip::smol::builder()` have one already"
)]
pub trait Runtime: Clone + Send + Sync + 'static {
    /// Completes at its deadline.
    type Sleep: Future<Output = ()> + Send;

    /// The current instant. Override it together with `sleep_until` on a runtime whose time can be paused.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// A future that completes at `deadline`, or at once if that has passed.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;

    /// Runs `task` to its end, independently of the caller. Must not block.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);
}

/// A runtime that has TCP.
pub trait TcpRuntime: Runtime {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;
    /// The incoming half of a connection.
    type ReadHalf: AsyncRead + Send + Unpin + 'static;
    /// The outgoing half of a connection. Closing it ends the remote's reading.
    type WriteHalf: AsyncWrite + Send + Unpin + 'static;
    /// A listening socket.
    type Listener: Send + Sync + 'static;

    /// Separates the halves, so that two tasks can use them at the same time without a lock. The
    /// connection closes when both are dropped.
    fn split(stream: Self::Stream) -> (Self::ReadHalf, Self::WriteHalf);

    /// Looks up the addresses of `host:port`, in the order of the resolver.
    fn resolve(&self, name: &Endpoint) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;

    /// Connects to an address, without Nagle's algorithm.
    fn connect(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Listens on `host:port`; port 0 picks a free one.
    fn bind(&self, on: &Endpoint) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// The address that a listener is bound to.
    ///
    /// # Errors
    /// The error of the operating system.
    fn local_endpoint(&self, listener: &Self::Listener) -> io::Result<Endpoint>;

    /// The next connection, without Nagle's algorithm, and the remote's address.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, Endpoint)>> + Send;
}
