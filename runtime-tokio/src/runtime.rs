use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use gossip_driver::core::Endpoint;
use gossip_driver::{Runtime, TcpRuntime};
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockRef;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::time::Sleep;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _, TokioAsyncWriteCompatExt as _};
use tokio_util::context::TokioContext;

/// The most unsent bytes that the system buffers for one connection. More would only delay urgent frames behind them.
/// Bytes that are sent and not yet acknowledged do not count.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// A tokio runtime. Clones share it; a clone costs one reference count.
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// Runs on the runtime behind `handle`, which must have timers and I/O enabled.
    #[must_use]
    pub const fn new(handle: Handle) -> Self {
        Self { handle }
    }

    /// The runtime of the calling task.
    ///
    /// # Panics
    /// Outside a tokio runtime, as [`Handle::current`] does.
    #[must_use]
    pub fn current() -> Self {
        Self::new(Handle::current())
    }
}

impl Runtime for TokioRuntime {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let _context = self.handle.enter();
        tokio::time::sleep_until(deadline.into())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.handle.spawn(task);
    }
}

impl TcpRuntime for TokioRuntime {
    type Stream = Compat<TcpStream>;
    type ReadHalf = Compat<OwnedReadHalf>;
    type WriteHalf = Compat<OwnedWriteHalf>;
    type Listener = TcpListener;

    fn split(stream: Self::Stream) -> (Self::ReadHalf, Self::WriteHalf) {
        let (reader, writer) = stream.into_inner().into_split();
        (reader.compat(), writer.compat_write())
    }

    async fn resolve(&self, name: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        let lookup = tokio::net::lookup_host(name.as_str());
        let addresses = TokioContext::new(lookup, self.handle.clone()).await?;
        Ok(addresses.collect())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let connect = TcpStream::connect(to);
        prepare(TokioContext::new(connect, self.handle.clone()).await?)
    }

    async fn bind(&self, on: &Endpoint) -> io::Result<TcpListener> {
        TokioContext::new(TcpListener::bind(on.as_str()), self.handle.clone()).await
    }

    fn local_endpoint(&self, listener: &TcpListener) -> io::Result<Endpoint> {
        Ok(Endpoint::new(&listener.local_addr()?.to_string()))
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(Self::Stream, Endpoint)> {
        let accept = listener.accept();
        let (stream, remote) = TokioContext::new(accept, self.handle.clone()).await?;
        Ok((prepare(stream)?, Endpoint::new(&remote.to_string())))
    }
}

fn prepare(stream: TcpStream) -> io::Result<Compat<TcpStream>> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT)?;
    Ok(stream.compat())
}
