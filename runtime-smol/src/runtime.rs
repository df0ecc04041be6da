use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gossip_driver::core::Endpoint;
use gossip_driver::{Runtime, TcpRuntime};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, Timer};
#[cfg(any(target_os = "linux", target_os = "android"))]
use socket2::SockRef;

/// The most unsent bytes that the system buffers for one connection. More would only delay urgent frames behind them.
/// Bytes that are sent and not yet acknowledged do not count.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 << 10;

/// A smol executor. Clones share it; a clone costs one reference count.
#[derive(Clone, Debug)]
pub struct SmolRuntime {
    executor: Option<Arc<Executor<'static>>>,
}

impl SmolRuntime {
    /// Runs tasks on smol's global executor, whose number of threads the environment variable
    /// `SMOL_THREADS` sets (default 1).
    #[must_use]
    pub const fn global() -> Self {
        Self { executor: None }
    }

    /// Runs tasks on `executor`; the application must keep driving it.
    #[must_use]
    pub const fn new(executor: Arc<Executor<'static>>) -> Self {
        Self {
            executor: Some(executor),
        }
    }
}

impl Default for SmolRuntime {
    fn default() -> Self {
        Self::global()
    }
}

impl Runtime for SmolRuntime {
    type Sleep = Sleep;

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep {
            timer: Timer::at(deadline),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        match &self.executor {
            Some(executor) => executor.spawn(task).detach(),
            None => smol::spawn(task).detach(),
        }
    }
}

impl TcpRuntime for SmolRuntime {
    type Stream = TcpStream;
    // The handle is shared and the reactor keeps one waker per direction.
    type ReadHalf = TcpStream;
    type WriteHalf = TcpStream;
    type Listener = TcpListener;

    fn split(stream: TcpStream) -> (TcpStream, TcpStream) {
        (stream.clone(), stream)
    }

    async fn resolve(&self, name: &Endpoint) -> io::Result<Vec<SocketAddr>> {
        smol::net::resolve(name.as_str()).await
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(to).await?;
        prepare(&stream)?;
        Ok(stream)
    }

    async fn bind(&self, on: &Endpoint) -> io::Result<TcpListener> {
        TcpListener::bind(on.as_str()).await
    }

    fn local_endpoint(&self, listener: &TcpListener) -> io::Result<Endpoint> {
        Ok(Endpoint::new(&listener.local_addr()?.to_string()))
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, Endpoint)> {
        let (stream, remote) = listener.accept().await?;
        prepare(&stream)?;
        Ok((stream, Endpoint::new(&remote.to_string())))
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    stream.set_nodelay(true)
}

/// Completes at its deadline.
#[derive(Debug)]
pub struct Sleep {
    timer: Timer,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}
